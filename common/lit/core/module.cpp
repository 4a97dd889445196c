// LightningModule: the defaults of its hooks, and what can be called from them.
#include "lit/core/module.h"

#include <torch/torch.h>

#include "lit/core/messages.h"
#include "lit/core/module_run.h"
#include "lit/error.h"
#include "lit/metrics/collection.h"
#include "lit/run/progress.h"

namespace lit {
namespace {

// The base's step runs only where nobody could tell from the type that there is no other.
[[noreturn]] void not_there(const std::string& step) {
  throw Error("the module has no " + step +
              "(); override it. (If it has one, and was passed as a "
              "base class: override overridden_hooks() as well, so that it is known.)");
}

void warn_of_log_without_trainer(const std::string& name) {
  static bool told = false;
  if (!std::exchange(told, true)) {
    warn("log(\"" + name + "\") was called on a module without a Trainer, and does nothing");
  }
}

}  // namespace

StepOutput LightningModule::training_step(const Batch&, int64_t) {
  not_there("training_step");
}
StepOutput LightningModule::validation_step(const Batch&, int64_t, int64_t) {
  not_there("validation_step");
}
StepOutput LightningModule::test_step(const Batch&, int64_t, int64_t) {
  not_there("test_step");
}
Batch LightningModule::predict_step(const Batch&, int64_t, int64_t) {
  not_there("predict_step");
}
Optimizers LightningModule::configure_optimizers() {
  not_there("configure_optimizers");
}

void LightningModule::setup(const std::string&) {}
void LightningModule::teardown(const std::string&) {}

Batch LightningModule::on_before_batch_transfer(Batch batch, int64_t) {
  return batch;
}
Batch LightningModule::transfer_batch_to_device(Batch batch, torch::Device device, int64_t) {
  return batch.to(device, /*non_blocking=*/device.is_cuda());
}
Batch LightningModule::on_after_batch_transfer(Batch batch, int64_t) {
  return batch;
}

int LightningModule::on_train_batch_start(const Batch&, int64_t) {
  return 0;
}
void LightningModule::on_train_batch_end(const StepOutput&, const Batch&, int64_t) {}
void LightningModule::on_validation_batch_start(const Batch&, int64_t, int64_t) {}
void LightningModule::on_validation_batch_end(const StepOutput&, const Batch&, int64_t, int64_t) {}
void LightningModule::on_test_batch_start(const Batch&, int64_t, int64_t) {}
void LightningModule::on_test_batch_end(const StepOutput&, const Batch&, int64_t, int64_t) {}
void LightningModule::on_predict_batch_start(const Batch&, int64_t, int64_t) {}
void LightningModule::on_predict_batch_end(const Batch&, const Batch&, int64_t, int64_t) {}

void LightningModule::on_validation_model_train() {
  run().restore_modes();
}
void LightningModule::on_test_model_train() {
  run().restore_modes();
}
void LightningModule::on_predict_model_train() {
  run().restore_modes();
}
void LightningModule::on_validation_model_zero_grad() {
  for (torch::Tensor& parameter : parameters()) parameter.mutable_grad() = torch::Tensor();
}

void LightningModule::on_save_checkpoint(course::Dict&) {}
void LightningModule::on_load_checkpoint(course::Dict&) {}

void LightningModule::on_before_zero_grad(torch::optim::Optimizer&) {}
void LightningModule::on_before_backward(const torch::Tensor&) {}
void LightningModule::on_before_optimizer_step(torch::optim::Optimizer&) {}

void LightningModule::optimizer_step(int64_t, int64_t, LightningOptimizer& optimizer,
                                     const Closure& closure) {
  optimizer.step(closure);
}

void LightningModule::optimizer_zero_grad(int64_t, int64_t, torch::optim::Optimizer& optimizer) {
  drop_gradients(optimizer);
}

void LightningModule::configure_gradient_clipping(torch::optim::Optimizer& optimizer,
                                                  std::optional<double> gradient_clip_val,
                                                  GradientClip gradient_clip_algorithm) {
  clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm);
}

void LightningModule::lr_scheduler_step(LRScheduler& scheduler, std::optional<double> metric) {
  if (metric) {
    scheduler.step(*metric);
  } else {
    scheduler.step();
  }
}

void LightningModule::log(const std::string& name, const LogValue& value,
                          const LogOptions& options) {
  if (run_ != nullptr) return run_->log(name, value, options);
  warn_of_log_without_trainer(name);
}

void LightningModule::log_metric(const std::string& name, const std::shared_ptr<Metric>& metric,
                                 const LogOptions& options) {
  if (run_ != nullptr) return run_->log(name, metric, options);
  warn_of_log_without_trainer(name);
}

void LightningModule::log_metrics(const std::shared_ptr<MetricCollection>& metrics,
                                  const LogOptions& options) {
  if (metrics == nullptr) throw Error("log_dict() was given a MetricCollection that is null");
  for (const auto& [name, metric] : metrics->items()) log_metric(name, metric, options);
}

