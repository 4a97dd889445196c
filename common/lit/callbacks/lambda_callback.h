// LambdaCallback: a callback out of functions, for what is used once.
#pragma once

#include <functional>

#include "lit/callbacks/callback.h"

namespace lit {

/// The hooks that have a function run it:
///
///     lit::callback<lit::LambdaCallback>({.on_train_epoch_end = [](auto& trainer, auto&) {
///       std::cout << trainer.current_epoch() << '\n';
///     }})
struct LambdaCallbackOptions {
  using Plain = std::function<void(Trainer&, LightningModule&)>;
  using Staged = std::function<void(Trainer&, LightningModule&, const std::string& stage)>;
  using Start = std::function<void(Trainer&, LightningModule&, const Batch&, int64_t batch_idx)>;
  using End = std::function<void(Trainer&, LightningModule&, const StepOutput&, const Batch&,
                                 int64_t batch_idx)>;
  using EvaluationStart = std::function<void(Trainer&, LightningModule&, const Batch&,
                                             int64_t batch_idx, int64_t dataloader_idx)>;
  using EvaluationEnd =
      std::function<void(Trainer&, LightningModule&, const StepOutput&, const Batch&,
                         int64_t batch_idx, int64_t dataloader_idx)>;
  using PredictionEnd =
      std::function<void(Trainer&, LightningModule&, const Batch& outputs, const Batch&,
                         int64_t batch_idx, int64_t dataloader_idx)>;
  using Optimizer = std::function<void(Trainer&, LightningModule&, torch::optim::Optimizer&)>;
  using Loss = std::function<void(Trainer&, LightningModule&, const torch::Tensor& loss)>;
  using Save = std::function<void(Trainer&, LightningModule&, course::Dict& checkpoint)>;
  using Load = std::function<void(Trainer&, LightningModule&, const course::Dict& checkpoint)>;
  using Exception = std::function<void(Trainer&, LightningModule&, const std::exception&)>;

