// Optimizers and schedulers by the names that a config gives.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "config.h"
#include "lit/core/optimizers.h"

/// @throws course::UsageError that lists the names
std::shared_ptr<torch::optim::Optimizer> make_optimizer(
    const std::vector<torch::Tensor>& parameters, const Config::Optimizer& config);

/// None for "none". @throws course::UsageError that lists the names
std::optional<lit::LRSchedulerConfig> make_scheduler(
    const std::shared_ptr<torch::optim::Optimizer>& optimizer, const Config::Scheduler& config,
    int64_t max_epochs);
