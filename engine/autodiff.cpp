// The two sweeps over a tape, and everything that follows from them.
//
// A sweep walks the nodes between x and y, asks each operation for its derivative map, and keeps its own array from
// node to tangent or cotangent. Since no sweep can see another's array, nested derivatives cannot be confused with each
// other; since maps are made of operations, their results lie on the tape and can be differentiated again.
//
// Next on the walk: engine/ops/matmul.cpp.
#include "engine/autodiff.h"

#include <algorithm>
#include <stdexcept>

#include "engine/op.h"
#include "engine/str.h"
#include "engine/stretch.h"

namespace brenier {
namespace {

// A node taken off the tape before its rule runs: the rule appends nodes, which may move the tape's arrays.
struct Visit {
  Visit(const Tape& tape, std::int32_t slot) : op(tape.node(slot).op), attributes(tape.node(slot).attributes) {
    const std::span<const std::int32_t> inputs = tape.inputs(tape.node(slot));
    slots.assign(inputs.begin(), inputs.end());
    for (std::int32_t input : slots) values.push_back(tape.at(input));
    output = tape.at(slot);
  }
  Call call() const { return {values, output, attributes ? *attributes : none}; }

  static inline const Attributes none{};
  const Op* op;
  std::shared_ptr<const Attributes> attributes;
  std::vector<std::int32_t> slots;
  std::vector<Tensor> values;
  Tensor output;
};

void accumulate(Tensor& total, const Tensor& term) {
  if (term.defined()) total = total.defined() ? total + term : term;
}

// The bundle axis shared by tangents or cotangents: [] or [k].
Shape bundle_of(const char* query, const std::vector<Tensor>& values, const std::vector<Tensor>& directions) {
  if (values.size() != directions.size())
    throw std::invalid_argument(str("[", query, "] ", directions.size(), " directions for ", values.size(), " values"));
  const int bundle = directions[0].rank() - values[0].rank();
  const Shape axis = bundle == 1 ? directions[0].shape().part(0, 1) : Shape();
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!directions[i].defined() || directions[i].shape() != axis + values[i].shape())
      throw std::invalid_argument(str("[", query, "] expected a direction of shape ", values[i].shape(),
                                      ", or a bundle with one more leading axis, got ", directions[i].shape()));
  return axis;
}

// A derivative as it is handed out: zeros where there is none, and always recorded.
Tensor finished(Tape& tape, const Tensor& result, const Shape& shape, DType dtype) {
  const Tensor value = result.defined() ? result : zeros(shape, dtype);
  return value.recorded() ? value : tape.constant(value);
}

}  // namespace

std::vector<Tensor> vjp(const std::vector<Tensor>& ys, const std::vector<Tensor>& xs, const std::vector<Tensor>& cts) {
  const Stretch stretch("vjp", ys, xs);
  const Shape bundle = bundle_of("vjp", ys, cts);
  std::vector<Tensor> cotangents(stretch.length());
  for (std::size_t i = 0; i < ys.size(); ++i)
    if (stretch.depends(ys[i].slot())) accumulate(cotangents[stretch.index(ys[i].slot())], cts[i]);

  for (std::int32_t slot = stretch.last(); slot >= stretch.first(); --slot) {
    const Tensor ct = cotangents[stretch.index(slot)];
    if (!ct.defined() || stretch.tape().node(slot).op->kind == OpKind::Constant) continue;
    const Visit visit(stretch.tape(), slot);
    const auto wanted = std::make_unique<bool[]>(visit.slots.size());
    bool any = false;
    for (std::size_t i = 0; i < visit.slots.size(); ++i) any |= wanted[i] = stretch.depends(visit.slots[i]);
    if (!any) continue;
    const std::vector<Tensor> pulled = visit.op->vjp(ct, visit.call(), {wanted.get(), visit.slots.size()});
    for (std::size_t i = 0; i < pulled.size(); ++i)
      if (wanted[i]) accumulate(cotangents[stretch.index(visit.slots[i])], pulled[i]);
    const bool asked = std::any_of(xs.begin(), xs.end(), [&](const Tensor& x) { return x.slot() == slot; });
    if (!asked) cotangents[stretch.index(slot)] = Tensor();
  }

  std::vector<Tensor> result;
  for (const Tensor& x : xs) {
    const Tensor ct = stretch.depends(x.slot()) ? cotangents[stretch.index(x.slot())] : Tensor();
    result.push_back(finished(stretch.tape(), ct, bundle + x.shape(), x.dtype()));
  }
  return result;
}

