// A run that run.py makes in Python, too, event by event, for the proof that a run may cross the
// border between the two:
//
//     lit_border_run SCENARIO.json FOLDER [--from CKPT]
//
// What a scenario may say is in scenarios.py.
#include <spdlog/fmt/fmt.h>
#include <torch/torch.h>

#include <chrono>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

#include "config/program.h"
#include "lit/callbacks/early_stopping.h"
#include "lit/callbacks/finetuning.h"
#include "lit/callbacks/model_checkpoint.h"
#include "lit/callbacks/on_exception_checkpoint.h"
#include "lit/callbacks/weight_averaging.h"
#include "lit/core/data_module.h"
#include "lit/optim/schedulers.h"
#include "lit/trainer.h"
#include "serialize/torch_file.h"

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using lit::Batch;
using lit::StepOutput;
using lit::Trainer;

constexpr int64_t kBatchSize = 2;

/// An entry of a scenario, or what holds where it says nothing.
template <typename T>
T get(const Json& from, const char* key, T otherwise) {
  const auto found = from.find(key);
  return found == from.end() || found->is_null() ? otherwise : found->get<T>();
}
bool has(const Json& from, const char* key) {
  return from.contains(key) && !from.at(key).is_null();
}

void say(const Json& event) {
  std::cout << event.dump() << "\n";
}

torch::Tensor waves(std::vector<int64_t> sizes, double pace) {
  int64_t n = 1;
  for (const int64_t size : sizes) n *= size;
  return torch::sin(torch::arange(n, torch::kFloat64) * pace).reshape(sizes);
}

std::vector<double> numbers(const std::vector<torch::Tensor>& tensors) {
  std::vector<double> all;
  for (const torch::Tensor& tensor : tensors) {
    const torch::Tensor flat = tensor.detach().flatten().contiguous();
    all.insert(all.end(), flat.data_ptr<double>(), flat.data_ptr<double>() + flat.numel());
  }
  return all;
}

course::Value value_of(const Json& json) {
  if (json.is_boolean()) return json.get<bool>();
  if (json.is_number_integer()) return json.get<int64_t>();
  if (json.is_number()) return json.get<double>();
  if (json.is_string()) return json.get<std::string>();
  if (json.is_array()) {
    course::List items;
    for (const Json& item : json) items.push_back(value_of(item));
    return items;
  }
  if (!json.is_object()) return {};
  course::Dict dict;
  for (const auto& [name, item] : json.items()) dict.set(name, value_of(item));
  return dict;
}

/// What a scenario's "fail" throws.
class FailedOnPurpose : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// --- What is around the module -------------------------------------------------------------------

lit::Loaders loader(int64_t batches, double x, double y) {
  const int64_t n = kBatchSize * batches;
  if (n == 0) return {};
  return course::InMemoryLoader(waves({n, 4}, x), waves({n, 1}, y), {.batch_size = kBatchSize});
}
lit::Loaders train_loader(const Json& scenario) {
  return loader(get<int64_t>(scenario, "batches", 8), 0.7, 1.3);
}
lit::Loaders held_out(const Json& scenario) {
  return loader(get<int64_t>(scenario, "val_batches", 3), 0.9, 1.1);
}

/// The same loaders, and the number of training batches that were begun, which a checkpoint keeps.
class WavesData : public lit::LightningDataModule {
 public:
  explicit WavesData(const Json& scenario) : scenario_(scenario) {}
  lit::Loaders train_dataloader() override { return train_loader(scenario_); }
  lit::Loaders val_dataloader() override { return held_out(scenario_); }
  lit::Loaders test_dataloader() override { return held_out(scenario_); }
  lit::Loaders predict_dataloader() override { return held_out(scenario_); }
  course::Dict state_dict() const override { return {{"batches", batches}}; }
  void load_state_dict(const course::Dict& state) override {
    batches = state.at("batches").as_int();
  }

  int64_t batches = 0;

 private:
  const Json& scenario_;
};

