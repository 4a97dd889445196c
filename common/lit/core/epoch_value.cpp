// How the values of an epoch become one.
#include "lit/core/epoch_value.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace lit {
namespace {

constexpr size_t kInOneTensor = 256;
constexpr size_t kTensors = 256;  // then the memory is given back: a wait in 65,536 values

double start_of(Reduce how) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  return how == Reduce::min ? kInfinity : how == Reduce::max ? -kInfinity : 0;
}

template <typename Number>
Number combined(Reduce how, Number sum, Number value, int64_t weight) {
  switch (how) {
    case Reduce::mean: {
      const Number weighted = value * static_cast<Number>(weight);
      return sum + weighted;
    }
    case Reduce::sum:
      return sum + value;
    case Reduce::min:
      return std::isnan(value) || value < sum ? value : sum;
    case Reduce::max:
      return std::isnan(value) || value > sum ? value : sum;
  }
  return sum;
}

}  // namespace

void EpochValue::add(const LogValue& value, int64_t weight) {
  weight_ = std::max<int64_t>(weight_, 0) + weight;
  if (!value.is_tensor()) {
    fold();
    take(value.value(), value.single(), weight);
    return;
  }
  const auto differs = [&](const LogValue& other) {
    return other.tensor().scalar_type() != value.tensor().scalar_type() ||
           other.tensor().device() != value.tensor().device();
  };
  if (!kept_.empty() && differs(kept_.back())) pack();
  kept_.push_back(value);
  kept_weights_.push_back(weight);
  if (kept_.size() == kInOneTensor) pack();
  if (packed_.size() == kTensors) fold();
}

// In float32 while all values are.
void EpochValue::take(double value, bool single, int64_t weight) const {
  if (!std::exchange(has_sum_, true)) {
    sum_ = single ? LogValue(static_cast<float>(start_of(how_))) : LogValue(start_of(how_));
  }
  if (single && sum_.single()) {
    sum_ = combined(how_, static_cast<float>(sum_.value()), static_cast<float>(value), weight);
  } else {
    sum_ = combined(how_, sum_.value(), value, weight);
  }
}

void EpochValue::pack() const {
  if (kept_.empty()) return;
  std::vector<torch::Tensor> tensors;
  tensors.reserve(kept_.size());
  for (const LogValue& value : kept_) tensors.push_back(value.tensor());
  packed_.push_back({torch::stack(tensors), kept_.front().single(), std::move(kept_weights_)});
  kept_.clear();
  kept_weights_.clear();
}

void EpochValue::fold() const {
  if (kept_.empty() && packed_.empty()) return;
  const torch::NoGradGuard none;
  pack();
  for (const Packed& packed : packed_) {
    const torch::Tensor values = packed.values.to(torch::kCPU).to(torch::kFloat64);
    const double* value = values.data_ptr<double>();
    for (const int64_t weight : packed.weights) take(*value++, packed.single, weight);
  }
  packed_.clear();
}

LogValue EpochValue::sum() const {
  fold();
  return sum_;
}

LogValue EpochValue::result() const {
  fold();
  if (how_ != Reduce::mean || empty()) return sum_;
  return sum_.value() / static_cast<double>(weight_);
}

void EpochValue::restore(LogValue sum, int64_t weight) {
  *this = EpochValue(how_);
  sum_ = std::move(sum);
  weight_ = weight;
  has_sum_ = weight >= 0;
}

}  // namespace lit
