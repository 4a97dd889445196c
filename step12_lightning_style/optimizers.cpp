// Optimizers and schedulers by the names that a config gives.
#include "optimizers.h"

#include <map>

#include "config/choice.h"
#include "lit/optim/optimizers.h"
#include "lit/optim/schedulers.h"

namespace {

using Parameters = std::vector<torch::Tensor>;
using Optimizer = std::shared_ptr<torch::optim::Optimizer>;
using Scheduler = std::optional<lit::LRSchedulerConfig>;

// region optimizer
// Fast is a class of lit's with the options of torch's: it is one, with another step().
template <typename Fast, typename Plain, typename Options>
Optimizer make(const Parameters& parameters, bool fused, const Options& options) {
  if (fused) return std::make_shared<Fast>(parameters, options);
  return std::make_shared<Plain>(parameters, options);
}

Optimizer adam(const Parameters& parameters, const Config::Optimizer& config) {
  return make<lit::Adam, torch::optim::Adam>(
      parameters, config.fused,
      torch::optim::AdamOptions(config.lr).weight_decay(config.weight_decay));
}

Optimizer adamw(const Parameters& parameters, const Config::Optimizer& config) {
  return make<lit::AdamW, torch::optim::AdamW>(
      parameters, config.fused,
      torch::optim::AdamWOptions(config.lr).weight_decay(config.weight_decay));
}

Optimizer sgd(const Parameters& parameters, const Config::Optimizer& config) {
  return make<lit::SGD, torch::optim::SGD>(parameters, config.fused,
                                           torch::optim::SGDOptions(config.lr)
                                               .momentum(config.momentum)
                                               .weight_decay(config.weight_decay));
}

const std::map<std::string, decltype(&sgd)> kOptimizers{
    {"adam", adam}, {"adamw", adamw}, {"sgd", sgd}};
// endregion

// region scheduler
Scheduler none(const Optimizer&, const Config::Scheduler&, int64_t) {
  return std::nullopt;
}

Scheduler plateau(const Optimizer& optimizer, const Config::Scheduler& config, int64_t) {
  return {{.scheduler = std::make_shared<lit::ReduceLROnPlateau>(
               optimizer,
               lit::ReduceLROnPlateauOptions{.factor = config.factor, .patience = config.patience}),
           .monitor = "val_loss"}};
}

Scheduler cosine(const Optimizer& optimizer, const Config::Scheduler&, int64_t max_epochs) {
  return {{.scheduler = std::make_shared<lit::CosineAnnealingLR>(optimizer, max_epochs)}};
}

const std::map<std::string, decltype(&none)> kSchedulers{
    {"none", none}, {"plateau", plateau}, {"cosine", cosine}};
// endregion

}  // namespace

Optimizer make_optimizer(const Parameters& parameters, const Config::Optimizer& config) {
  return course::choose("optimizer.name", config.name, kOptimizers)(parameters, config);
}

Scheduler make_scheduler(const Optimizer& optimizer, const Config::Scheduler& config,
                         int64_t max_epochs) {
  return course::choose("scheduler.name", config.name, kSchedulers)(optimizer, config, max_epochs);
}
