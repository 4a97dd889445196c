// Steps on one device, and which device that is by the Trainer's options.
#include "lit/strategies/strategy.h"

#include <algorithm>
#include <charconv>
#include <system_error>
#include <vector>

#include "device/device.h"
#include "lit/core/module.h"
#include "lit/error.h"
#include "nearest.h"
#include "serialize/torch_file.h"

namespace lit {
namespace {

// The index of the one device that is asked for; -1: the first.
int64_t device_index(const Devices& devices) {
  if (const auto* count = std::get_if<int64_t>(&devices)) {
    if (*count == 1) return -1;
    throw Error("devices is " + std::to_string(*count) +
                ", but only one device can be used so far; give 1, \"auto\", or the index of one "
                "with a comma, as in \"1,\"");
  }
  const std::string& text = std::get<std::string>(devices);
  if (text == "auto" || text == "1") return -1;
  int64_t index = -1;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, index);
  if (error == std::errc() && index >= 0 && end - rest == 1 && *rest == ',') return index;
  throw Error("devices is \"" + text +
              "\", but must be 1, \"auto\", or the index of one device with a comma, as in \"1,\"");
}

// What may stand before the number of a device, which is an option of its own.
void check_name(const std::string& accelerator) {
  const std::vector<std::string> names{"auto", "cuda", "gpu", "cpu", "mps"};
  if (std::find(names.begin(), names.end(), accelerator) != names.end()) return;
  const bool numbered = accelerator.find(':') != std::string::npos;
  const std::string meant = numbered ? "" : course::nearest(accelerator, names);
  throw Error("accelerator: \"" + accelerator + "\" is none of auto, cpu, cuda, gpu and mps" +
              (numbered        ? "; which of several is said by devices"
               : meant.empty() ? ""
                               : "; did you mean " + meant + "?"));
}

}  // namespace

Batch Strategy::batch_to_device(Batch batch) {
  const torch::Device device = root_device();
  return batch.to(device, /*non_blocking=*/device.is_cuda());
}

StepOutput Strategy::training_step(LightningModule& module, const Batch& batch, int64_t batch_idx) {
  const auto context = precision().forward_context();
  return module.training_step(batch, batch_idx);
}
StepOutput Strategy::validation_step(LightningModule& module, const Batch& batch, int64_t batch_idx,
                                     int64_t dataloader_idx) {
  const auto context = precision().forward_context();
  return module.validation_step(batch, batch_idx, dataloader_idx);
}
StepOutput Strategy::test_step(LightningModule& module, const Batch& batch, int64_t batch_idx,
                               int64_t dataloader_idx) {
  const auto context = precision().forward_context();
  return module.test_step(batch, batch_idx, dataloader_idx);
}
Batch Strategy::predict_step(LightningModule& module, const Batch& batch, int64_t batch_idx,
                             int64_t dataloader_idx) {
  const auto context = precision().forward_context();
  return module.predict_step(batch, batch_idx, dataloader_idx);
}

void Strategy::backward(LightningModule& module, const torch::Tensor& loss) {
  module.backward(precision().scaled(loss));
}

void Strategy::optimizer_step(torch::optim::Optimizer& optimizer,
                              const std::function<torch::Tensor()>& closure) {
  optimizer.step(closure);
}

void Strategy::save_checkpoint(const course::Dict& checkpoint, const std::filesystem::path& path) {
  if (is_global_zero()) {
    if (path.has_parent_path()) {
      std::error_code failed;
      std::filesystem::create_directories(path.parent_path(), failed);
      if (failed) {
        throw Error("the folder " + path.parent_path().string() +
                    " for a checkpoint could not be made: " + failed.message());
      }
    }
    with_own_errors([&] { course::write_torch_file(path, checkpoint); });
  }
  barrier();
}

std::shared_ptr<Strategy> make_strategy(const std::string& accelerator, const Devices& devices) {
  const int64_t index = device_index(devices);
  check_name(accelerator);
  std::string request = accelerator == "gpu" ? "cuda" : accelerator;
  if (request == "cuda" && index >= 0) request += ":" + std::to_string(index);
  return with_own_errors([&] {
    return std::make_shared<SingleDeviceStrategy>(
        course::choose_device(request, "accelerator").device);
  });
}

}  // namespace lit
