// Draws the plots that ./course plot reads from runs: JSON from the standard input, one plot in
// each line, as text, or with --svg as a file.
//
//     {"title": "loss", "x_label": "step", "log_y": false,
//      "curves": [{"name": "train_loss", "x": [0, 1], "y": [0.5, null]}], "svg": "loss.svg"}
#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "config/program.h"
#include "error.h"
#include "plot/curves.h"
#include "serialize/atomic_file.h"

namespace {

// null is a number that is not finite.
std::vector<double> numbers(const nlohmann::json& list) {
  std::vector<double> values;
  for (const auto& one : list) values.push_back(one.is_null() ? NAN : one.get<double>());
  return values;
}

course::Plot plot_of(const nlohmann::json& given) {
  course::Plot plot{.title = given.at("title"),
                    .x_label = given.at("x_label"),
                    .log_y = given.at("log_y").get<bool>()};
  for (const auto& curve : given.at("curves")) {
    plot.curves.push_back({curve.at("name"), numbers(curve.at("x")), numbers(curve.at("y"))});
  }
  return plot;
}

}  // namespace

int main() {
  return course::run_program(
      [] {
        bool first = true;
        for (std::string line; std::getline(std::cin, line);) {
          const auto given = nlohmann::json::parse(line);
          const course::Plot plot = plot_of(given);
          if (given.contains("svg")) {
            course::write_text_atomically(given.at("svg").get<std::string>(), svg_curves(plot));
          } else {
            std::cout << (first ? "" : "\n") << draw_curves(plot) << std::flush;
          }
          first = false;
        }
      },
      "");
}
