// The gradient of ln det H of a convex potential flow, H = ∇²u(x), and what its estimators cost and get wrong.
//
//   tolerance   figure 7: signal-to-noise ratio and bias of z vᵀ as an estimator of H⁻¹, against the tolerance of CG
//   cost        figures 2 and 9: peak memory and seconds of a gradient, by back-propagation through m Lanczos steps and by
//               the surrogate with k CG steps
//   error       the same two against the exact gradient
//   training    the exact loss of a flow that is trained with each of them
//   time        the same against seconds, exact and surrogate, in 2, 6, 16 and 43 dimensions
//   architecture  figure 8: iterations, time and validation on MINIBOONE for three potentials and seven tolerances
//
// Reference: Huang, Chen, Tsirigotis & Courville, Convex potential flows (2021), figure 2 and appendix F.
// Next on the walk: experiments/estimators/tolerance.cpp, experiments/support/logdet_gradients.h, solvers/slq.h.
#include "engine/str.h"
#include "experiments/estimators/studies.h"

using namespace brenier;
using namespace brenier::experiments;

int main(int argc, char** argv) {
  Settings settings;
  return run_program(
      argc, argv,
      {.name = "cpflow_estimators",
       .claim =
           "Gradients of ln det by conjugate gradients are unbiased up to their tolerance and need constant memory; "
           "back-propagation through Lanczos needs memory and time that grow with its size, and diverged for size 5.",
       .source =
           "Huang, Chen, Tsirigotis & Courville, Convex potential flows (2021), figures 2, 7, 8 and 9, appendix F",
       .description =
           "Measures bias, noise, memory and time of estimators of the gradient of a flow's log-determinant.",
       .columns = {"study", "start", "part", "method", "dim", "atol", "steps", "snr", "bias", "exact_bias",
                   "iterations", "peak_megabytes", "error", "validation_nll", "exact_gap", "estimated_gap", "condition",
                   "seconds"}},
      [&](OptionTable& options) {
        options.choice("study", settings.study,
                       {{"all", Study::All},
                        {"tolerance", Study::Tolerance},
                        {"cost", Study::Cost},
                        {"error", Study::Error},
                        {"training", Study::Training},
                        {"time", Study::Time},
                        {"architecture", Study::Architecture}},
                       "which part to do");
        options.integer("matrices", settings.matrices, {.min = 1, .max = 1000, .quick = 3},
                        "random matrices of figure 7");
        options.integer("draws", settings.draws, {.min = 2, .max = 10'000'000, .quick = 5000}, "of v for each of them");
        options.integer("dim", settings.dim, {.min = 1, .max = 1000, .quick = 12}, "inputs of the potential");
        options.integer("units", settings.units, {.min = 2, .max = 10'000, .quick = 32}, "its width, even");
        options.integer("layers", settings.layers, {.min = 1, .max = 100, .quick = 3}, "its hidden layers");
        options.integer("batch", settings.batch, {.min = 1, .max = 100'000, .quick = 64}, "points of one gradient");
        options.integer("training-steps", settings.training_steps, {.min = 1, .max = 100'000, .quick = 100},
                        "of Adam for each estimator");
        options.integer("training-dim", settings.training_dim, {.min = 2, .max = 1000, .quick = 8},
                        "inputs of the flows that are trained");
        options.integer("time-steps", settings.time_steps, {.min = 1, .max = 10'000'000, .quick = 60},
                        "of Adam in the study of time");
        options.integer("time-units", settings.time_units, {.min = 2, .max = 10'000, .quick = 16},
                        "width of its flows, even");
        options.integer("blocks", settings.blocks, {.min = 1, .max = 1000}, "of the flows on MINIBOONE");
        options.integer("architecture-steps", settings.architecture_steps, {.min = 1, .max = 10'000'000, .quick = 8},
                        "of Adam for each potential and tolerance");
        options.integer("architecture-batch", settings.architecture_batch, {.min = 1, .max = 100'000, .quick = 128},
                        "points of one such step");
        options.number("stretch", settings.stretch, {.min = 1, .max = 1e6},
                       "largest by smallest standard deviation of their data");
      },
      [&](Run& run) {
        if (settings.units % 2 != 0) throw InputError(str("--units: ", settings.units, " is not even"));
        const auto wanted = [&](Study study) { return settings.study == Study::All || settings.study == study; };
        if (wanted(Study::Tolerance)) study_tolerance(run, settings);
        if (wanted(Study::Cost)) study_cost(run, settings);
        if (wanted(Study::Error)) study_error(run, settings);
        if (wanted(Study::Training)) study_training(run, settings);
        if (wanted(Study::Time)) study_time(run, settings);
        if (wanted(Study::Architecture)) study_architecture(run, settings);
        // The paper's figures have no tables; this is what its text says of them.
        run.add_paper({{"study", "cost"}, {"method", "surrogate"}, {"memory", "constant"}});
        run.add_paper({{"study", "cost"}, {"method", "Lanczos"}, {"memory", "grows with steps"}});
        run.add_paper({{"study", "training"}, {"method", "Lanczos"}, {"steps", 5}, {"outcome", "diverged"}});
      });
}
