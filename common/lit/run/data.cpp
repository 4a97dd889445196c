// Where the batches of a run come from, how many there are, and their way to the device.
#include "lit/run/data.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "device/device.h"
#include "lit/core/memory_format.h"
#include "lit/core/messages.h"
#include "lit/error.h"
#include "lit/run/progress.h"

namespace lit {

Loaders Data::request(Hook hook, const Loaders& given) const {
  Loaders loaders = given;
  const auto from = [hook](auto& owner) {
    switch (hook) {
      case Hook::train_dataloader:
        return owner.train_dataloader();
      case Hook::val_dataloader:
        return owner.val_dataloader();
      case Hook::test_dataloader:
        return owner.test_dataloader();
      default:
        return owner.predict_dataloader();
    }
  };
  if (loaders.empty() && hooks_.of_data_module(hook)) {
    loaders = hooks_.data_module(hook, from);
  } else if (loaders.empty() && hooks_.of_module(hook)) {
    loaders = hooks_.module(hook, from);
  }
  std::vector<std::shared_ptr<Loader>> all(loaders.begin(), loaders.end());
  const bool overfits = !is_zero(config_.options.overfit_batches) &&
                        (hook == Hook::train_dataloader || hook == Hook::val_dataloader);
  for (auto& loader : all) {
    if (loader == nullptr) throw Error(fmt::format("{} has a loader that is null", name_of(hook)));
    if (!overfits || !loader->shuffles()) continue;
    auto unshuffled = loader->unshuffled();
    if (unshuffled == nullptr) {
      throw Error(
          "overfit_batches needs the same batches in every epoch, but a loader shuffles and has no "
          "unshuffled(); give it one that does not");
    }
    warn("overfit_batches: a loader that shuffles is made to keep the order of its data");
    loader = std::move(unshuffled);
  }
  return all;
}

bool Data::has_source(Hook hook, const Loaders& given) const {
  return !given.empty() || hooks_.of_data_module(hook) || hooks_.of_module(hook);
}

int64_t Data::limited(const std::string& kind, const Loader& loader) const {
  const std::optional<int64_t> batches = loader.batches();
  if (config_.fast_dev_run()) {
    return std::min(batches.value_or(kUnlimited), config_.options.fast_dev_run);
  }
  const auto [option, limit] = config_.limit_of(kind);
  if (const auto* count = std::get_if<int64_t>(&limit)) {
    return std::min(batches.value_or(kUnlimited), *count);
  }
  const double share = std::get<double>(limit);
  if (share == 0) return 0;
  if (share == 1) return batches.value_or(kUnlimited);
  if (!batches) {
    throw Error(
        fmt::format("{} is the share {}, but the {} loader does not tell how many "
                    "batches it has; give a whole number of batches, or 1.0",
                    option, share, kind));
  }
  const auto some = static_cast<int64_t>(static_cast<double>(*batches) * share);
  if (some == 0 && *batches > 0) {
    throw Error(fmt::format("{} is {} of {} batches, which is less than one; give at least {:.3g}",
                            option, share, *batches, 1.0 / static_cast<double>(*batches)));
  }
  return some;
}

Batch Data::transfer(Batch batch, int64_t dataloader_idx) const {
  const torch::Device device = course::with_index(strategy_.root_device());
  const Profiler::Scope timed = hooks_.timed_strategy("batch_to_device");
  const auto run = [&](Hook hook, auto&& function) {
    batch = hooks_.of_data_module(hook) ? hooks_.data_module(hook, function)
                                        : hooks_.module(hook, function);
  };
  run(Hook::on_before_batch_transfer, [&](auto& owner) {
    return owner.on_before_batch_transfer(std::move(batch), dataloader_idx);
  });
  const Hook move = Hook::transfer_batch_to_device;
  const bool by_strategy = !hooks_.of_data_module(move) && !hooks_.of_module(move);
  run(move, [&](auto& owner) {
    return by_strategy ? strategy_.batch_to_device(std::move(batch))
                       : owner.transfer_batch_to_device(std::move(batch), device, dataloader_idx);
  });
  run(Hook::on_after_batch_transfer,
      [&](auto& owner) { return owner.on_after_batch_transfer(std::move(batch), dataloader_idx); });
  if (config_.options.channels_last) batch = in_channels_last(batch);
  for (const Batch::Item& item : batch) {
    if (item.tensor.defined() && item.tensor.device() != device) {
      throw Error(fmt::format(
          "the batch is on {}, but the module is on {}; does transfer_batch_to_device() or "
          "on_after_batch_transfer() leave it elsewhere?",
          item.tensor.device().str(), device.str()));
    }
  }
  return batch;
}

}  // namespace lit
