// Small modules, loaders and recorders for the tests of the trainer library.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "lit/core/messages.h"
#include "lit/loggers/logger.h"
#include "lit/trainer.h"

namespace lit::testing {

using Calls = std::vector<std::string>;

/// Batches that are there already; each is handed out in every epoch.
class ListLoader : public Loader {
 public:
  explicit ListLoader(std::vector<Batch> batches, bool sized = true)
      : batches_(std::move(batches)), sized_(sized) {}

  std::optional<int64_t> batches() const override {
    if (!sized_) return std::nullopt;
    return static_cast<int64_t>(batches_.size());
  }
  void begin_epoch(int64_t epoch) override {
    if (!std::exchange(resumed_, false)) at_ = 0;
    epochs.push_back(epoch);
  }
  std::optional<Batch> next() override {
    if (at_ == batches_.size()) return std::nullopt;
    return batches_[at_++];
  }
  course::Dict state_dict() const override { return {{"at", static_cast<int64_t>(at_)}}; }
  void load_state_dict(const course::Dict& state) override {
    at_ = static_cast<size_t>(state.at("at").as_int());
    resumed_ = true;
  }

  std::vector<int64_t> epochs;  ///< every begin_epoch()

 private:
  std::vector<Batch> batches_;
  bool sized_, resumed_ = false;
  size_t at_ = 0;
};

/// Batches of one number each: 1, 2, ... n, as float [size, 1].
inline std::shared_ptr<ListLoader> numbers(int64_t n, int64_t size = 1, bool sized = true) {
  std::vector<Batch> batches;
  for (int64_t i = 1; i <= n; ++i) batches.push_back(torch::full({size, 1}, static_cast<float>(i)));
  return std::make_shared<ListLoader>(std::move(batches), sized);
}

/// loss = w * mean(x), w = 1 at first; plain SGD. Everything can be worked out by hand.
class Line : public LightningModule {
 public:
  explicit Line(double lr = 0.1) : lr_(lr) { w = register_parameter("w", torch::ones({1})); }

  StepOutput training_step(const Batch& batch, int64_t batch_idx) override {
    batches.push_back(batch_idx);
    rates.push_back(optimizers().empty() ? 0 : learning_rates(*optimizers().front()).front());
    const torch::Tensor loss = (w * batch[0].mean()).sum();
    if (on_step) on_step(*this, batch, batch_idx, loss);
    return loss;
  }
  StepOutput validation_step(const Batch& batch, int64_t batch_idx, int64_t loader) override {
    validated_at.push_back(global_step());
    if (on_validation) on_validation(*this, batch, batch_idx, loader);
    return {};
  }
  StepOutput test_step(const Batch& batch, int64_t batch_idx, int64_t loader) override {
    if (on_test) on_test(*this, batch, batch_idx, loader);
    return {};
  }
  Batch predict_step(const Batch& batch, int64_t, int64_t) override { return w * batch[0]; }
  Optimizers configure_optimizers() override {
    auto sgd = std::make_shared<torch::optim::SGD>(parameters(), lr_);
    return configure ? configure(sgd) : Optimizers(sgd);
  }
  void on_train_epoch_end() override {
    if (on_epoch_end) on_epoch_end(*this);
  }

  double weight() const { return w.item<double>(); }

  torch::Tensor w;
  std::vector<int64_t> batches;       ///< batch_idx of every training_step
  std::vector<double> rates;          ///< learning rate in every training_step
  std::vector<int64_t> validated_at;  ///< global_step in every validation_step
  std::function<void(Line&, const Batch&, int64_t, const torch::Tensor& loss)> on_step;
  std::function<void(Line&, const Batch&, int64_t, int64_t)> on_validation, on_test;
  std::function<void(Line&)> on_epoch_end;
  std::function<Optimizers(const std::shared_ptr<torch::optim::SGD>&)> configure;

 private:
  double lr_;
};

inline bool has_checkpoint(const TrainerOptions& options) {
  for (const auto& callback : options.callbacks) {
    if (callback != nullptr && callback->is_checkpoint()) return true;
  }
  return false;
}

/// Options for a Trainer that says nothing on the console, and keeps nothing unless it is told to.
inline TrainerOptions quiet(TrainerOptions options = {}) {
  options.enable_progress_bar = false;
  options.enable_model_summary = false;
  options.enable_checkpointing = options.enable_checkpointing && has_checkpoint(options);
  if (options.logger.use_default()) options.logger = false;
  options.accelerator = "cpu";
  return options;
}

/// Keeps what is logged.
class MemoryLogger : public Logger {
 public:
  struct Row {
    int64_t step;
    std::map<std::string, double> metrics;
  };
  void log_metrics(const std::map<std::string, double>& metrics, int64_t step) override {
    rows.push_back({step, metrics});
  }
  void log_hyperparams(const course::Dict& params) override { hyperparams = params; }
  void finalize(const std::string& status) override { statuses.push_back(status); }

  /// The steps at which a metric was sent, and its values.
  std::vector<std::pair<int64_t, double>> of(const std::string& name) const {
    std::vector<std::pair<int64_t, double>> found;
    for (const Row& row : rows) {
      const auto value = row.metrics.find(name);
      if (value != row.metrics.end()) found.emplace_back(row.step, value->second);
    }
    return found;
  }
  std::vector<int64_t> steps_of(const std::string& name) const {
    std::vector<int64_t> steps;
    for (const auto& [step, value] : of(name)) steps.push_back(step);
    return steps;
  }

  std::vector<Row> rows;
  course::Dict hyperparams;
  std::vector<std::string> statuses;
};

/// Catches what the library says, while it is alive.
class Messages {
 public:
  Messages() {
    before_ = set_message_handler([this](Level level, const std::string& text) {
      (level == Level::info ? infos : warnings).push_back(text);
    });
  }
  ~Messages() { set_message_handler(before_); }
  Messages(const Messages&) = delete;
  Messages& operator=(const Messages&) = delete;

  std::vector<std::string> infos, warnings;

 private:
  MessageHandler before_;
};

/// What an action throws, which must be an Error.
template <typename Action>
std::string error_of(Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  } catch (const std::exception& error) {
    ADD_FAILURE() << "another kind of exception: " << error.what();
    return "";
  }
  ADD_FAILURE() << "no exception";
  return "";
}

}  // namespace lit::testing