/// Tells what the Trainer logs.
class TellingLogger : public lit::Logger {
 public:
  void log_metrics(const std::map<std::string, double>& metrics, int64_t step) override {
    say({{"e", "log"}, {"step", step}, {"metrics", metrics}});
  }
};

/// The body learns from an epoch on; until then it is frozen.
class Thaw : public lit::BaseFinetuning {
 public:
  explicit Thaw(int64_t epoch) : epoch_(epoch) {}
  void freeze_before_training(lit::LightningModule& module) override {
    freeze({module.named_children()["body"]});
  }
  void finetune_function(lit::LightningModule& module, int64_t epoch,
                         torch::optim::Optimizer& optimizer) override {
    if (epoch == epoch_) {
      unfreeze_and_add_param_group({module.named_children()["body"]}, optimizer);
    }
  }

 private:
  int64_t epoch_;
};

// --- The module ---------------------------------------------------------------------------------

class Net : public lit::LightningModule {
 public:
  explicit Net(Json scenario) : scenario_(std::move(scenario)) {
    body_ = register_module("body", torch::nn::Linear(4, 6));
    head_ = register_module("head", torch::nn::Linear(6, 1));
    to(torch::kFloat64);
    const torch::NoGradGuard no_grad;
    int64_t i = 0;
    for (torch::Tensor& p : parameters()) {
      p.copy_(0.5 * waves(p.sizes().vec(), 0.4 + 0.1 * static_cast<double>(i++)));
    }
    automatic_optimization = !get(scenario_, "manual", false);
    if (has(scenario_, "hparams")) {
      save_hyperparameters(value_of(scenario_.at("hparams")).as_dict());
    }
  }

  torch::Tensor forward(const torch::Tensor& x) { return head_(torch::tanh(body_(x))); }

  StepOutput training_step(const Batch& batch, int64_t batch_idx) override {
    fail("batch", batch_idx);
    if (const auto data = std::dynamic_pointer_cast<WavesData>(trainer().datamodule())) {
      ++data->batches;
    }
    const torch::Tensor loss = torch::mse_loss(forward(batch[0]), batch[1]);
    loss_ = loss.item<double>();  // on_train_batch_end gets it divided by `accumulate`
    log("train_loss", loss, {.on_step = true, .on_epoch = true});
    if (!automatic_optimization) {
      lit::LightningOptimizer& optimizer = optimizers().front();
      optimizer.zero_grad();
      manual_backward(loss);
      optimizer.step();
    }
    return loss;
  }
  StepOutput validation_step(const Batch& batch, int64_t batch_idx, int64_t) override {
    if (!trainer().sanity_checking()) fail("validation", batch_idx);
    log("val_loss", torch::mse_loss(forward(batch[0]), batch[1]));
    return {};
  }
  StepOutput test_step(const Batch& batch, int64_t, int64_t) override {
    log("test_loss", torch::mse_loss(forward(batch[0]), batch[1]));
    return {};
  }
  Batch predict_step(const Batch& batch, int64_t, int64_t) override {
    return Batch{forward(batch[0])};
  }

  lit::Optimizers configure_optimizers() override {
    const std::shared_ptr<torch::optim::Optimizer> optimizer = make_optimizer();
    const auto scheduler = make_scheduler(optimizer);
    if (scheduler == nullptr) return lit::OptimizerConfig{.optimizer = optimizer};
    lit::LRSchedulerConfig config{.scheduler = scheduler,
                                  .interval = get<std::string>(scenario_, "interval", "epoch"),
                                  .frequency = get<int64_t>(scenario_, "frequency", 1)};
    if (scheduler->needs_metric()) {
      config.monitor = config.interval == lit::Interval::epoch ? "val_loss" : "train_loss_step";
    }
    return lit::OptimizerConfig{.optimizer = optimizer, .lr_scheduler = config};
  }

