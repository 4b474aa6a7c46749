// The shape operations that must move numbers: Reshape where strides forbid a view, Pad and Concat. The others are
// views and never come here. All three are one strided copy.

// A row of a few packs, without the cost of calling memcpy for it.
template <class T>
void copy_row(T* to, const T* from, std::int64_t n) {
  constexpr std::int64_t few = 4;
  if constexpr (kPacksCompute<T>) {
    if (n <= few * kLanes<T>) {
      std::int64_t i = 0;
      for (; i + kLanes<T> <= n; i += kLanes<T>) store(to + i, load(from + i));
      if (i < n) store_part(to + i, load_part(from + i, static_cast<int>(n - i)), static_cast<int>(n - i));
      return;
    }
  }
  std::copy_n(from, n, to);
}

template <class T>
void copy_strided(T* to, const Strides& to_strides, const T* from, const Strides& from_strides, const Shape& shape) {
  const Walk<2> walk = make_walk<2>(shape, {to_strides, from_strides});
  const std::int64_t to_step = walk.row_stride()[0], from_step = walk.row_stride()[1];
  const std::int64_t n = walk.row_length();
  for_each_row(walk, [&](const Offsets<2>& offset) {
    T* __restrict out = to + offset[0];
    const T* in = from + offset[1];
    if (to_step == 1 && from_step == 1) {
      copy_row(out, in, n);
    } else {
      for (std::int64_t i = 0; i < n; ++i) out[i * to_step] = in[i * from_step];
    }
  });
}

inline void reshape_kernel(const KernelCall& call) {
  const Tensor& x = *call.inputs[0];
  for_any("reshape", x.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    // The order of elements is the same before and after, so the output is filled as if it had x's shape.
    copy_strided(call.output.mutable_data<T>(), contiguous_strides(x.shape()), x.data<T>(), x.strides(), x.shape());
  });
}

// Attributes low, high, step belong to the last axes; the axes before them are batch axes.
// Along each: low zeros, the elements with step - 1 zeros between neighbours, high zeros.
inline void pad_kernel(const KernelCall& call) {
  const Tensor& x = *call.inputs[0];
  const Attributes& attributes = call.attributes;
  Strides strides = contiguous_strides(call.output.shape());
  std::int64_t start = 0;
  for (int d = 1; d <= attributes.low.rank(); ++d) start += attributes.low[-d] * strides[-d];
  for (int d = 1; d <= attributes.step.rank(); ++d) strides[-d] *= attributes.step[-d];
  for_any("pad", x.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    T* out = call.output.mutable_data<T>();
    std::fill_n(out, call.output.size(), T(0));
    copy_strided(out + start, strides, x.data<T>(), x.strides(), x.shape());
  });
}

// Attribute axes[0]: the axis, counted from the end.
inline void concat_kernel(const KernelCall& call) {
  const int axis = static_cast<int>(call.attributes.axes[0]);
  check_inputs("concat", call, call.output.dtype());
  const Strides strides = contiguous_strides(call.output.shape());
  for_any("concat", call.output.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    T* out = call.output.mutable_data<T>();
    for (const Tensor* part : call.inputs) {
      Shape shape = call.output.shape();
      shape[-axis] = part->shape()[-axis];
      copy_strided(out, strides, part->data<T>(), broadcast_strides(*part, shape), shape);
      out += shape[-axis] * strides[-axis];
    }
  });
}
