// Factorisations, substitutions and eigenvalues of one matrix, by a team (matrix_team.h). All threads of the team call
// with the same arguments, and what they read has been written before a barrier. The results of cholesky() and
// jacobi_eigen() are to be read after one; the others end with a barrier.
//
// References: Golub & Van Loan, Matrix Computations, 4th ed. (2013): algorithms 4.2.1 (Cholesky), 3.4.1 (LU with
// partial pivoting), section 8.5 (Jacobi, with the parallel ordering of 8.5.5).
#pragma once

#include "engine/cuda/matrix_team.h"

namespace brenier::BRENIER_CUDA_NAMESPACE {

// a, of which only the lower triangle is read, becomes L with A = L Lᵀ. From the first column on whose pivot is not
// positive, L is NaN.
template <class Team, class T>
__device__ void cholesky(const Entries<T>& a, int n) {
  // Pivots stay on the diagonal until the end: their roots would be a third barrier per column.
  for (int j = 0; j < n; ++j) {
    for_members<Team>(j, n, [&](int i) {
      T sum = a(i, j);
      for (int k = 0; k < j; ++k) sum -= a(i, k) * a(j, k);
      a(i, j) = sum;
    });
    Team::sync();
    const T pivot = a(j, j), root = pivot > 0 ? std::sqrt(pivot) : std::numeric_limits<T>::quiet_NaN();
    for_members<Team>(j + 1, n, [&](int i) { a(i, j) /= root; });
    Team::sync();
  }
  for_entries<Team>(n, n, [&](int i, int j) {
    if (i < j) a(i, j) = 0;
    if (i != j) return;
    const T pivot = a(j, j);
    a(j, j) = pivot > 0 ? std::sqrt(pivot) : std::numeric_limits<T>::quiet_NaN();
  });
}

enum class Direction { Forward, Backward };

// b ← T⁻¹ b for a triangular T, lower if the direction is Forward, upper if it is Backward.
template <class Team, class T>
__device__ void substitute(const Entries<T>& t, int n, const Entries<T>& b, int cols, Direction direction,
                           bool unit_diagonal) {
  const bool forward = direction == Direction::Forward;
  for (int step = 0; step < n; ++step) {
    const int k = forward ? step : n - 1 - step, first = forward ? k + 1 : 0, rest = n - 1 - step;
    if (!unit_diagonal) {
      for_members<Team>(0, cols, [&](int c) { b(k, c) /= t(k, k); });
      Team::sync();
    }
    for_entries<Team>(rest, cols, [&](int i, int c) { b(first + i, c) -= t(first + i, k) * b(k, c); });
    Team::sync();
  }
}

// a becomes L and U of P A = L U, without the unit diagonal of L; row n of a gets the pivots: rows k and a(n, k) were
// exchanged in step k.
template <class Team, class T>
__device__ void lu(const Entries<T>& a, int n) {
  for (int k = 0; k < n; ++k) {
    // Every thread for itself: n²/2 reads, fewer than the products.
    int pivot = k;
    for (int i = k + 1; i < n; ++i)
      if (std::fabs(a(i, k)) > std::fabs(a(pivot, k))) pivot = i;
    Team::sync();
    for_members<Team>(0, n, [&](int j) {
      const T other = a(pivot, j);
      a(pivot, j) = a(k, j);
      a(k, j) = other;
    });
    if (Team::rank() == 0) a(n, k) = static_cast<T>(pivot);
    Team::sync();
    // A pivot of 0 has nothing but zeros below it.
    for_members<Team>(k + 1, n, [&](int i) { a(i, k) /= a(k, k) == 0 ? T(1) : a(k, k); });
    Team::sync();
    for_entries<Team>(n - k - 1, n - k - 1,
                      [&](int i, int j) { a(k + 1 + i, k + 1 + j) -= a(k + 1 + i, k) * a(k, k + 1 + j); });
    Team::sync();
  }
}

// b ← P b, or Pᵀ b: the exchanges of lu() in order, or backwards.
template <class Team, class T>
__device__ void exchange_rows(const Entries<T>& factor, int n, const Entries<T>& b, int cols, Direction direction) {
  for_members<Team>(0, cols, [&](int c) {
    for (int step = 0; step < n; ++step) {
      const int k = direction == Direction::Forward ? step : n - 1 - step;
      const int pivot = static_cast<int>(factor(n, k));
      const T other = b(pivot, c);
      b(pivot, c) = b(k, c);
      b(k, c) = other;
    }
  });
  Team::sync();
}

// b ← (lower triangle)⁻¹ b, then (upper triangle)⁻¹ b, of one piece of memory; one of the two may have a unit diagonal.
enum class UnitDiagonal { None, Lower, Upper };
template <class Team, class T>
__device__ void substitute_twice(const Entries<T>& lower, const Entries<T>& upper, int n, const Entries<T>& b, int cols,
                                 UnitDiagonal unit) {
#pragma unroll 1  // one copy of the loops
  for (int pass = 0; pass < 2; ++pass) {
    const bool first = pass == 0;
    const Entries<T> triangle{lower.data, first ? lower.row : upper.row, first ? lower.col : upper.col};
    substitute<Team>(triangle, n, b, cols, first ? Direction::Forward : Direction::Backward,
                     unit == (first ? UnitDiagonal::Lower : UnitDiagonal::Upper));
  }
}

// b ← A⁻¹ b or A⁻ᵀ b from the result of lu().
template <class Team, class T>
__device__ void lu_solve(const Entries<T>& factor, int n, const Entries<T>& b, int cols, bool transposed) {
  const Entries<T> triangles = transposed ? factor.transposed() : factor;
  if (!transposed) exchange_rows<Team>(factor, n, b, cols, Direction::Forward);
  substitute_twice<Team>(triangles, triangles, n, b, cols, transposed ? UnitDiagonal::Upper : UnitDiagonal::Lower);
  if (transposed) exchange_rows<Team>(factor, n, b, cols, Direction::Backward);
}

// The rotation that makes entry (p, q) of a symmetric matrix zero.
template <class T>
struct Rotation {
  T c = 1, s = 0;
};
template <class T>
__device__ __forceinline__ Rotation<T> rotation_for(T app, T aqq, T apq) {
  const T theta = (aqq - app) / (2 * apq);
  const T t = (theta < 0 ? T(-1) : T(1)) / (std::fabs(theta) + std::hypot(T(1), theta));
  const T c = 1 / std::sqrt(1 + t * t);
  return {c, t * c};
}

// The pairs of round r among n players, an even number of them: pair 0 has the player who stays, the others move on in a circle.
struct Pairing {
  int p, q;
};
__device__ __forceinline__ Pairing pairing(int round, int pair, int players) {
  const int circle = players - 1;
  const int a = pair == 0 ? circle : (round + pair) % circle, b = (round + circle - pair) % circle;
  return a < b ? Pairing{a, b} : Pairing{b, a};
}

// The space for eigenvectors: a is [n + 1, n], of which row n is not used before the end, v is [n, n], and lists is
// [2, n]: the cosines and sines of a round, later the places and values in ascending order.
template <class T>
struct EigenSpace {
  Entries<T> a, v, lists;
};

template <class T>
struct Magnitude {
  T largest = 0;
  bool finite = true;
};
// By every thread for itself.
template <class T>
__device__ Magnitude<T> magnitude(const Entries<T>& a, int n) {
  T largest = 0, zero = 0;
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < n; ++j) {
      largest = std::fmax(largest, std::fabs(a(i, j)));
      zero += 0 * a(i, j);
    }
  return {largest, zero == 0};
}