  void on_train_start() override { say(place("train_start")); }
  void on_train_end() override { say(place("train_end")); }
  void on_train_epoch_start() override { say(place("epoch_start")); }
  void on_train_epoch_end() override {
    fail("epoch_end", -1);
    say(place("epoch_end"));
    if (automatic_optimization) return;
    for (const auto& scheduler : lr_schedulers()) {
      if (scheduler->needs_metric()) {
        scheduler->step(trainer().callback_metrics().at("val_loss").value());
      } else {
        scheduler->step();
      }
    }
  }
  void on_train_batch_end(const StepOutput&, const Batch&, int64_t batch_idx) override {
    Json event = place("batch");
    event["batch"] = batch_idx;
    event["lr"] = lit::learning_rates(*optimizers().front());
    event["loss"] = loss_;
    double sum = 0;
    for (const torch::Tensor& p : parameters()) sum += p.detach().abs().sum().item<double>();
    event["w"] = sum;
    say(event);
  }
  void on_validation_start() override {
    if (!trainer().sanity_checking()) say(place("val_start"));
  }
  void on_validation_epoch_end() override {
    if (!trainer().sanity_checking()) fail("validation_epoch_end", -1);
  }
  void on_validation_end() override {
    if (trainer().sanity_checking()) return;
    Json event = place("val");
    event["val_loss"] = trainer().callback_metrics().at("val_loss").value();
    say(event);
  }

 private:
  Json place(const char* what) const {
    return {{"e", what}, {"epoch", current_epoch()}, {"step", global_step()}};
  }

  void fail(const std::string& where, int64_t batch_idx) const {
    if (!has(scenario_, "fail")) return;
    const Json& at = scenario_.at("fail");
    if (at.at("where") != where || at.at("epoch") != current_epoch()) return;
    if (batch_idx >= 0 && get<int64_t>(at, "batch", 0) != batch_idx) return;
    throw FailedOnPurpose(fmt::format("{} of epoch {} failed on purpose", where, current_epoch()));
  }

  std::vector<torch::Tensor> trainable(const torch::nn::Module& part) const {
    return lit::BaseFinetuning::trainable(part.parameters());
  }

  template <typename Optimizer, typename Options>
  std::shared_ptr<torch::optim::Optimizer> made(Options options) const {
    if (!get(scenario_, "groups", false)) {
      return std::make_shared<Optimizer>(lit::BaseFinetuning::trainable(parameters()), options);
    }
    Options half = options;
    half.lr(options.lr() / 2);
    std::vector<torch::optim::OptimizerParamGroup> groups;
    groups.emplace_back(trainable(*body_), std::make_unique<Options>(options));
    groups.emplace_back(trainable(*head_), std::make_unique<Options>(half));
    return std::make_shared<Optimizer>(std::move(groups), options);
  }

  std::shared_ptr<torch::optim::Optimizer> make_optimizer() const {
    using namespace torch::optim;
    const auto name = get<std::string>(scenario_, "optimizer", "adam");
    if (name == "sgd") return made<SGD>(SGDOptions(0.05));
    if (name == "momentum") return made<SGD>(SGDOptions(0.05).momentum(0.9));
    if (name == "nesterov") {
      return made<SGD>(SGDOptions(0.05).momentum(0.9).nesterov(true).weight_decay(0.01));
    }
    if (name == "adam") return made<Adam>(AdamOptions(0.01));
    if (name == "amsgrad") return made<Adam>(AdamOptions(0.01).amsgrad(true).weight_decay(0.01));
    if (name == "adamw") return made<AdamW>(AdamWOptions(0.01).weight_decay(0.1));
    if (name == "adamw_amsgrad") {
      return made<AdamW>(AdamWOptions(0.01).weight_decay(0.1).amsgrad(true));
    }
    if (name == "rmsprop") return made<RMSprop>(RMSpropOptions(0.01));
    if (name == "rmsprop_centered") {
      return made<RMSprop>(RMSpropOptions(0.01).centered(true).momentum(0.9));
    }
    if (name == "adagrad") return made<Adagrad>(AdagradOptions(0.05).lr_decay(0.01));
    throw course::UsageError("no optimizer has the name " + name);
  }

