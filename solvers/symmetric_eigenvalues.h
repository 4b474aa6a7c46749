// Eigenvalues of one small symmetric matrix, by Jacobi's cyclic rotations in double precision.
//
// For certificates and tests: slow for large n, but accurate to a few rounding errors of the norm and short enough to
// check by eye. Reference: Golub & Van Loan, Matrix Computations, 4th ed. (2013), section 8.5.
#pragma once

#include <cstdint>
#include <vector>

namespace brenier {

// Ascending. `matrix` holds n·n numbers; only its symmetric part (A + Aᵀ)/2 counts. If an entry is not finite, all
// results are NaN. Throws std::invalid_argument if the size does not fit.
std::vector<double> symmetric_eigenvalues(std::vector<double> matrix, std::int64_t n);

}  // namespace brenier
