// CalibrationError: how far confidence and accuracy are apart, bin by bin.
#include <spdlog/fmt/fmt.h>
#include <torch/torch.h>

#include <vector>

#include "lit/error.h"
#include "lit/metrics/curves.h"

namespace lit {
namespace {

using detail::wide;

constexpr int64_t kMostBins = 1'000'000;

}  // namespace

CalibrationError::CalibrationError(Options options)
    : ClassifierMetric("CalibrationError",
                       {options.task, options.num_classes, 0, options.ignore_index, options.scores},
                       /*decides=*/true),
      bins_(options.n_bins),
      norm_(options.norm.of("norm of CalibrationError")) {
  if (bins_ < 1 || bins_ > kMostBins) {
    throw Error(fmt::format("n_bins of CalibrationError is {}, but must be from 1 to {}", bins_,
                            kMostBins));
  }
  // After the last bin are those with a confidence of 1.
  add_state("count", torch::zeros({bins_ + 1}, torch::kInt64), StateReduce::sum);
  add_state("confidence", torch::zeros({bins_ + 1}, torch::kFloat64), StateReduce::sum);
  add_state("right", torch::zeros({bins_ + 1}, torch::kInt64), StateReduce::sum);
  clones<CalibrationError>();
}

course::Dict CalibrationError::option_values() const {
  course::Dict values = input_options();
  values.set("n_bins", bins_);
  values.set("norm", Choice<CalibrationNorm>(norm_).word());
  return values;
}

Batch CalibrationError::prepare(const Batch& inputs) {
  const Pair pair = scores_of(inputs, /*looks=*/false);
  const bool over_classes = task() == Task::multiclass;
  torch::Tensor confidence = probabilities(pair), right = pair.target;
  if (over_classes) {
    const auto [highest, best] = confidence.max(1);
    confidence = highest;
    right = best.eq(pair.target);
  }
  look_for_nan(confidence, pair.counts);
  torch::Tensor counts = confidence.isnan().logical_not();
  if (pair.counts.defined()) counts = counts.logical_and(pair.counts);
  return Batch(std::vector<Batch::Item>{{"confidence", confidence.flatten()},
                                        {"right", right.flatten()},
                                        noted(),
                                        {"counts", counts.flatten()}});
}

void CalibrationError::update_state(const Batch& prepared) {
  const torch::Tensor &confidence = prepared[0], &right = prepared[1], &counts = prepared[3];
  const torch::Tensor bounds = torch::linspace(0, 1, bins_ + 1, confidence.options());
  const torch::Tensor bin =
      (torch::bucketize(confidence, bounds, /*out_int32=*/false, /*right=*/true) - 1)
          .clamp(0, bins_);
  const torch::Tensor by = counts.to(torch::kInt64);
  state("count").scatter_add_(0, bin, by);
  state("right").scatter_add_(0, bin, by * right);
  torch::Tensor& sums = state("confidence");
  sums.scatter_add_(0, bin, confidence.masked_fill(counts.logical_not(), 0).to(sums.scalar_type()));
  note(prepared[2]);
}

torch::Tensor CalibrationError::compute_state() {
  const torch::Tensor count = wide(state("count"));
  const torch::Tensor share = detail::ratio(count, count.sum());
  const torch::Tensor apart =
      (detail::ratio(wide(state("right")), count) - detail::ratio(wide(state("confidence")), count))
          .abs();
  if (norm_ == CalibrationNorm::max) return apart.max();
  if (norm_ == CalibrationNorm::l2) return (apart.square() * share).sum().sqrt();
  return (apart * share).sum();
}

}  // namespace lit