  std::shared_ptr<lit::LRScheduler> make_scheduler(
      const std::shared_ptr<torch::optim::Optimizer>& optimizer) const {
    using namespace lit;
    const auto name = get<std::string>(scenario_, "scheduler", "");
    if (name.empty()) return nullptr;
    if (name == "step") return std::make_shared<StepLR>(optimizer, 3, 0.5);
    if (name == "multistep") {
      return std::make_shared<MultiStepLR>(optimizer, std::vector<int64_t>{2, 5, 5}, 0.5);
    }
    if (name == "exponential") return std::make_shared<ExponentialLR>(optimizer, 0.9);
    if (name == "linear") {
      return std::make_shared<LinearLR>(optimizer,
                                        LinearLROptions{.start_factor = 0.25, .total_iters = 5});
    }
    if (name == "cosine") return std::make_shared<CosineAnnealingLR>(optimizer, 10);
    if (name == "restarts") return std::make_shared<CosineAnnealingWarmRestarts>(optimizer, 3, 2);
    if (name == "onecycle") {
      return std::make_shared<OneCycleLR>(optimizer,
                                          OneCycleLROptions{.max_lr = 0.05, .total_steps = 40});
    }
    if (name == "onecycle_three") {
      return std::make_shared<OneCycleLR>(
          optimizer,
          OneCycleLROptions{
              .max_lr = 0.05, .total_steps = 40, .anneal_strategy = "linear", .three_phase = true});
    }
    if (name == "lambda") {
      return std::make_shared<LambdaLR>(
          optimizer, [](int64_t n) { return 1.0 / (1.0 + static_cast<double>(n)); });
    }
    if (name == "sequential") {
      auto first = std::make_shared<LinearLR>(
          optimizer, LinearLROptions{.start_factor = 0.1, .total_iters = 4});
      auto second = std::make_shared<ExponentialLR>(optimizer, 0.9);
      return std::make_shared<SequentialLR>(optimizer, SequentialLR::Schedulers{first, second},
                                            std::vector<int64_t>{4});
    }
    if (name == "plateau") {
      return std::make_shared<ReduceLROnPlateau>(
          optimizer, ReduceLROnPlateauOptions{.factor = 0.5, .patience = 0, .threshold = 0.01});
    }
    throw course::UsageError("no scheduler has the name " + name);
  }

  Json scenario_;
  double loss_ = 0;
  torch::nn::Linear body_{nullptr}, head_{nullptr};
};

// --- The run
// --------------------------------------------------------------------------------------

lit::ModelCheckpointOptions checkpoint_options(const Json& given, const fs::path& folder) {
  lit::ModelCheckpointOptions options{.dirpath = folder / "ckpt"};
  const auto count = [&](const char* key) -> std::optional<int64_t> {
    return has(given, key) ? std::optional(given.at(key).get<int64_t>()) : std::nullopt;
  };
  options.filename = get<std::string>(given, "filename", "");
  options.monitor = get<std::string>(given, "monitor", "");
  if (has(given, "save_last")) {
    options.save_last = given.at("save_last") == "link"     ? lit::SaveLast::link
                        : given.at("save_last").get<bool>() ? lit::SaveLast::yes
                                                            : lit::SaveLast::no;
  }
  options.save_top_k = get<int64_t>(given, "save_top_k", 1);
  options.save_weights_only = get(given, "save_weights_only", false);
  options.save_on_exception = get(given, "save_on_exception", false);
  options.mode = get<std::string>(given, "mode", "min");
  options.auto_insert_metric_name = get(given, "auto_insert_metric_name", true);
  options.every_n_train_steps = count("every_n_train_steps");
  options.every_n_epochs = count("every_n_epochs");
  if (has(given, "train_time_interval")) {
    options.train_time_interval =
        std::chrono::duration<double>(given.at("train_time_interval").get<double>());
  }
  if (has(given, "save_on_train_epoch_end")) {
    options.save_on_train_epoch_end = given.at("save_on_train_epoch_end").get<bool>();
  }
  options.enable_version_counter = get(given, "enable_version_counter", true);
  return options;
}

