// What a trained model does, as text: the confusion matrix, and its worst mistakes.
#include "report.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

#include "terminal/picture.h"
#include "terminal/table.h"

// region confusion
// Row: what it is. Column: what the model says. The diagonal is right.
void show_confusion(const torch::Tensor& counts, const std::vector<std::string>& names) {
  std::vector<course::Column> columns{course::left("it is a")};
  for (const std::string& name : names) columns.push_back(course::right(name.substr(0, 5)));
  course::Table table(columns);
  const auto rows = counts.accessor<int64_t, 2>();
  for (int64_t label = 0; label < rows.size(0); ++label) {
    std::vector<std::string> row{names[static_cast<size_t>(label)]};
    for (int64_t said = 0; said < rows.size(1); ++said) {
      row.push_back(rows[label][said] == 0 ? "." : std::to_string(rows[label][said]));
    }
    table.row(row);
  }
  fmt::print("{}", table.text());
}
// endregion

// region mistakes
void show_mistakes(const torch::Tensor& probabilities, const course::ImageSet& set) {
  const auto [certainty, said] = probabilities.max(1);
  const torch::Tensor labels = set.labels.slice(0, 0, said.size(0));  // of those that were asked
  const torch::Tensor wrong = said != labels;
  const int64_t shown = std::min<int64_t>(4, wrong.sum().item<int64_t>());
  const torch::Tensor worst = std::get<1>((certainty * wrong).topk(shown));
  const auto name = [&](const torch::Tensor& label) {
    return set.class_names[static_cast<size_t>(label.item<int64_t>())];
  };
  std::vector<course::CaptionedPicture> pictures;
  for (int64_t k = 0; k < shown; ++k) {
    const auto i = worst[k].item<int64_t>();
    pictures.push_back(
        {set.images[i], fmt::format("is: {}\nsaid: {} ({:.0f} %)", name(labels[i]), name(said[i]),
                                    100 * certainty[i].item<double>())});
  }
  fmt::print("{}\n{} of {} mistakes\n", course::contact_sheet(pictures), shown,
             wrong.sum().item<int64_t>());
}
// endregion
