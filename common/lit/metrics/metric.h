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
#include <typeinfo>
#include <utility>
#include <vector>

#include "lit/core/batch.h"
#include "serialize/value.h"

namespace lit {

/// How two states of the same name become one: those of a batch and of all before it, or of two
/// processes (torchmetrics' dist_reduce_fx).
///
/// mean: weighted by updates; none: they cannot become one, so that merge_state() refuses, and
/// forward() counts each batch twice, as with full_state_update(). Lists are put behind each other,
/// whatever it is, but for none.
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
/// no buffers: they are not among the weights. A copy counts by itself. In a LightningModule:
///
///     accuracy_ = register_module("accuracy", lit::metric<lit::Accuracy>({...}));
///     ...
///     accuracy_->update(scores, labels);   // or (*accuracy_)(...) for the batch's value, too
///     log("val_accuracy", accuracy_);      // computed and reset at the epoch's end
class Metric : public torch::nn::Module {
 public:
  Metric() = default;
  Metric(const Metric& other);
  Metric& operator=(const Metric& other);

  /// Counts a batch: tensors, or numbers.
  /// @throws Error for inputs that do not fit; the metrics of this library then count nothing of it
  template <typename... Inputs>
  void update(const Inputs&... inputs) {
    run_update(as_batch(inputs...));
  }
  /// Counts a batch, and returns the value of that batch alone, with gradients if
  /// is_differentiable().
  template <typename... Inputs>
  torch::Tensor forward(const Inputs&... inputs) {
    return run_forward(as_batch(inputs...)).front();
  }
  template <typename... Inputs>
  torch::Tensor operator()(const Inputs&... inputs) {
    return forward(inputs...);
  }

  /// The value of all batches since the last reset; kept until the next update. Warns if update()
  /// was never called.
  torch::Tensor compute();
  /// Forgets all batches.
  void reset();
  /// Takes in what another one of the same class and the same options has counted.
  /// @throws Error that says what differs, or that a state has no reduction; then nothing has
  ///   changed
  void merge_state(const Metric& other);

  /// Batches since the last reset.
  int64_t update_count() const { return counted_->update_count; }
  bool update_called() const { return update_count() > 0; }
  /// What forward() returned last; undefined since a reset, or if only update() was called.
  const torch::Tensor& last_value() const { return last_value_; }
  /// Is more better? None: one cannot say.
  virtual std::optional<bool> higher_is_better() const { return std::nullopt; }

  /// The states, how many batches are in them, and the options: for a checkpoint in the middle of
  /// an epoch.
  course::Dict state_dict() const;
  /// @throws Error if names, shapes, dtypes or options are others; then nothing has changed
  void load_state_dict(const course::Dict& state);

  /// A metric of its own that goes on from what this one has counted.
  /// @throws Error for a class that clones() was not told of
  std::shared_ptr<torch::nn::Module> clone(
      const c10::optional<torch::Device>& device = c10::nullopt) const override;

  // A device moves the states; a dtype does not change them.
  void to(torch::Device device, torch::Dtype dtype, bool non_blocking = false) override;
  void to(torch::Dtype dtype, bool non_blocking = false) override;
  void to(torch::Device device, bool non_blocking = false) override;

 protected:
  /// Names a state; it starts as a copy of `initial`, and is that again after a reset. It keeps
  /// this shape and this dtype: a checkpoint with others is refused.
  void add_state(const std::string& name, const torch::Tensor& initial, StateReduce reduce);
  /// The same of a state whose shape the first batch decides: `initial` is a number.
  void add_state_of_any_shape(const std::string& name, const torch::Tensor& initial,
                              StateReduce reduce);
  /// Names a state that is a list, empty at first, and all inputs in the end.
  void add_list_state(const std::string& name, StateReduce reduce = StateReduce::cat);
  /// A state that a checkpoint of an older version does not have.
  void may_be_missing(const std::string& name);
  /// @throws Error if there is none with that name
  torch::Tensor& state(const std::string& name);
  std::vector<torch::Tensor>& list_state(const std::string& name);
  /// All of a list, along their first dimension, which each must have; an empty list is a float32
  /// [0].
  torch::Tensor concatenated(const std::string& name);

