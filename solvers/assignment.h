// The linear assignment problem, exactly: every row of a cost matrix [n, m], n <= m, gets a column of its own so that the
// sum of the costs is least.
//
//   std::vector<std::int64_t> column = optimal_assignment(cost);   // row i goes to column[i]
//
// Auctions with falling increments find nearly optimal potentials (Bertsekas, The auction algorithm, 1988); shortest
// augmenting paths make them exact: rows enter one after another, each by the cheapest way of reassigning those before it,
// found by Dijkstra's algorithm on reduced costs (Jonker & Volgenant, A shortest augmenting path algorithm for dense and
// sparse linear assignment problems, 1987; in the rectangular form of Crouse, On implementing 2D rectangular assignment
// algorithms, 2016). At most about n² m operations, and far fewer for random costs. The work is done on the host, in double.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/tensor.h"

namespace brenier {

// The solution with its proof. The potentials satisfy r_i + c_j <= cost_ij, with equality on assigned pairs, c_j <= 0, and
// c_j = 0 where column j is free: hence no assignment costs less than Σ r + Σ c, and this one costs that.
struct Assignment {
  std::vector<std::int64_t> columns;  // of each row
  double cost = 0;                    // the sum over assigned pairs
  std::vector<double> row_potentials, column_potentials;
};

// An entry +infinity forbids a pair. Throws std::invalid_argument if the cost is no floating-point matrix with
// n <= m, has an entry that is NaN or -infinity, or forbids every assignment.
Assignment solve_assignment(const Tensor& cost);
inline std::vector<std::int64_t> optimal_assignment(const Tensor& cost) { return solve_assignment(cost).columns; }

}  // namespace brenier
