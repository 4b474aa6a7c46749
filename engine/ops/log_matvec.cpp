// The matrix-vector product of numbers that are given by their logarithms:
//
//   y_i = ln sum_j e^(s a_ij + v_j)          [..., n, m], [..., m], scalar s -> [..., n]
//
// With P_ij = e^(s a_ij + v_j - y_i), whose rows sum to 1, the tangent is dy_i = sum_j P_ij (s da_ij + dv_j + a_ij ds).
// It is the step of Sinkhorn's algorithm in the log domain, where a is a cost, s = -1/epsilon, and nothing of the size
// of a may be written. No attributes. Kernels: engine/cpu/log_matvec-inl.h.
#include "engine/op.h"
#include "engine/ops.h"
#include "engine/ops/axis.h"

namespace brenier {
namespace {

OutputType log_matvec_type(const Op& op, Inputs in, const Attributes&) {
  const Tensor &a = *in[0], &v = *in[1], &scale = *in[2];
  if (a.dtype() != v.dtype() || a.dtype() != scale.dtype())
    misuse(op, str("dtypes differ: ", a.dtype(), ", ", v.dtype(), " and ", scale.dtype()));
  if (scale.rank() != 0) misuse(op, str("the scale is one number, got shape ", scale.shape()));
  if (a.shape()[-1] != v.shape()[-1]) misuse(op, str("inner dimensions differ: ", a.shape(), " and ", v.shape()));
  if (a.shape()[-1] == 0) misuse(op, str("an axis of length 0 has no logarithm: shape ", a.shape()));
  return {a.shape().part(0, a.rank() - 1), a.dtype()};
}

// P, constant where it is 0/0: a row of which every term is 0 has derivative 0.
Tensor shares(const Call& call) {
  const Tensor shift = where(is_finite(call.output), call.output, 0.0);
  return exp(call.inputs[2] * call.inputs[0] + expand_axis(call.inputs[1], -2) - expand_axis(shift, -1));
}

Tensor matvec(const Tensor& a, const Tensor& v) { return squeeze(matmul(a, expand_axis(v, -1)), -1); }

Tensor log_matvec_jvp(std::span<const Tensor> tangents, const Call& call) {
  const Tensor p = shares(call);
  Tensor result;
  const auto add = [&](const Tensor& part) { result = result.defined() ? result + part : part; };
  if (tangents[0].defined()) add(sum(p * tangents[0], {-1}) * call.inputs[2]);
  if (tangents[1].defined()) add(matvec(p, tangents[1]));
  if (tangents[2].defined()) {
    const Shape aligned = tangents[2].shape() + Dims::filled(call.output.rank(), 1);
    add(reshape(tangents[2], aligned) * sum(p * call.inputs[0], {-1}));
  }
  return result;
}

std::vector<Tensor> log_matvec_vjp(const Tensor& ct, const Call& call, std::span<const bool> wanted) {
  const Tensor p = shares(call);
  std::vector<Tensor> result(3);
  if (wanted[0]) result[0] = expand_axis(ct, -1) * (p * call.inputs[2]);
  if (wanted[1]) result[1] = matvec(transpose(p), ct);
  if (wanted[2]) {
    Axes axes;
    for (int axis = 1; axis <= call.output.rank(); ++axis) axes.push_back(-axis);
    result[2] = sum(ct * sum(p * call.inputs[0], {-1}), axes);
  }
  return result;
}

const Op log_matvec_op = custom("log_matvec", OpCode::LogMatVec, log_matvec_type, log_matvec_vjp, log_matvec_jvp);

}  // namespace

Tensor log_matvec(const Tensor& a, const Tensor& v, const Tensor& scale) {
  for (const Tensor* x : {&a, &v, &scale}) require_defined(log_matvec_op, *x);
  if (a.rank() < 2 || v.rank() < 1)
    misuse(log_matvec_op, str("expects a matrix and a vector, got shapes ", a.shape(), " and ", v.shape()));
  const Shape batch = broadcast_shapes("log_matvec", lead_shape(a, 2), lead_shape(v, 1));
  const Tensor matrices = broadcast_to(a, batch + a.shape().part(a.rank() - 2, a.rank()));
  const Tensor vectors = broadcast_to(v, batch + Shape{v.dim(-1)});
  return apply(log_matvec_op, {&matrices, &vectors, &scale});
}

Tensor log_matvec(const Tensor& a, const Tensor& v, double scale) {
  return log_matvec(a, v, tensor(scale, a.defined() ? a.dtype() : DType::Float64));
}

}  // namespace brenier
