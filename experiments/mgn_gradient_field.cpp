// Gradient fields and the networks that are gradients by construction: C-MGN, M-MGN, mGradNet and ICGN against each other
// and against the sign-free GradNet, which keeps the symmetry and gives the monotonicity up.
//
//   polynomial   the gradient that the ICGN paper fits, on [0, 1]²
//   report       the one that the MGN report prints, which is not monotone near x = 0: with the floor that this implies
//   log-sum-exp  its second example
//   polymax-D    the largest of three quadratic forms in D = 256 and 1024 dimensions
//
// mse_db is 10 log10 of the mean squared 2-norm of the error: in the plane on a 100 x 100 grid, otherwise at fresh points.
//
// Reference: Chaudhari, Pranav & Moura, Learning gradients of convex functions with monotone gradient networks (2023) and
// Gradient networks (2024), with their published code; Gravier & Picard, report on the former, section 5.1.
// Next on the walk: experiments/gradient_field/plane.cpp, experiments/support/gradient_fields.h, models/mgn.h.
#include "experiments/gradient_field/studies.h"

using namespace brenier;
using namespace brenier::experiments;

namespace {

void add_options(OptionTable& options, Settings& settings) {
  using Word = std::string;
  options.choice<Word>("fields", settings.fields,
                       {{"all", "all"},
                        {"plane", "plane"},
                        {"polynomial", "polynomial"},
                        {"report", "report"},
                        {"log-sum-exp", "log-sum-exp"},
                        {"polymax", "polymax"},
                        {"polymax-256", "polymax-256"},
                        {"polymax-1024", "polymax-1024"}},
                       "which fields to fit");
  options.choice<Word>("models", settings.models,
                       {{"all", "all"},
                        {"monotone", "monotone"},
                        {"sign-free", "sign-free"},
                        {"c-mgn", "C-MGN"},
                        {"m-mgn", "M-MGN"},
                        {"mgradnet-c", "mGradNet-C"},
                        {"mgradnet-m", "mGradNet-M"},
                        {"icgn", "ICGN"},
                        {"gradnet-c", "GradNet-C"},
                        {"gradnet-m", "GradNet-M"}},
                       "which models to fit to them");
  options.integer("seeds", settings.seeds, {.min = 1, .max = 1000, .quick = 1}, "starts for each model in the plane");
  add_fit_options(options, settings.fit, 60, 10);
  options.integer("training-grid", settings.training_grid, {.min = 2, .max = 1000, .quick = 20},
                  "training points of the plane in each direction");
  options.integer("polymax-seeds", settings.polymax_seeds, {.min = 1, .max = 1000}, "starts for each large model");
  options.integer("polymax-steps", settings.polymax_steps, {.min = 1, .max = 100'000'000, .quick = 3},
                  "steps of Adam for each of them");
  options.integer("polymax-batch", settings.polymax_batch, {.min = 1, .max = 1'000'000, .quick = 10},
                  "fresh points in a step");
  options.integer("polymax-points", settings.polymax_points, {.min = 8, .max = 10'000'000, .quick = 100},
                  "points to judge by");
  options.number("polymax-learning-rate", settings.polymax_rate, {.min = 1e-9, .max = 10},
                 "of their Adam at the start; a cosine takes it to a hundredth");
}

void add_published(Run& run) {
  const auto add = [&](const char* field, const char* model, std::int64_t parameters, double decibels,
                       const char* source) {
    run.add_paper(
        {{"field", field}, {"model", model}, {"parameters", parameters}, {"mse_db", decibels}, {"source", source}});
  };
  add("polynomial", "mGradNet-C", 100, -49.05, "published code, mean of 5 trials");
  add("polynomial", "mGradNet-M", 94, -48.65, "published code, mean of 5 trials");
  add("polymax-256", "mGradNet-C", 261'904, -10.64, "published code");
  add("polymax-256", "mGradNet-M", 261'384, -11.30, "published code");
  add("polymax-1024", "mGradNet-C", 1'048'156, -8.75, "published code");
  add("polymax-1024", "mGradNet-M", 1'046'540, -10.42, "published code");
  run.add_paper({{"field", "report"},
                 {"model", "C-MGN and M-MGN, in fact sign-free GradNets"},
                 {"parameters", 90},
                 {"statement", "MAE loss of order 1e-5, in fact a mean squared error per coordinate: about -47 dB"}});
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  return run_program(
      argc, argv,
      {.name = "mgn_gradient_field",
       .claim = "Monotone gradient networks of about 90 parameters learn the gradients of convex functions of two "
                "variables; gradient networks do so in up to 1024 dimensions.",
       .source = "Gravier & Picard, report on monotone gradient networks, section 5.1; Chaudhari, Pranav & Moura, "
                 "Gradient networks (2024), published code",
       .description =
           "Fits gradient fields with networks that are gradients by construction, at most 100 parameters in "
           "the plane and 1024 D in D dimensions, certifies the results, and draws the errors.",
       .columns = {"field", "model", "parameters", "mse_db", "best_db", "worst_db", "max_error", "min_eigenvalue",
                   "asymmetry", "certificate", "seconds"}},
      [&](OptionTable& options) { add_options(options, settings); },
      [&](Run& run) {
        run.plan_stages(count_plane_stages(settings) + count_polymax_stages(settings));
        add_published(run);
        study_plane(run, settings);
        study_polymax(run, settings);
      });
}
