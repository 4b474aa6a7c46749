// Gather, ScatterAdd, TakeAlong, ScatterAddAlong, ArgSort.
//
// The first four are one loop. There is a list of positions p; at each, an int64 index chooses an entry along one
// axis (length n) of the indexed tensor, and the other tensor, which has the shape of the positions, gives or takes
// one number:
//
//   operation         indexed    plain    positions                at each position
//   Gather            x          result   L + I + R                plain[p] = indexed[l, index, r]
//   ScatterAdd        result     x        L + I + R                indexed[l, index, r] += plain[p]
//   TakeAlong         x          result   batch + S'               plain[p] = indexed[p with index on the axis]
//   ScatterAddAlong   result     x        batch + S'               indexed[p with index on the axis] += plain[p]
//
// The indexed tensor has shape L + [n] + R, or batch + S with n on the axis. I is the shape of the indices for Gather
// and ScatterAdd (attribute axes[0] = rank(R) + 1, the axis counted from the end in the indexed tensor); for the other
// two S' is, S being S' with n on the axis, and indices repeat over the batch axes. Positions are visited in row-major
// order, so additions to one entry happen in ascending order of the index position.

// How the positions step through the three tensors; 0 along axes that do not move them.
struct IndexWalk {
  Walk<3> walk;             // plain, indices, indexed
  std::int64_t count = 0;   // n
  std::int64_t stride = 0;  // of the indexed tensor along its axis
};

// Gather and ScatterAdd.
inline IndexWalk walk_over_axis(const Tensor& plain, const Tensor& indices, const Tensor& indexed, int axis) {
  const int rest = axis - 1;                                 // rank of R
  const int leading = plain.rank() - indices.rank() - rest;  // rank of L
  const Strides index_strides = Dims::filled(leading, 0) + indices.strides() + Dims::filled(rest, 0);
  const Strides entry_strides = indexed.strides().part(0, leading) + Dims::filled(indices.rank(), 0) +
                                indexed.strides().part(leading + 1, indexed.rank());
  return {make_walk<3>(plain.shape(), {plain.strides(), index_strides, entry_strides}), indexed.shape()[-axis],
          indexed.strides()[-axis]};
}

// TakeAlong and ScatterAddAlong.
inline IndexWalk walk_along_axis(const Tensor& plain, const Tensor& indices, const Tensor& indexed, int axis) {
  Strides entry_strides = indexed.strides();
  entry_strides[-axis] = 0;
  return {make_walk<3>(plain.shape(), {plain.strides(), broadcast_strides(indices, plain.shape()), entry_strides}),
          indexed.shape()[-axis], indexed.strides()[-axis]};
}

inline std::int64_t checked_index(const char* op, std::int64_t index, std::int64_t count) {
  if (index < 0 || index >= count) {
    throw std::invalid_argument(str("[", op, "] index ", index, " is outside [0, ", count, ")"));
  }
  return index;
}

// Calls row(plain offset, indexed offset, steps of both, length) for runs of positions that share one index.
template <class Run>
void for_each_run(const char* op, const IndexWalk& index_walk, const Tensor& indices, Run run) {
  const Offsets<3>& step = index_walk.walk.row_stride();
  const std::int64_t* index = indices.data<std::int64_t>();
  const std::int64_t n = index_walk.walk.row_length();
  const std::int64_t run_length = step[1] == 0 ? n : 1;
  for_each_row(index_walk.walk, [&](const Offsets<3>& offset) {
    for (std::int64_t i = 0; i < n; i += run_length) {
      const std::int64_t entry = checked_index(op, index[offset[1] + i * step[1]], index_walk.count);
      run(offset[0] + i * step[0], offset[2] + i * step[2] + entry * index_walk.stride, run_length);
    }
  });
}