struct Parts {
  std::vector<std::shared_ptr<lit::ModelCheckpoint>> checkpoints;
  std::shared_ptr<lit::EarlyStopping> early_stopping;
  std::shared_ptr<lit::WeightAveraging> ema;
};

lit::TrainerOptions trainer_options(const Json& scenario, const fs::path& folder, Parts& parts) {
  lit::TrainerOptions options{.accelerator = "cpu",
                              .logger = std::make_shared<TellingLogger>(),
                              .max_epochs = get<int64_t>(scenario, "epochs", 4),
                              .max_steps = get<int64_t>(scenario, "max_steps", -1),
                              .num_sanity_val_steps = get<int64_t>(scenario, "sanity", 0),
                              .log_every_n_steps = get<int64_t>(scenario, "log_every_n_steps", 1),
                              .enable_progress_bar = false,
                              .enable_model_summary = false,
                              .accumulate_grad_batches = get<int64_t>(scenario, "accumulate", 1),
                              .default_root_dir = folder,
                              .flush_denormal = false};
  if (has(scenario, "clip_val")) options.gradient_clip_val = scenario.at("clip_val").get<double>();
  if (get<std::string>(scenario, "clip_algorithm", "norm") == "value") {
    options.gradient_clip_algorithm = lit::GradientClip::value;
  }
  if (has(scenario, "val_check_interval")) {
    const Json& interval = scenario.at("val_check_interval");
    if (interval.is_number_integer()) {
      options.val_check_interval = interval.get<int64_t>();
    } else {
      options.val_check_interval = interval.get<double>();
    }
  }
  if (scenario.contains("check_val_every_n_epoch")) {
    options.check_val_every_n_epoch.reset();
    if (has(scenario, "check_val_every_n_epoch")) {
      options.check_val_every_n_epoch = scenario.at("check_val_every_n_epoch").get<int64_t>();
    }
  }

  auto& callbacks = options.callbacks;
  if (has(scenario, "ema")) {
    parts.ema = lit::callback<lit::EMAWeightAveraging>({.decay = scenario.at("ema").get<double>()});
    callbacks.push_back(parts.ema);
  }
  if (has(scenario, "finetuning")) {
    callbacks.push_back(std::make_shared<Thaw>(scenario.at("finetuning").get<int64_t>()));
  }
  if (has(scenario, "early_stopping")) {
    const Json& given = scenario.at("early_stopping");
    lit::EarlyStoppingOptions stopping{.monitor = given.at("monitor").get<std::string>(),
                                       .min_delta = get<double>(given, "min_delta", 0),
                                       .patience = get<int64_t>(given, "patience", 3),
                                       .mode = get<std::string>(given, "mode", "min")};
    if (has(given, "check_on_train_epoch_end")) {
      stopping.check_on_train_epoch_end = given.at("check_on_train_epoch_end").get<bool>();
    }
    if (has(given, "stopping_threshold")) {
      stopping.stopping_threshold = given.at("stopping_threshold").get<double>();
    }
    parts.early_stopping = std::make_shared<lit::EarlyStopping>(stopping);
    callbacks.push_back(parts.early_stopping);
  }
  if (has(scenario, "checkpoints")) {
    for (const Json& given : scenario.at("checkpoints")) {
      parts.checkpoints.push_back(
          std::make_shared<lit::ModelCheckpoint>(checkpoint_options(given, folder)));
      callbacks.push_back(parts.checkpoints.back());
    }
  }
  const bool on_exception = get(scenario, "on_exception", false);
  if (on_exception) {
    callbacks.push_back(lit::callback<lit::OnExceptionCheckpoint>(
        {.dirpath = folder / "ckpt", .filename = "crash"}));
  }
  options.enable_checkpointing = on_exception || !parts.checkpoints.empty();
  return options;
}