  /// Looks at a batch before anything is counted: what it returns is what update_state() gets.
  /// @throws Error for inputs that do not fit
  virtual Batch prepare(const Batch& inputs) { return inputs; }
  /// Adds a batch to the states; without gradients, except in forward() if is_differentiable().
  /// What a list keeps, and the caller may change, is to be cloned.
  virtual void update_state(const Batch& inputs) = 0;
  /// The value that follows from the states.
  virtual torch::Tensor compute_state() = 0;
  /// Called when the states of a checkpoint or of another metric are in place, each of which fits
  /// by itself.
  /// @throws Error if they do not fit each other
  virtual void check_states() {}
  /// Called before check_states() for the state of a checkpoint of version 0.1, which had no
  /// options.
  virtual void take_old_state() {}
  /// Called by compute(), and not by forward(): says what there is to say of what was counted, and
  /// may wait for the device to know.
  virtual void look_at_states() {}
  /// Does counting a batch need all batches before it? Then forward() counts each batch twice: once
  /// into all, once for itself. Else the states of the batch are merged into those before.
  virtual bool full_state_update() const { return false; }
  /// Can the value of forward() be trained with?
  virtual bool is_differentiable() const { return false; }
  /// Does prepare() find all that is wrong, so that update_state() does not throw?
  virtual bool checks_first() const { return false; }
  /// Metrics with the same answer have the same states after the same updates, so that in a
  /// MetricCollection one counts for all of them; "": it counts for itself.
  virtual std::string compute_group() const { return ""; }
  /// What it was made with, by name: metrics with other options cannot be merged.
  virtual course::Dict option_values() const { return {}; }

  /// Says how a metric of class T is copied; call it in T's constructor. lit::metric() does for
  /// those that it makes.
  template <typename T>
  void clones() {
    cloned_class_ = &typeid(T);
    clone_ = [](const Metric& metric) -> std::shared_ptr<Metric> {
      return std::make_shared<T>(static_cast<const T&>(metric));
    };
  }
  /// Warns, once until the next reset.
  void tell(const std::string& text);

 private:
  friend class MetricCollection;
  template <std::derived_from<Metric> T>
  friend void clones_itself(T& metric);

  struct State {
    torch::Tensor initial;  // undefined: a list
    StateReduce reduce = StateReduce::none;
    torch::Tensor value;
    std::vector<torch::Tensor> list;
    bool any_shape = false, may_be_missing = false;
  };
  using States = std::map<std::string, State>;
  // Metrics of a MetricCollection may hold the same; who changes it alone takes a copy (own()).
  struct Counted {
    States states;
    int64_t update_count = 0;
    uint64_t version = 0;  // of all that ever was: a value that was computed from it is known by it
  };

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

  static std::shared_ptr<Counted> copy_of(const Counted& counted);
  std::shared_ptr<Counted> none_counted() const;
  static void changed(Counted& counted);
  /// What this metric alone counts from now on.
  Counted& own();
  template <typename Action>
  decltype(auto) named(Action&& action) const;

  void run_update(const Batch& inputs);
  Batch prepared(const Batch& inputs);
  void count(const Batch& prepared);
  std::vector<torch::Tensor> run_forward(const Batch& inputs);
  // A batch by itself, before it is added to what was counted.
  struct OfBatch {
    std::vector<torch::Tensor> values;  // of this metric, and of others that have the same states
    std::shared_ptr<Counted> counted;
    std::shared_ptr<Counted> whole;  // with all before it, where the two cannot be merged
  };
  OfBatch of_batch(const Batch& inputs, const std::vector<Metric*>& followers);
  void take(const OfBatch& batch);
  Batch checked(const Batch& inputs, bool with_graph) const;
  void add(const std::string& name, State state);
  static void append(Counted& to, const Counted& more);
  static void move(Counted& counted, torch::Device device);
  void check_same(const course::Dict& options) const;
  State& find(const std::string& name, bool list);
  bool follows(const Metric& leader) const;

  std::shared_ptr<Counted> counted_ = std::make_shared<Counted>();
  torch::Device device_ = torch::kCPU;
  torch::Tensor computed_, last_value_;
  uint64_t computed_of_ = 0;  // the version
  std::string told_;
  std::weak_ptr<torch::nn::Module> leader_;  // in a collection: what it counts is this one's
  const std::type_info* cloned_class_ = nullptr;
  std::shared_ptr<Metric> (*clone_)(const Metric&) = nullptr;
};

template <std::derived_from<Metric> T>
void clones_itself(T& metric) {
  if constexpr (std::is_copy_constructible_v<T>) metric.template clones<T>();
}

/// A metric of type T: `lit::metric<Accuracy>({.task = "multiclass", .num_classes = 10})`.
template <std::derived_from<Metric> T>
std::shared_ptr<T> metric() {
  auto made = std::make_shared<T>();
  clones_itself<T>(*made);
  return made;
}
template <std::derived_from<Metric> T>
std::shared_ptr<T> metric(typename T::Options options) {
  auto made = std::make_shared<T>(std::move(options));
  clones_itself<T>(*made);
  return made;
}

namespace detail {
/// In float64, or in float32 on a device that has no float64 (mps).
torch::Tensor wide(const torch::Tensor& tensor);
/// @throws Error unless these are two tensors, preds and target
void check_preds_and_target(const Metric& metric, const Batch& inputs);
}  // namespace detail

}  // namespace lit
