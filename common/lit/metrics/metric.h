// Metric: what is counted up over batches, and becomes a number at the end (after torchmetrics).
#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <concepts>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "lit/core/batch.h"
#include "serialize/value.h"

namespace lit {

/// How two states of the same name become one: those of a batch and of all before it, or of two
/// processes (torchmetrics' dist_reduce_fx).
enum class StateReduce { none, sum, mean, cat, min, max };

/// Derive from it: name the states in the constructor, override update_state() and compute_state().
///
///     class HitRate : public lit::Metric {
///      public:
///       HitRate() {
///         add_state("hits", torch::zeros({}, torch::kInt64), lit::StateReduce::sum);
///         add_state("total", torch::zeros({}, torch::kInt64), lit::StateReduce::sum);
///       }
///
///      protected:
///       void update_state(const lit::Batch& inputs) override {
///         const auto [preds, target] = inputs.unpack<2>();
///         state("hits") += preds.eq(target).sum();
///         state("total") += target.numel();
///       }
///       torch::Tensor compute_state() override { return state("hits") / state("total"); }
///     };
///
/// It is a torch::nn::Module, so that it moves with the module it is registered in; its states are
/// no buffers: they are not among the weights. In a LightningModule:
///
///     accuracy_ = register_module("accuracy", lit::metric<lit::Accuracy>({...}));
///     ...
///     accuracy_->update(scores, labels);   // or (*accuracy_)(...) for the batch's value, too
///     log("val_accuracy", accuracy_);      // computed and reset at the epoch's end
class Metric : public torch::nn::Module {
 public:
  /// Counts a batch: tensors, or numbers.
  /// @throws Error for inputs that do not fit; the metrics of this library then count nothing of it
  template <typename... Inputs>
  void update(const Inputs&... inputs) {
    run_update(as_batch(inputs...));
  }
  /// Counts a batch, and returns the value of that batch alone.
  template <typename... Inputs>
  torch::Tensor forward(const Inputs&... inputs) {
    return run_forward(as_batch(inputs...), {}).front();
  }
  template <typename... Inputs>
  torch::Tensor operator()(const Inputs&... inputs) {
    return forward(inputs...);
  }

  /// The value of all batches since the last reset; kept until the next update. Warns if there was
  /// none.
  torch::Tensor compute();
  /// Forgets all batches.
  void reset();
  /// Takes in what another one of the same kind has counted.
  /// @throws Error if its states have other names
  void merge_state(const Metric& other);

  /// Batches since the last reset.
  int64_t update_count() const { return update_count_; }
  bool update_called() const { return update_count_ > 0; }
  /// What forward() returned last; undefined since a reset, or if only update() was called.
  const torch::Tensor& last_value() const { return last_value_; }
  /// Is more better? None: one cannot say.
  virtual std::optional<bool> higher_is_better() const { return std::nullopt; }

  /// The states, and how many batches are in them: for a checkpoint in the middle of an epoch.
  course::Dict state_dict() const;
  /// @throws Error if the names are others, or the shapes or dtypes; then nothing has changed
  void load_state_dict(const course::Dict& state);

  void to(torch::Device device, torch::Dtype dtype, bool non_blocking = false) override;
  void to(torch::Dtype dtype, bool non_blocking = false) override;
  void to(torch::Device device, bool non_blocking = false) override;

 protected:
  /// Names a state; it starts as `initial`, and is that again after a reset. It keeps this shape
  /// and this dtype: a checkpoint with others is refused.
  void add_state(const std::string& name, torch::Tensor initial, StateReduce reduce);
  /// Names a state that is a list, empty at first, and all inputs in the end.
  void add_list_state(const std::string& name, StateReduce reduce = StateReduce::cat);
  /// @throws Error if there is none with that name
  torch::Tensor& state(const std::string& name);
  std::vector<torch::Tensor>& list_state(const std::string& name);
  /// All of a list, along the first dimension; an empty tensor of no elements for an empty one.
  torch::Tensor concatenated(const std::string& name);

  /// Adds a batch to the states. No gradients are recorded.
  virtual void update_state(const Batch& inputs) = 0;
  /// The value that follows from the states.
  virtual torch::Tensor compute_state() = 0;
  /// Called when the states of a checkpoint are in place, each of which fits by itself.
  /// @throws Error if they do not fit each other
  virtual void check_states() {}
  /// Does counting a batch need all batches before it? Then forward() counts each batch twice: once
  /// into all, once for itself. Else the states of the batch are merged into those before.
  virtual bool full_state_update() const { return false; }
  /// Metrics with the same answer have the same states after the same updates, so that in a
  /// MetricCollection one counts for all of them; "": it counts for itself.
  virtual std::string compute_group() const { return ""; }

 private:
  friend class MetricCollection;
  struct State {
    torch::Tensor initial;  // undefined: a list
    StateReduce reduce;
    torch::Tensor value;
    std::vector<torch::Tensor> list;
  };
  using States = std::map<std::string, State>;

  template <typename T>
  static torch::Tensor as_tensor(const T& input) {
    if constexpr (std::is_arithmetic_v<T>) {
      return torch::scalar_tensor(input,
                                  std::is_floating_point_v<T> ? torch::kFloat64 : torch::kInt64);
    } else {
      return input;
    }
  }
  template <typename... Inputs>
  static Batch as_batch(const Inputs&... inputs) {
    return Batch(std::vector<Batch::Item>{Batch::Item{"", as_tensor(inputs)}...});
  }

  void run_update(const Batch& inputs);
  /// The batch's value, and those of others that have the same states.
  std::vector<torch::Tensor> run_forward(const Batch& inputs,
                                         const std::vector<Metric*>& followers);
  Batch checked(const Batch& inputs) const;
  void clear_states();
  void merge(const States& before, int64_t updates_before, int64_t updates_now);
  State& find(const std::string& name, bool list);

  States states_;
  torch::Device device_ = torch::kCPU;
  int64_t update_count_ = 0;
  torch::Tensor computed_, last_value_;
  std::weak_ptr<Metric> leader_;  // in a collection: counts for this one
};

/// A metric of type T: `lit::metric<Accuracy>({.task = "multiclass", .num_classes = 10})`.
template <std::derived_from<Metric> T>
std::shared_ptr<T> metric() {
  return std::make_shared<T>();
}
template <std::derived_from<Metric> T>
std::shared_ptr<T> metric(typename T::Options options) {
  return std::make_shared<T>(std::move(options));
}

namespace detail {
/// In float64, or in float32 on a device that has no float64 (mps).
torch::Tensor wide(const torch::Tensor& tensor);
}  // namespace detail

}  // namespace lit