  Staged setup = nullptr, teardown = nullptr;
  Plain on_fit_start = nullptr, on_fit_end = nullptr;
  Plain on_sanity_check_start = nullptr, on_sanity_check_end = nullptr;
  Plain on_train_start = nullptr, on_train_end = nullptr;
  Plain on_train_epoch_start = nullptr, on_train_epoch_end = nullptr;
  Start on_train_batch_start = nullptr;
  End on_train_batch_end = nullptr;
  Plain on_validation_start = nullptr, on_validation_end = nullptr;
  Plain on_validation_epoch_start = nullptr, on_validation_epoch_end = nullptr;
  EvaluationStart on_validation_batch_start = nullptr;
  EvaluationEnd on_validation_batch_end = nullptr;
  Plain on_test_start = nullptr, on_test_end = nullptr;
  Plain on_test_epoch_start = nullptr, on_test_epoch_end = nullptr;
  EvaluationStart on_test_batch_start = nullptr;
  EvaluationEnd on_test_batch_end = nullptr;
  Plain on_predict_start = nullptr, on_predict_end = nullptr;
  Plain on_predict_epoch_start = nullptr, on_predict_epoch_end = nullptr;
  EvaluationStart on_predict_batch_start = nullptr;
  PredictionEnd on_predict_batch_end = nullptr;
  Optimizer on_before_zero_grad = nullptr;
  Loss on_before_backward = nullptr;
  Plain on_after_backward = nullptr;
  Optimizer on_before_optimizer_step = nullptr;
  Save on_save_checkpoint = nullptr;
  Load on_load_checkpoint = nullptr;
  Exception on_exception = nullptr;
};

class LambdaCallback : public Callback {
 public:
  using Options = LambdaCallbackOptions;
  explicit LambdaCallback(Options options) : options_(std::move(options)) {}

#define LIT_LAMBDA(hook, parameters, arguments) \
  void hook parameters override {               \
    if (options_.hook) options_.hook arguments; \
  }
#define LIT_LAMBDA_PLAIN(hook) LIT_LAMBDA(hook, (Trainer & t, LightningModule & m), (t, m))
#define LIT_LAMBDA_START(hook)                                                               \
  LIT_LAMBDA(hook, (Trainer & t, LightningModule & m, const Batch& b, int64_t i, int64_t d), \
             (t, m, b, i, d))
#define LIT_LAMBDA_END(hook)                                                                    \
  LIT_LAMBDA(hook,                                                                              \
             (Trainer & t, LightningModule & m, const StepOutput& o, const Batch& b, int64_t i, \
              int64_t d),                                                                       \
             (t, m, o, b, i, d))
  LIT_LAMBDA(setup, (Trainer & t, LightningModule& m, const std::string& stage), (t, m, stage))
  LIT_LAMBDA(teardown, (Trainer & t, LightningModule& m, const std::string& stage), (t, m, stage))
  LIT_LAMBDA_PLAIN(on_fit_start)
  LIT_LAMBDA_PLAIN(on_fit_end)
  LIT_LAMBDA_PLAIN(on_sanity_check_start)
  LIT_LAMBDA_PLAIN(on_sanity_check_end)
  LIT_LAMBDA_PLAIN(on_train_start)
  LIT_LAMBDA_PLAIN(on_train_end)
  LIT_LAMBDA_PLAIN(on_train_epoch_start)
  LIT_LAMBDA_PLAIN(on_train_epoch_end)
  LIT_LAMBDA(on_train_batch_start, (Trainer & t, LightningModule& m, const Batch& b, int64_t i),
             (t, m, b, i))
  LIT_LAMBDA(on_train_batch_end,
             (Trainer & t, LightningModule& m, const StepOutput& o, const Batch& b, int64_t i),
             (t, m, o, b, i))
  LIT_LAMBDA_PLAIN(on_validation_start)
  LIT_LAMBDA_PLAIN(on_validation_end)
  LIT_LAMBDA_PLAIN(on_validation_epoch_start)
  LIT_LAMBDA_PLAIN(on_validation_epoch_end)
  LIT_LAMBDA_START(on_validation_batch_start)
  LIT_LAMBDA_END(on_validation_batch_end)
  LIT_LAMBDA_PLAIN(on_test_start)
  LIT_LAMBDA_PLAIN(on_test_end)
  LIT_LAMBDA_PLAIN(on_test_epoch_start)
  LIT_LAMBDA_PLAIN(on_test_epoch_end)
  LIT_LAMBDA_START(on_test_batch_start)
  LIT_LAMBDA_END(on_test_batch_end)
  LIT_LAMBDA_PLAIN(on_predict_start)
  LIT_LAMBDA_PLAIN(on_predict_end)
  LIT_LAMBDA_PLAIN(on_predict_epoch_start)
  LIT_LAMBDA_PLAIN(on_predict_epoch_end)
  LIT_LAMBDA_START(on_predict_batch_start)
  LIT_LAMBDA(on_predict_batch_end,
             (Trainer & t, LightningModule& m, const Batch& o, const Batch& b, int64_t i,
              int64_t d),
             (t, m, o, b, i, d))
  LIT_LAMBDA(on_before_zero_grad, (Trainer & t, LightningModule& m, torch::optim::Optimizer& o),
             (t, m, o))
  LIT_LAMBDA(on_before_backward, (Trainer & t, LightningModule& m, const torch::Tensor& loss),
             (t, m, loss))
  LIT_LAMBDA_PLAIN(on_after_backward)
  LIT_LAMBDA(on_before_optimizer_step,
             (Trainer & t, LightningModule& m, torch::optim::Optimizer& o), (t, m, o))
  LIT_LAMBDA(on_save_checkpoint, (Trainer & t, LightningModule& m, course::Dict& c), (t, m, c))
  LIT_LAMBDA(on_load_checkpoint, (Trainer & t, LightningModule& m, const course::Dict& c),
             (t, m, c))
  LIT_LAMBDA(on_exception, (Trainer & t, LightningModule& m, const std::exception& e), (t, m, e))
#undef LIT_LAMBDA_END
#undef LIT_LAMBDA_START
#undef LIT_LAMBDA_PLAIN
#undef LIT_LAMBDA

 private:
  Options options_;
};

}  // namespace lit
