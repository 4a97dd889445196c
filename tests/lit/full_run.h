// A small run in which everything has a state, and ways to change its checkpoint: for the tests of
// what is restored, and for a fuzzer.
#pragma once

#include <torch/torch.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lit/callbacks/early_stopping.h"
#include "lit/callbacks/finetuning.h"
#include "lit/callbacks/html_report.h"
#include "lit/callbacks/lambda_callback.h"
#include "lit/callbacks/model_checkpoint.h"
#include "lit/callbacks/nan_guard.h"
#include "lit/callbacks/timer.h"
#include "lit/callbacks/weight_averaging.h"
#include "lit/loggers/csv_logger.h"
#include "lit/metrics/classification.h"
#include "lit/trainer.h"

namespace lit::testing {

/// A backbone that is let go in epoch 1, metrics of both kinds of state, gradients that accumulate,
/// Adam with all it can keep, and schedulers one after another.
class FullModule : public LightningModule {
 public:
  FullModule() {
    backbone_ = register_module("backbone", torch::nn::Linear(2, 3));
    head_ = register_module("head", torch::nn::Linear(3, 2));
    accuracy_ =
        register_module("accuracy", metric<Accuracy>({.task = "multiclass", .num_classes = 2}));
    auroc_ = register_module("auroc", metric<AUROC>({.task = "multiclass", .num_classes = 2}));
  }
  StepOutput training_step(const Batch& batch, int64_t) override {
    const torch::Tensor scores = head_(torch::tanh(backbone_(batch[0])));
    (*accuracy_)(scores, batch[1]);
    auroc_->update(scores, batch[1]);
    const torch::Tensor loss = torch::nn::functional::cross_entropy(scores, batch[1]);
    log("train_loss", loss, {.on_step = true, .on_epoch = true});
    log("accuracy", accuracy_, {.on_step = false, .on_epoch = true});
    log("auroc", auroc_, {.on_step = false, .on_epoch = true});
    return loss;
  }
  StepOutput validation_step(const Batch& batch, int64_t, int64_t) override {
    log("val_loss",
        torch::nn::functional::cross_entropy(head_(torch::tanh(backbone_(batch[0]))), batch[1]));
    return {};
  }
  Optimizers configure_optimizers() override {
    auto adam = std::make_shared<torch::optim::Adam>(BaseFinetuning::trainable(parameters()),
                                                     torch::optim::AdamOptions(0.05).amsgrad(true));
    auto first = std::make_shared<LinearLR>(adam, LinearLROptions{.total_iters = 3});
    auto second = std::make_shared<CosineAnnealingWarmRestarts>(adam, 4, 2);
    auto both = std::make_shared<SequentialLR>(adam, SequentialLR::Schedulers{first, second},
                                               std::vector<int64_t>{2});
    return OptimizerConfig{
        .optimizer = adam,
        .lr_scheduler = LRSchedulerConfig{.scheduler = both, .interval = "step"}};
  }

 private:
  torch::nn::Linear backbone_{nullptr}, head_{nullptr};
  std::shared_ptr<Accuracy> accuracy_;
  std::shared_ptr<AUROC> auroc_;
};

struct FullRun {
  std::filesystem::path folder;  ///< of all that it writes
  std::string from = "";         ///< the checkpoint to go on from
  std::string save = "";         ///< the checkpoint to write after the third batch of epoch 1
  int64_t batches = -1;          ///< stops after so many; -1: after three epochs of five
};

inline void run(const FullRun& how) {
  torch::manual_seed(1);
  int64_t left = how.batches;
  const auto saves = callback<LambdaCallback>(
      {.on_train_batch_end = [&](Trainer& t, auto&, const StepOutput&, const Batch&, int64_t i) {
        if (!how.save.empty() && t.current_epoch() == 1 && i == 2) t.save_checkpoint(how.save);
        if (--left == 0) t.should_stop = true;
      }});
  TrainerOptions options;
  options.callbacks = {saves,
                       callback<BackboneFinetuning>({.unfreeze_backbone_at_epoch = 1}),
                       callback<EMAWeightAveraging>({.decay = 0.5}),
                       callback<EarlyStopping>({.monitor = "val_loss", .patience = 100}),
                       callback<NaNGuard>({.action = "skip"}),
                       callback<Timer>({.duration = Duration("00:01:00:00")}),
                       callback<HtmlReport>({.path = how.folder / "report.html"}),
                       callback<ModelCheckpoint>({.dirpath = how.folder / "checkpoints",
                                                  .monitor = "val_loss",
                                                  .save_last = SaveLast::yes,
                                                  .save_top_k = 2})};
  options.max_epochs = how.batches < 0 ? 3 : -1;
  options.num_sanity_val_steps = 0;
  options.accumulate_grad_batches = 2;
  options.enable_progress_bar = options.enable_model_summary = false;
  options.log_every_n_steps = 1;
  options.logger = {std::make_shared<CSVLogger>(CSVLoggerOptions{.save_dir = how.folder.string()})};
  options.accelerator = "cpu";
  const torch::Tensor x = torch::sin(torch::arange(20 * 2, torch::kFloat32)).reshape({20, 2});
  const torch::Tensor y = (x.sum(1) > 0).to(torch::kInt64);
  Trainer trainer(options);
  trainer.fit(std::make_shared<FullModule>(),
              course::InMemoryLoader(x, y, {.batch_size = 4, .shuffle = true, .seed = 5}),
              course::InMemoryLoader(x, y, {.batch_size = 10}), {.ckpt_path = how.from});
}

/// A value for one that is there; none: it is taken out.
using Edit = std::function<std::optional<course::Value>(const course::Value& there)>;

inline std::string key_text(const course::Value& key) {
  return key.is<std::string>() ? key.as_string() : std::to_string(key.as_int());
}

/// The tree with another value at a path: "optimizer_states/0/param_groups/0/lr". A part that ends
/// with a star is the first key that begins so; a key that is not there is put in.
inline course::Value edited(const course::Value& tree, const std::string& path, const Edit& edit) {
  if (path.empty()) return edit(tree).value_or(course::Value());
  const size_t slash = path.find('/');
  const std::string part = path.substr(0, slash);
  const std::string rest = slash == std::string::npos ? "" : path.substr(slash + 1);
  const auto change = [&](const course::Value& there) -> std::optional<course::Value> {
    return rest.empty() ? edit(there) : std::optional(edited(there, rest, edit));
  };
  if (tree.is<course::Dict>()) {
    course::Dict changed;
    bool found = false;
    for (const auto& [key, value] : tree.as_dict()) {
      const std::string text = key_text(key);
      const bool here =
          !found &&
          (part.back() == '*' ? text.starts_with(part.substr(0, part.size() - 1)) : text == part);
      found = found || here;
      const auto kept = here ? change(value) : std::optional(value);
      if (kept) changed.set(key, *kept);
    }
    if (!found) {
      const auto added = change({});
      if (added) changed.set(part, *added);
    }
    return changed;
  }
  const bool is_list = tree.is<course::List>();
  course::List changed;
  const course::List& items = is_list ? tree.as_list() : tree.as_tuple();
  for (size_t i = 0; i < items.size(); ++i) {
    const auto kept = std::to_string(i) == part ? change(items[i]) : std::optional(items[i]);
    if (kept) changed.push_back(*kept);
  }
  return is_list ? course::Value(changed) : course::Value(course::Tuple{changed});
}

}  // namespace lit::testing
