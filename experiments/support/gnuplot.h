// From a script to a picture, by running gnuplot.
#pragma once

#include <string>

#include "experiments/support/figure.h"

namespace brenier::experiments {

// Draws `script` in its own folder. Returns an empty text, or a sentence that says why there is no picture and what to
// type. Never throws for a missing or failing gnuplot.
std::string run_gnuplot(const Path& script);

// Writes NAME.dat and NAME.gp into `folder` and runs gnuplot, which makes NAME.png.
DrawnFigure draw_script(const std::string& name, const std::string& data, const std::string& script,
                        const Path& folder);

// 'text' as a gnuplot string constant.
std::string gnuplot_quoted(const std::string& text);

}  // namespace brenier::experiments