void LightningModule::log_dict(const std::vector<std::pair<std::string, LogValue>>& values,
                               const LogOptions& options) {
  for (const auto& [name, value] : values) log(name, value, options);
}

void LightningModule::save_hyperparameters(const course::Dict& hparams, bool logger,
                                           const std::string& name) {
  hparams_name_ = name;
  logs_hparams_ = logger;
  for (const auto& [key, value] : hparams) hparams_.set(key, value);
}

std::vector<torch::Tensor> LightningModule::parameters(bool recurse) const {
  return course::parameters(*this, recurse);
}
course::NamedTensors LightningModule::named_parameters(bool recurse) const {
  return course::named_parameters(*this, recurse);
}
std::vector<torch::Tensor> LightningModule::buffers(bool recurse) const {
  return course::buffers(*this, recurse);
}
course::NamedTensors LightningModule::named_buffers(bool recurse) const {
  return course::named_buffers(*this, recurse);
}
std::vector<std::shared_ptr<torch::nn::Module>> LightningModule::modules(bool include_self) const {
  return course::modules(*this, include_self);
}
course::NamedModules LightningModule::named_modules(const std::string& name_prefix,
                                                    bool include_self) const {
  return course::named_modules(*this, name_prefix, include_self);
}

void LightningModule::freeze() {
  for (torch::Tensor& parameter : parameters()) parameter.set_requires_grad(false);
  eval();
}

void LightningModule::unfreeze() {
  for (torch::Tensor& parameter : parameters()) parameter.set_requires_grad(true);
  train();
}

ModuleRun& LightningModule::run() const {
  if (run_ == nullptr) throw Error("the module was asked for its Trainer, but none runs it");
  return *run_;
}

Trainer& LightningModule::trainer() const {
  return run().trainer();
}

int64_t LightningModule::current_epoch() const {
  return run_ == nullptr ? 0 : run_->progress().current_epoch;
}

int64_t LightningModule::global_step() const {
  return run_ == nullptr ? 0 : run_->progress().global_step;
}

torch::Device LightningModule::device() const {
  const auto all = parameters();
  if (!all.empty()) return all.front().device();
  const auto others = buffers();
  return others.empty() ? torch::Device(torch::kCPU) : others.front().device();
}

Logger* LightningModule::logger() const {
  return run_ == nullptr ? nullptr : run_->logger();
}

std::vector<LightningOptimizer>& LightningModule::optimizers() const {
  return run().optimizers().optimizers;
}

std::vector<std::shared_ptr<LRScheduler>> LightningModule::lr_schedulers() const {
  std::vector<std::shared_ptr<LRScheduler>> schedulers;
  for (const auto& config : run().optimizers().schedulers) {
    schedulers.push_back(config.scheduler);
  }
  return schedulers;
}

void LightningModule::manual_backward(const torch::Tensor& loss) {
  if (automatic_optimization) {
    throw Error(
        "manual_backward() was called in automatic optimization, where the Trainer does it; set "
        "automatic_optimization to false in the module's constructor");
  }
  run().manual_backward(loss);
}

void LightningModule::toggle_optimizer(const LightningOptimizer& optimizer) {
  const auto own = course::identities(course::parameters(*optimizer));
  untoggle_optimizer(optimizer);
  for (torch::Tensor& parameter : parameters()) {
    if (own.count(course::identity(parameter)) != 0) continue;
    toggled_.emplace_back(parameter, parameter.requires_grad());
    parameter.set_requires_grad(false);
  }
}

void LightningModule::untoggle_optimizer(const LightningOptimizer&) {
  for (auto& [parameter, required] : toggled_) parameter.set_requires_grad(required);
  toggled_.clear();
}

void LightningModule::clip_gradients(torch::optim::Optimizer& optimizer,
                                     std::optional<double> gradient_clip_val,
                                     GradientClip gradient_clip_algorithm) {
  if (!gradient_clip_val || *gradient_clip_val <= 0) return;
  std::vector<torch::Tensor> gradients;
  for (const torch::Tensor& parameter : course::parameters(optimizer)) {
    if (parameter.grad().defined()) gradients.push_back(parameter.grad());
  }
  if (gradients.empty()) return;
  const torch::NoGradGuard no_grad;
  if (gradient_clip_algorithm == GradientClip::value) {
    for (torch::Tensor& gradient : gradients) {
      gradient.clamp_(-*gradient_clip_val, *gradient_clip_val);
    }
    return;
  }
  // As torch.nn.utils.clip_grad_norm_, but the norm stays where it is: libtorch's C++ function
  // returns it as a number, and waits for the device to do so.
  std::vector<torch::Tensor> norms;
  for (const torch::Tensor& gradient : gradients) norms.push_back(gradient.norm());
  const torch::Tensor total = torch::stack(norms).norm();
  const torch::Tensor factor = (*gradient_clip_val / (total + 1e-6)).clamp_max(1.0);
  for (torch::Tensor& gradient : gradients) gradient.mul_(factor);
}

}  // namespace lit