/// The files below FOLDER/ckpt, and the step each is of.
Json files_in(const fs::path& folder) {
  std::map<std::string, Json> files;
  if (!fs::exists(folder)) return Json::object();
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".ckpt") continue;
    const course::Value checkpoint = course::read_torch_file(entry.path());
    files[entry.path().filename().string()] = checkpoint.as_dict().at("global_step").as_int();
  }
  return files;
}

/// The metrics of validate or test, or the sums of what was predicted.
Json evaluated(Trainer& trainer, const std::shared_ptr<Net>& net, const std::string& what,
               const std::shared_ptr<WavesData>& data, const Json& scenario,
               const std::string& from) {
  if (what == "predict") {
    const lit::PredictOptions options{.ckpt_path = from};
    const auto all = data ? trainer.predict(net, data, options)
                          : trainer.predict(net, held_out(scenario), options);
    Json sums = Json::array();
    for (const Batch& batch : all.front()) sums.push_back(batch[0].sum().item<double>());
    return sums;
  }
  const lit::EvaluateOptions options{.verbose = false, .ckpt_path = from};
  const auto run = [&](const auto& source) {
    return what == "test" ? trainer.test(net, source, options)
                          : trainer.validate(net, source, options);
  };
  Json results;
  const std::vector<lit::Scores> scores = data ? run(data) : run(held_out(scenario));
  for (const auto& [name, value] : scores.front()) results[name] = value;
  return results;
}

int run(int argc, char** argv) {
  const bool resumes = argc == 5 && std::string(argv[3]) == "--from";
  if (argc != 3 && !resumes) {
    throw course::UsageError("usage: lit_border_run SCENARIO.json FOLDER [--from CKPT]");
  }
  std::ifstream file(argv[1]);
  if (!file) throw course::UsageError(fmt::format("{} cannot be read", argv[1]));
  const Json scenario = Json::parse(file);
  const fs::path folder = argv[2];
  const std::string from = resumes ? argv[4] : "";

  at::set_num_threads(1);
  Parts parts;
  Trainer trainer(trainer_options(scenario, folder, parts));
  const auto net = std::make_shared<Net>(scenario);
  const auto data =
      get(scenario, "datamodule", false) ? std::make_shared<WavesData>(scenario) : nullptr;
  const auto then = get<std::string>(scenario, "then", "");
  Json end{{"e", "end"}};
  try {
    if (resumes && !then.empty()) {
      end["results"] = evaluated(trainer, net, then, data, scenario, from);
    } else if (data != nullptr) {
      trainer.fit(net, data, {.ckpt_path = from});
    } else {
      trainer.fit(net, train_loader(scenario), held_out(scenario), {.ckpt_path = from});
    }
    if (get(scenario, "save_after", false)) {
      trainer.save_checkpoint((folder / "ckpt" / "after.ckpt").string());
    }
  } catch (const FailedOnPurpose& error) {
    end["error"] = error.what();
  }

  end["epoch"] = trainer.current_epoch();
  end["step"] = trainer.global_step();
  end["weights"] = numbers(net->parameters());
  end["lr"] = Json::array();
  for (const auto& optimizer : trainer.optimizers()) {
    for (const double rate : lit::learning_rates(*optimizer)) end["lr"].push_back(rate);
  }
  end["files"] = files_in(folder / "ckpt");
  end["best"] = Json::array();
  for (const auto& checkpoint : parts.checkpoints) {
    const auto score = checkpoint->best_model_score();
    end["best"].push_back(
        {checkpoint->best_model_path().filename().string(), score ? Json(*score) : Json(nullptr)});
  }
  if (parts.early_stopping != nullptr) {
    end["stopped_epoch"] = parts.early_stopping->stopped_epoch();
    end["wait_count"] = parts.early_stopping->wait_count();
  }
  if (data != nullptr) end["datamodule"] = data->batches;
  say(end);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return course::run_program([&] { return run(argc, argv); });
}