template <class T>
void take(const char* op, const KernelCall& call, const IndexWalk& index_walk) {
  const T* x = call.inputs[0]->data<T>();
  T* out = call.output.mutable_data<T>();
  const std::int64_t out_step = index_walk.walk.row_stride()[0], x_step = index_walk.walk.row_stride()[2];
  for_each_run(op, index_walk, *call.inputs[1], [&](std::int64_t to, std::int64_t from, std::int64_t n) {
    for (std::int64_t j = 0; j < n; ++j) out[to + j * out_step] = x[from + j * x_step];
  });
}

template <class T>
void scatter(const char* op, const KernelCall& call, const IndexWalk& index_walk) {
  const T* x = call.inputs[0]->data<T>();
  T* out = call.output.mutable_data<T>();
  std::fill_n(out, call.output.size(), T(0));
  const std::int64_t x_step = index_walk.walk.row_stride()[0], out_step = index_walk.walk.row_stride()[2];
  for_each_run(op, index_walk, *call.inputs[1], [&](std::int64_t from, std::int64_t to, std::int64_t n) {
    for (std::int64_t j = 0; j < n; ++j) out[to + j * out_step] += x[from + j * x_step];
  });
}

inline void check_index_type(const char* op, const Tensor& indices) {
  if (indices.dtype() != DType::Int64) {
    throw std::invalid_argument(str("[", op, "] indices must be int64, got ", indices.dtype()));
  }
}

using MakeIndexWalk = IndexWalk (*)(const Tensor& plain, const Tensor& indices, const Tensor& indexed, int axis);

inline void take_kernel(const char* op, const KernelCall& call, MakeIndexWalk make) {
  check_index_type(op, *call.inputs[1]);
  const IndexWalk walk = make(call.output, *call.inputs[1], *call.inputs[0], static_cast<int>(call.attributes.axes[0]));
  for_any(op, call.output.dtype(), [&](auto type) { take<typename decltype(type)::type>(op, call, walk); });
}

inline void scatter_kernel(const char* op, const KernelCall& call, MakeIndexWalk make) {
  check_index_type(op, *call.inputs[1]);
  const IndexWalk walk = make(*call.inputs[0], *call.inputs[1], call.output, static_cast<int>(call.attributes.axes[0]));
  for_any(op, call.output.dtype(), [&](auto type) { scatter<typename decltype(type)::type>(op, call, walk); });
}

inline void gather_kernel(const KernelCall& call) { take_kernel("gather", call, walk_over_axis); }
inline void take_along_kernel(const KernelCall& call) { take_kernel("take_along_axis", call, walk_along_axis); }
inline void scatter_add_kernel(const KernelCall& call) { scatter_kernel("scatter_add", call, walk_over_axis); }
inline void scatter_add_along_kernel(const KernelCall& call) {
  scatter_kernel("scatter_add_along_axis", call, walk_along_axis);
}

// Ascending and stable along axes[0] (counted from the end), NaN last.
template <class T>
void argsort(const KernelCall& call) {
  const Tensor& x = *call.inputs[0];
  const int axis = static_cast<int>(call.attributes.axes[0]);
  const std::int64_t n = x.shape()[-axis];
  const Strides out_strides = contiguous_strides(x.shape());
  Shape lines = x.shape();
  lines[-axis] = 1;
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  for_each_element(make_walk<2>(lines, {x.strides(), out_strides}), [&](const Offsets<2>& offset) {
    if (n == 0) return;
    const Spaced<T> line{x.data<T>() + offset[0], x.strides()[-axis]};
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](std::int64_t i, std::int64_t j) {
      const T a = line[i], b = line[j];
      return a < b || (b != b && a == a);
    });
    std::int64_t* out = call.output.mutable_data<std::int64_t>() + offset[1];
    for (std::int64_t i = 0; i < n; ++i) out[i * out_strides[-axis]] = order[static_cast<std::size_t>(i)];
  });
}

inline void argsort_kernel(const KernelCall& call) {
  for_any("argsort", call.inputs[0]->dtype(), [&](auto type) { argsort<typename decltype(type)::type>(call); });
}
