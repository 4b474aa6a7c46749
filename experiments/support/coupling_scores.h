// How well the image of one cloud matches another, by the distances of the report and by stricter ones, all on 1000
// points on either side because that is what the report's score is of: distances between samples shrink with their size.
#pragma once

#include <functional>
#include <vector>

#include "experiments/support/program.h"

namespace brenier::experiments {

inline constexpr std::int64_t kScoredPoints = 1000;

// The report's score: the mean over the coordinates of W_1 between the marginals. x [n, d], y [m, d].
double marginal_w1(const Tensor& x, const Tensor& y);

// S of two clouds as everything here is judged: with the smoothing of the report and a schedule slow enough for three
// digits. The schedule used in training ends so early that its values can be negative.
double judged_sinkhorn(const Tensor& x, const Tensor& y);

// Sets marginal_w1 and its standard deviation, w2 (exact, by assignment) and sinkhorn: means over repetitions r of
// images(r) against targets(r), each [1000, 2]. w2 and sinkhorn, which take longer, are of the first three at most.
using CloudOf = std::function<Tensor(std::int64_t repetition)>;
void add_scores(Row& row, Run& run, std::int64_t repetitions, const CloudOf& images, const CloudOf& targets);

// The row of the medians of all numbers over seeds: "seed" says so, and "certified" is whether all are. Not empty.
Row median_of_seeds(const std::vector<Row>& rows);

}  // namespace brenier::experiments
