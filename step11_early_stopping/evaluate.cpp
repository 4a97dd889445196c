// Evaluation: what a model does with pictures it never saw, as numbers and as text.
#include "evaluate.h"

#include <spdlog/fmt/fmt.h>

#include "terminal/picture.h"
#include "terminal/table.h"

namespace {

using torch::data::samplers::SequentialSampler;

// Runs the model over all batches in the mode that it is in.
template <typename Loader>
Evaluation predict(Classifier& model, Loader& loader, const torch::Device& device) {
  torch::nn::CrossEntropyLoss criterion(
      torch::nn::CrossEntropyLossOptions().reduction(torch::kNone));
  std::vector<torch::Tensor> labels, predictions, losses;
  for (const torch::data::Example<>& batch : loader) {
    labels.push_back(batch.target.to(device));
    const torch::Tensor scores = model.forward(batch.data.to(device));
    predictions.push_back(scores.argmax(1));
    losses.push_back(criterion(scores, labels.back()));
  }
  return {torch::cat(labels), torch::cat(predictions), torch::cat(losses)};
}

}  // namespace

// region evaluate
Evaluation evaluate(Classifier& model, const ImageDataset& dataset, const torch::Device& device,
                    int64_t batch_size) {
  const auto loader = make_loader<SequentialSampler>(dataset, batch_size);
  const bool was_training = model.is_training();
  const torch::NoGradGuard no_grad;
  model.eval();
  Evaluation result = predict(model, *loader, device);
  model.train(was_training);
  return result;
}
// endregion

// region confusion
// Row: what it is. Column: what the model says. The diagonal is right.
void show_confusion(const Evaluation& result, const std::vector<std::string>& names) {
  const auto classes = static_cast<int64_t>(names.size());
  const torch::Tensor cells = result.labels * classes + result.predictions;
  const torch::Tensor counts = torch::bincount(cells, {}, classes * classes).cpu();
  std::vector<course::Column> columns{course::left("it is a")};
  for (const std::string& name : names) columns.push_back(course::right(name.substr(0, 5)));
  course::Table table(columns);
  for (int64_t label = 0; label < classes; ++label) {
    std::vector<std::string> row{names[label]};
    for (int64_t said = 0; said < classes; ++said) {
      const auto count = counts[label * classes + said].item<int64_t>();
      row.push_back(count == 0 ? "." : std::to_string(count));
    }
    table.row(row);
  }
  fmt::print("{}", table.text());
}
// endregion

// region mistakes
// The samples with the highest loss: sure of itself, and wrong.
void show_mistakes(const Evaluation& result, ImageDataset& dataset) {
  const auto worst = std::get<1>(result.losses.topk(std::min<int64_t>(4, result.losses.size(0))));
  const auto& names = dataset.class_names();
  std::vector<course::CaptionedPicture> pictures;
  for (int64_t k = 0; k < worst.size(0); ++k) {
    const auto i = worst[k].item<int64_t>();
    const std::string& said = names[result.predictions[i].item<int64_t>()];
    const std::string& is = names[result.labels[i].item<int64_t>()];
    pictures.push_back({dataset.get(i).data[0], fmt::format("is: {}\nsaid: {}", is, said)});
  }
  fmt::print("{}\n{} of {} mistakes\n", course::contact_sheet(pictures), worst.size(0),
             (result.predictions != result.labels).sum().item<int64_t>());
}
// endregion