// One round of rotations of rows and columns that have nothing in common. Was there any?
template <class Team, class T>
__device__ bool jacobi_round(const EigenSpace<T>& s, int n, int round, T negligible) {
  const int players = n + n % 2, pairs = players / 2;
  for_members<Team>(0, pairs, [&](int k) {
    const auto [p, q] = pairing(round, k, players);
    const bool worth = q < n && std::fabs(s.a(p, q)) > negligible;
    const Rotation<T> r = worth ? rotation_for(s.a(p, p), s.a(q, q), s.a(p, q)) : Rotation<T>{};
    s.lists(0, k) = r.c;
    s.lists(1, k) = r.s;
  });
  Team::sync();
  bool rotated = false;
  for (int k = 0; k < pairs; ++k) rotated = rotated || s.lists(1, k) != 0;
  const auto rotate = [&](int k, T& x, T& y) {
    const T c = s.lists(0, k), sine = s.lists(1, k), old = x;
    x = c * old - sine * y;
    y = sine * old + c * y;
  };
  for_entries<Team>(pairs, n, [&](int k, int j) {
    const auto [p, q] = pairing(round, k, players);
    if (q < n) rotate(k, s.a(p, j), s.a(q, j));
  });
  Team::sync();
  for_entries<Team>(pairs, n, [&](int k, int i) {
    const auto [p, q] = pairing(round, k, players);
    if (q >= n || s.lists(1, k) == 0) return;
    rotate(k, s.a(i, p), s.a(i, q));
    rotate(k, s.v(i, p), s.v(i, q));
    if (i == p) s.a(i, q) = 0;
    if (i == q) s.a(i, p) = 0;
  });
  Team::sync();
  return rotated;
}

// Row 0 of a becomes the eigenvalues from its diagonal, in ascending order, and the rows after it the columns of v.
template <class Team, class T>
__device__ void pack_ascending(const EigenSpace<T>& s, int n, bool finite) {
  for_members<Team>(0, n, [&](int i) {
    const T value = s.a(i, i);
    int place = 0;
    for (int j = 0; j < n; ++j) place += finite ? s.a(j, j) < value || (s.a(j, j) == value && j < i) : j < i;
    s.lists(0, i) = static_cast<T>(place);
    s.lists(1, i) = finite ? value : std::numeric_limits<T>::quiet_NaN();
  });
  Team::sync();
  for_entries<Team>(n + 1, n, [&](int i, int j) {
    s.a(i, static_cast<int>(s.lists(0, j))) = i == 0 ? s.lists(1, j) : s.v(i - 1, j);
  });
}

// Jacobi's rotations, n/2 of them at a time, in sweeps over all pairs until there is nothing to rotate. Leaves the
// eigenvalues in row 0 of a, ascending, and the eigenvectors in the columns below; all NaN if an entry is not finite.
template <class Team, class T>
__device__ void jacobi_eigen(const EigenSpace<T>& s, int n) {
  const Magnitude<T> size = magnitude(s.a, n);
  const T negligible = size.largest * std::numeric_limits<T>::epsilon();
  const T off = size.finite ? T(0) : std::numeric_limits<T>::quiet_NaN();
  for_entries<Team>(n, n, [&](int i, int j) { s.v(i, j) = i == j ? 1 + off : off; });
  constexpr int kMostSweeps = 30;
  const int rounds = size.finite ? n + n % 2 - 1 : 0;
  bool rotated = rounds > 0;
  for (int sweep = 0; sweep < kMostSweeps && rotated; ++sweep) {
    rotated = false;
    for (int round = 0; round < rounds; ++round)
      if (jacobi_round<Team>(s, n, round, negligible)) rotated = true;
  }
  pack_ascending<Team>(s, n, size.finite);
}

}  // namespace brenier::BRENIER_CUDA_NAMESPACE
