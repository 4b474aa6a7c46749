// From the dtype of a tensor to the type of a C++ template.
//
//   for_floating("matmul", dtype, [&](auto type) { using T = typename decltype(type)::type; … });

[[noreturn]] inline void no_kernel(const char* op, DType dtype) {
  throw std::invalid_argument(str("[", op, "] has no ", dtype, " kernel"));
}

template <class Body>
void for_floating(const char* op, DType dtype, Body&& body) {
  switch (dtype) {
    case DType::Float32:
      return body(std::type_identity<float>());
    case DType::Float64:
      return body(std::type_identity<double>());
    default:
      no_kernel(op, dtype);
  }
}

template <class Body>
void for_any(const char* op, DType dtype, Body&& body) {
  if (dtype == DType::Int64) return body(std::type_identity<std::int64_t>());
  for_floating(op, dtype, body);
}

// A kernel reads all its inputs as one type; what is mixed must be cast first.
inline void check_inputs(const char* op, const KernelCall& call, DType dtype) {
  for (const Tensor* input : call.inputs) {
    if (input->dtype() != dtype) {
      throw std::invalid_argument(str("[", op, "] expects ", dtype, " inputs, got ", input->dtype()));
    }
  }
}
