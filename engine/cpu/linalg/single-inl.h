// Kernels that take one matrix after the other: factors of large orders, determinants from factors, eigenvalues.

// Calls body(index) for every matrix, shared among threads; `terms` is the work for one in multiply-adds.
template <class Body>
void for_each_matrix(std::int64_t matrices, std::int64_t terms, const Body& body) {
  parallel_for(matrices, pieces_of(matrices, terms), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t index = begin; index < end; ++index) body(index);
  });
}

template <class T>
void cholesky_one_by_one(const KernelCall& call) {
  const Tensor& input = *call.inputs[0];
  const std::int64_t n = input.shape()[-1];
  const BatchOffsets offsets = batch_offsets(input, batch_shape(input));
  for_each_matrix(input.size() / (n * n), n * n * n / 6, [&](std::int64_t index) {
    cholesky_of_one<T>(strided_matrix<T>(input, offsets(index)), call.output.mutable_data<T>() + index * n * n, n);
  });
}

template <class T>
void lu_one_by_one(const KernelCall& call) {
  const Tensor& input = *call.inputs[0];
  const std::int64_t n = input.shape()[-1];
  const BatchOffsets offsets = batch_offsets(input, batch_shape(input));
  for_each_matrix(input.size() / (n * n), n * n * n / 3, [&](std::int64_t index) {
    lu_of_one<T>(strided_matrix<T>(input, offsets(index)), call.output.mutable_data<T>() + index * (n + 1) * n, n);
  });
}

// -- determinants --

// out[index] = number(factor, n) for every factored matrix of order n.
template <class F>
void number_of_each(const char* op, const KernelCall& call, const Tensor& factor, const F& number) {
  for_floating(op, factor.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    const BatchOffsets offsets = batch_offsets(factor, batch_shape(factor));
    const std::int64_t n = factor.shape()[-1];
    T* out = call.output.mutable_data<T>();
    for_each_matrix(call.output.size(), 8 * n, [&](std::int64_t index) {
      out[index] = static_cast<T>(number(strided_matrix<T>(factor, offsets(index)), n));
    });
  });
}

inline void spd_logdet_kernel(const KernelCall& call) {
  number_of_each("spd_logdet", call, *call.inputs[1],
                 [](const auto& l, std::int64_t n) { return 2 * log_of_diagonal(l, n); });
}
inline void lu_logdet_kernel(const KernelCall& call) {
  number_of_each("slogdet", call, *call.inputs[1], [](const auto& f, std::int64_t n) { return log_of_diagonal(f, n); });
}
inline void lu_sign_kernel(const KernelCall& call) {
  number_of_each("slogdet", call, *call.inputs[0],
                 [](const auto& f, std::int64_t n) { return sign_of_determinant(f, n); });
}

// -- eigenvalues --

inline void symmetric_eigen_kernel(const KernelCall& call) {
  for_floating_inputs("symmetric_eigen", call, [&](auto type) {
    using T = typename decltype(type)::type;
    const Tensor& input = *call.inputs[0];
    const std::int64_t n = input.shape()[-1];
    const BatchOffsets offsets = batch_offsets(input, batch_shape(input));
    for_each_matrix(input.size() / (n * n), 6 * n * n * n, [&](std::int64_t index) {
      const Strided<const T> a = strided_matrix<T>(input, offsets(index));
      T* memory = work_numbers<T>(Scratch::Factor, 3 * n * n + 4 * n);
      for (std::int64_t i = 0; i < n; ++i)
        for (std::int64_t j = 0; j < n; ++j) memory[i * n + j] = T(0.5) * (a.at(i, j) + a.at(j, i));
      T* const vectors = memory + n * n;
      T* const rows = vectors + n * n;
      symmetric_eigen(EigenWork<T>{memory, vectors, rows, rows + n, rows + 2 * n, n, n}, rows + 3 * n,
                      call.output.mutable_data<T>() + index * (n + 1) * n);
    });
  });
}

// A row vector for each: [..., m] as [..., 1, m].
inline Tensor expanded_rows(const Tensor& x) {
  Shape shape = x.shape();
  Strides strides = x.strides();
  shape.insert(x.rank() - 1, 1);
  strides.insert(x.rank() - 1, 0);
  return x.view(shape, strides, x.offset());
}

inline void tridiagonal_eigen_kernel(const KernelCall& call) {
  for_floating_inputs("tridiagonal_eigen", call, [&](auto type) {
    using T = typename decltype(type)::type;
    const Tensor diagonal = expanded_rows(*call.inputs[0]), beside = expanded_rows(*call.inputs[1]);
    const std::int64_t m = call.output.shape()[-1];
    const BatchOffsets diagonals = batch_offsets(diagonal, batch_shape(diagonal));
    const BatchOffsets offdiagonals = batch_offsets(beside, batch_shape(diagonal));
    for_each_matrix(call.output.size() / (2 * m), 30 * m * m, [&](std::int64_t index) {
      T* memory = work_numbers<T>(Scratch::Factor, 3 * m);
      const Strided<const T> d = strided_matrix<T>(diagonal, diagonals(index));
      const Strided<const T> e = strided_matrix<T>(beside, offdiagonals(index));
      for (std::int64_t i = 0; i < m; ++i) memory[i] = d.at(0, i);
      for (std::int64_t i = 0; i + 1 < m; ++i) memory[m + i] = e.at(0, i);
      tridiagonal_eigen(EigenWork<T>{nullptr, memory + 2 * m, memory, memory + m, nullptr, m, 1},
                        call.output.mutable_data<T>() + index * 2 * m);
    });
  });
}
