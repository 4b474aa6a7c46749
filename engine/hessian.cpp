// Hessians of rows, assembled from first derivatives.
//
// Let u be made of linear operations and of functions b = f(a) of single elements. Differentiating u twice along
// coordinates i and j leaves one term for every such function, because linear operations have no second derivative:
//
//   ∂²u/∂x_i∂x_j = Σ_sites Σ_e  ∂a_e/∂x_i · (∂u/∂b_e) f''(a_e) · ∂a_e/∂x_j
//
// So d tangents are pushed as far as the arguments of these functions, one cotangent is pulled back to their results, and
// what is left is a product of [d, elements] matrices per row. The alternative, d tangents of the gradient, goes forwards
// and backwards with all of them: twice the work, and twice more where the Hessian is differentiated again. It is
// taken where two factors that both depend on x are multiplied, or an operation is of another kind.
//
// Reference: Griewank & Walther (2008), section 5.4 for Hessians from adjoints; Gower & Mello, A new framework for the
// computation of Hessians, Optimization Methods and Software 27 (2012), for the sum over sites.
#include <optional>
#include <stdexcept>

#include "engine/autodiff.h"
#include "engine/op.h"
#include "engine/str.h"
#include "engine/stretch.h"

namespace brenier {
namespace {

// In fewer dimensions the products per row are so small that tangents of the gradient are as fast.
constexpr std::int64_t kFewestDimensions = 5;

// A function of single elements: its argument, its result, and its slope f'(a).
struct Site {
  Tensor argument, result, slope;
};

class SiteSearch {
 public:
  SiteSearch(const Tensor& y, const Tensor& x)
      : stretch_("batch_hessian", {y}, {x}),
        tape_(stretch_.tape()),
        rows_(x.dim(0)),
        needed_(stretch_.needed_for({y})) {}

  // Nothing if u is not of that kind.
  std::optional<std::vector<Site>> find() const {
    std::vector<Site> sites;
    for (std::int32_t slot = stretch_.first() + 1; slot <= stretch_.last(); ++slot) {
      if (!needed_[stretch_.index(slot)]) continue;
      const Op& op = *tape_.node(slot).op;
      if (!keeps_rows_first(slot, op)) return std::nullopt;
      if (op.kind == OpKind::Linear) continue;
      if (op.kind == OpKind::Custom || !add(slot, op, sites)) return std::nullopt;
    }
    return sites;
  }

 private:
  // Elements are told to which row they belong by the first axis.
  bool keeps_rows_first(std::int32_t slot, const Op& op) const {
    const Node& node = tape_.node(slot);
    if (node.value.rank() < 1 || node.value.dim(0) != rows_) return false;
    return op.code != OpCode::Permute || (node.attributes && node.attributes->axes[0] == 0);
  }

  // False if what moves two arguments is not a sum of them.
  bool add(std::int32_t slot, const Op& op, std::vector<Site>& sites) const {
    std::vector<Tensor> arguments;
    std::vector<std::size_t> moving;
    for (std::int32_t input : tape_.inputs(tape_.node(slot))) {
      if (stretch_.depends(input)) moving.push_back(arguments.size());
      arguments.push_back(tape_.at(input));
    }
    if (op.kind == OpKind::Bilinear) return moving.size() == 1;
    const Tensor result = tape_.at(slot);
    for (const std::size_t which : moving) {
      const Tensor slope = slope_of(op, which, arguments, result);
      if (!changes(slope)) continue;
      if (moving.size() > 1) return false;
      sites.push_back({arguments[which], result, slope});
    }
    return true;
  }

  // Undefined where the derivative is zero.
  static Tensor slope_of(const Op& op, std::size_t which, const std::vector<Tensor>& x, const Tensor& y) {
    const Tensor one = ones(y.shape(), y.dtype());
    if (op.unary) return op.unary(one, x[0], y);
    if (x.size() == 2) return op.binary[which](one, x[0], x[1], y);
    return op.ternary[which] ? op.ternary[which](one, x[0], x[1], x[2], y) : Tensor();
  }

  // Whether a slope that was just computed changes with x. It is a node of the stretch, or made of some by nodes after it.
  bool changes(const Tensor& slope) const {
    if (!slope.defined() || !slope.recorded()) return false;
    std::vector<std::int32_t> open{slope.slot()};
    while (!open.empty()) {
      const std::int32_t slot = open.back();
      open.pop_back();
      if (stretch_.depends(slot)) return true;
      if (slot <= stretch_.last() || tape_.node(slot).op->kind == OpKind::Constant) continue;
      for (std::int32_t input : tape_.inputs(tape_.node(slot))) open.push_back(input);
    }
    return false;
  }

  Stretch stretch_;
  const Tape& tape_;
  std::int64_t rows_;
  std::vector<char> needed_;
};

// [d, rows, ...] -> [rows, d, elements].
Tensor rows_first(const Tensor& tangents, std::int64_t rows) {
  return permute(reshape(tangents, {tangents.dim(0), rows, tangents.size() / (tangents.dim(0) * rows)}), {1, 0, 2});
}

// Σ_e t_ie c_e t_je for every row: [rows, d, d].
Tensor site_term(const Tensor& tangents, const Tensor& curvature, std::int64_t rows) {
  const std::int64_t elements = curvature.size() / rows;
  const Tensor directions = rows_first(tangents, rows);
  const Tensor weighted = directions * reshape(curvature, {rows, 1, elements});
  return matmul(weighted, transpose(directions));
}

Tensor assembled(const Tensor& y, const Tensor& x, const std::vector<Site>& sites) {
  const std::int64_t rows = x.dim(0), d = x.dim(1);
  std::vector<Tensor> arguments, results;
  for (const Site& site : sites) {
    arguments.push_back(site.argument);
    results.push_back(site.result);
  }
  const Tensor basis = broadcast_to(expand_axis(eye(d, x.dtype()), 1), {d, rows, d});
  const std::vector<Tensor> tangents = jvp(arguments, {x}, {basis});
  const std::vector<Tensor> cotangents = vjp({y}, results, {ones(y.shape(), y.dtype())});
  Tensor sum_of_sites;
  for (std::size_t i = 0; i < sites.size(); ++i) {
    const Tensor curvature = vjp(sites[i].slope, sites[i].argument, cotangents[i]);
    const Tensor term = site_term(tangents[i], curvature, rows);
    sum_of_sites = sum_of_sites.defined() ? sum_of_sites + term : term;
  }
  return sum_of_sites;
}

}  // namespace

Tensor batch_hessian(const Tensor& y, const Tensor& x) {
  if (y.rank() < 1 || y.size() != y.dim(0))
    throw std::invalid_argument(str("[batch_hessian] expected one value per row, got shape ", y.shape()));
  const bool rows_fit = x.rank() == 2 && x.size() > 0 && x.dim(1) >= kFewestDimensions && y.dim(0) == x.dim(0);
  if (rows_fit && y.recorded() && x.recorded() && y.tape() == x.tape())
    if (const auto sites = SiteSearch(y, x).find(); sites && !sites->empty()) return assembled(y, x, *sites);
  return batch_jacobian(grad(sum(y), x), x);
}

}  // namespace brenier
