// Potentials first, then paths. Auctions on all rows, with increments that fall by a factor of five, make potentials that are
// nearly optimal; one with increment 0 assigns most rows for good, and shortest augmenting paths insert the others. Clouds
// that are far apart need this: from potentials 0 every path would visit most rows.
//
// Invariant from the last auction on: reduced costs c_ij - u_i - v_j >= 0, and 0 on assigned pairs.
#include "solvers/assignment.h"

#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>

#include "engine/str.h"

namespace brenier {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::size_t kBidsPerRow = 50;
constexpr std::size_t kFree = std::numeric_limits<std::size_t>::max();

class ShortestPaths {
 public:
  ShortestPaths(std::vector<double> cost, std::size_t rows, std::size_t columns)
      : cost_(std::move(cost)),
        rows_(rows),
        columns_(columns),
        u_(rows, 0.0),
        v_(columns, 0.0),
        column_of_(rows, kFree),
        row_of_(columns, kFree),
        shortest_(columns),
        previous_(columns) {}

  Assignment solve() {
    prepare();
    for (std::size_t row = 0; row < rows_; ++row)
      if (column_of_[row] == kFree) insert(row);
    Assignment result{.columns = {}, .cost = 0, .row_potentials = u_, .column_potentials = v_};
    for (std::size_t row = 0; row < rows_; ++row) {
      result.columns.push_back(static_cast<std::int64_t>(column_of_[row]));
      result.cost += cost_[row * columns_ + column_of_[row]];
    }
    return result;
  }

 private:
  // Potentials that are nearly right make paths short. Columns that end up free must have potential 0, which only the last
  // auction respects; the others are for square matrices.
  void prepare() {
    double largest = 0;
    for (double cost : cost_)
      if (std::isfinite(cost)) largest = std::max(largest, std::abs(cost));
    const double last = largest / (10 * static_cast<double>(rows_));
    for (double epsilon = largest / 4; rows_ == columns_ && epsilon > last; epsilon /= 5) bid(epsilon);
    bid(0);
  }

  // An auction (Bertsekas, The auction algorithm, 1988): free rows take the column they like best and lower its potential
  // until they like another one better by epsilon. Who had it is free again. With epsilon = 0 the potentials
  // and the assigned pairs are optimal as far as they go; a row that then likes two taken columns equally is left to the
  // paths, and so are all when bidding has become long.
  void bid(double epsilon) {
    std::fill(column_of_.begin(), column_of_.end(), kFree);
    std::fill(row_of_.begin(), row_of_.end(), kFree);
    std::vector<std::size_t> free_rows(rows_);
    std::iota(free_rows.rbegin(), free_rows.rend(), std::size_t{0});
    for (std::size_t bids = kBidsPerRow * rows_; bids > 0 && !free_rows.empty(); --bids) {
      const std::size_t row = free_rows.back();
      free_rows.pop_back();
      const Choice choice = best_columns(row);
      const std::size_t owner = row_of_[choice.column];
      const double drop = choice.next - choice.least + epsilon;
      if (!std::isfinite(drop) || (drop == 0 && owner != kFree)) continue;
      u_[row] = choice.next;
      v_[choice.column] -= drop;
      column_of_[row] = choice.column;
      row_of_[choice.column] = row;
      if (owner == kFree) continue;
      column_of_[owner] = kFree;
      free_rows.push_back(owner);
    }
  }

  // The least and the second least cost - v of a row.
  struct Choice {
    std::size_t column;
    double least, next;
  };
  Choice best_columns(std::size_t row) const {
    const double* cost = cost_.data() + row * columns_;
    Choice choice{0, kInfinity, kInfinity};
    for (std::size_t column = 0; column < columns_; ++column) {
      const double reduced = cost[column] - v_[column];
      if (reduced >= choice.next) continue;
      if (reduced < choice.least) {
        choice = {column, reduced, choice.least};
      } else {
        choice.next = reduced;
      }
    }
    return choice;
  }

  // Finds the shortest path from the row to a free column and shifts the assigned pairs along it.
  void insert(std::size_t start) {
    u_[start] = best_columns(start).least;
    if (u_[start] == kInfinity) no_column(start);
    std::fill(shortest_.begin(), shortest_.end(), kInfinity);
    reached_rows_.clear();
    reached_columns_.clear();
    open_.resize(columns_);
    std::iota(open_.begin(), open_.end(), std::size_t{0});
    double length = 0;
    std::size_t end = kFree;
    for (std::size_t row = start; end == kFree;) {
      reached_rows_.push_back(row);
      const std::size_t column = closest_column(row, length);
      length = shortest_[column];
      reached_columns_.push_back(column);
      row_of_[column] == kFree ? end = column : row = row_of_[column];
    }
    update_potentials(start, length);
    for (std::size_t column = end, row = kFree; row != start; std::swap(column, column_of_[row])) {
      row = previous_[column];
      row_of_[column] = row;
    }
  }

  // Relaxes the edges of a row at distance `length`, and takes the closest open column off the list; a free one if two
  // are equally close.
  std::size_t closest_column(std::size_t row, double length) {
    const double* cost = cost_.data() + row * columns_;
    const double base = length - u_[row];
    double least = kInfinity;
    std::size_t best = kFree;
    for (std::size_t k = 0; k < open_.size(); ++k) {
      const std::size_t column = open_[k];
      const double through = base + cost[column] - v_[column];
      if (through < shortest_[column]) {
        shortest_[column] = through;
        previous_[column] = row;
      }
      if (shortest_[column] < least || (shortest_[column] == least && row_of_[column] == kFree)) {
        least = shortest_[column];
        best = k;
      }
    }
    if (least == kInfinity) no_column(row);
    const std::size_t column = open_[best];
    open_[best] = open_.back();
    open_.pop_back();
    return column;
  }

  [[noreturn]] static void no_column(std::size_t row) {
    throw std::invalid_argument(str("[optimal_assignment] infinite costs leave no column for row ", row));
  }

  // Reduced costs stay non-negative, and become 0 along the path. Columns of reached rows are still the old ones.
  void update_potentials(std::size_t start, double length) {
    u_[start] += length;
    for (std::size_t row : reached_rows_)
      if (row != start) u_[row] += length - shortest_[column_of_[row]];
    for (std::size_t column : reached_columns_) v_[column] -= length - shortest_[column];
  }

  std::vector<double> cost_;
  std::size_t rows_, columns_;
  std::vector<double> u_, v_;
  std::vector<std::size_t> column_of_, row_of_;
  std::vector<double> shortest_;       // from the entering row to each column
  std::vector<std::size_t> previous_;  // the row before a column on that path
  std::vector<std::size_t> reached_rows_, reached_columns_, open_;
};

}  // namespace

Assignment solve_assignment(const Tensor& cost) {
  if (!cost.defined() || cost.rank() != 2 || !cost.is_floating() || cost.dim(0) > cost.dim(1))
    throw std::invalid_argument(str("[optimal_assignment] expects floating-point costs [n, m] with n <= m, got ",
                                    cost.dtype(), " ", cost.shape()));
  std::vector<double> values = cost.to_vector<double>();
  const auto rows = static_cast<std::size_t>(cost.dim(0)), columns = static_cast<std::size_t>(cost.dim(1));
  for (std::size_t i = 0; i < values.size(); ++i)
    if (std::isnan(values[i]) || values[i] == -kInfinity)
      throw std::invalid_argument(
          str("[optimal_assignment] cost [", i / columns, ", ", i % columns, "] is ", values[i]));
  return ShortestPaths(std::move(values), rows, columns).solve();
}

}  // namespace brenier