std::vector<Tensor> jvp(const std::vector<Tensor>& ys, const std::vector<Tensor>& xs, const std::vector<Tensor>& ts) {
  const Stretch stretch("jvp", ys, xs);
  const Shape bundle = bundle_of("jvp", xs, ts);
  const std::vector<char> needed = stretch.needed_for(ys);

  std::vector<Tensor> tangents(stretch.length());
  for (std::size_t i = 0; i < xs.size(); ++i)
    if (stretch.depends(xs[i].slot())) accumulate(tangents[stretch.index(xs[i].slot())], ts[i]);
  for (std::int32_t slot = stretch.first(); slot <= stretch.last(); ++slot) {
    if (!needed[stretch.index(slot)] || stretch.tape().node(slot).op->kind == OpKind::Constant) continue;
    const Visit visit(stretch.tape(), slot);
    std::vector<Tensor> incoming;
    for (std::int32_t input : visit.slots)
      incoming.push_back(stretch.depends(input) ? tangents[stretch.index(input)] : Tensor());
    accumulate(tangents[stretch.index(slot)], visit.op->jvp(incoming, visit.call()));
  }

  std::vector<Tensor> result;
  for (const Tensor& y : ys) {
    const Tensor t = stretch.depends(y.slot()) ? tangents[stretch.index(y.slot())] : Tensor();
    result.push_back(finished(stretch.tape(), t, bundle + y.shape(), y.dtype()));
  }
  return result;
}

Tensor vjp(const Tensor& y, const Tensor& x, const Tensor& ct) { return vjp({y}, std::vector{x}, {ct})[0]; }
Tensor jvp(const Tensor& y, const Tensor& x, const Tensor& t) { return jvp({y}, std::vector{x}, {t})[0]; }

std::vector<Tensor> grad(const Tensor& y, const std::vector<Tensor>& xs) {
  if (y.defined() && y.size() != 1)
    throw std::invalid_argument(
        str("[grad] the output has shape ", y.shape(), "; use sum(), or vjp() for non-scalars"));
  return vjp({y}, xs, {ones(y.shape(), y.dtype())});
}

Tensor grad(const Tensor& y, const Tensor& x) { return grad(y, std::vector{x})[0]; }

Tensor hvp(const Tensor& y, const Tensor& x, const Tensor& v) { return jvp(grad(y, x), x, v); }

Tensor jacobian(const Tensor& y, const Tensor& x) {
  const std::int64_t n = x.size(), m = y.size();
  if (n <= m) {
    const Tensor basis = reshape(eye(n, x.dtype()), Shape{n} + x.shape());
    return reshape(transpose(reshape(jvp(y, x, basis), {n, m})), y.shape() + x.shape());
  }
  const Tensor basis = reshape(eye(m, y.dtype()), Shape{m} + y.shape());
  return reshape(vjp(y, x, basis), y.shape() + x.shape());
}

Tensor hessian(const Tensor& y, const Tensor& x) { return jacobian(grad(y, x), x); }

namespace {

// The n unit vectors, each for every row at once: [n, batch, n].
Tensor unit_bundle(std::int64_t batch, std::int64_t n, DType dtype) {
  return broadcast_to(expand_axis(eye(n, dtype), 1), {n, batch, n});
}

}  // namespace

Tensor batch_jacobian(const Tensor& y, const Tensor& x) {
  if (x.rank() != 2 || y.rank() != 2 || x.dim(0) != y.dim(0))
    throw std::invalid_argument(
        str("[batch_jacobian] expected y [batch, m] and x [batch, d], got ", y.shape(), " and ", x.shape()));
  const std::int64_t batch = x.dim(0), d = x.dim(1), m = y.dim(1);
  if (d <= m) return permute(jvp(y, x, unit_bundle(batch, d, x.dtype())), {1, 2, 0});
  return permute(vjp(y, x, unit_bundle(batch, m, y.dtype())), {1, 0, 2});
}

}  // namespace brenier
