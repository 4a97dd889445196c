// Picks the device by the Trainer's options.
#include "lit/strategies/strategy.h"

#include <charconv>

#include "device/device.h"
#include "lit/error.h"

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

}  // namespace

std::shared_ptr<Strategy> make_strategy(const std::string& accelerator, const Devices& devices) {
  const int64_t index = device_index(devices);
  std::string request = accelerator == "gpu" ? "cuda" : accelerator;
  const bool has_index = request == "cuda" && index >= 0;
  if (request.find(':') != std::string::npos) {
    throw Error("accelerator is \"" + accelerator +
                "\", but must be auto, cpu, cuda, gpu or mps; which of several is said by devices");
  }
  if (has_index) request += ":" + std::to_string(index);
  try {
    return std::make_shared<SingleDeviceStrategy>(course::choose_device(request).device);
  } catch (const course::Error& error) {
    throw Error("accelerator: " + std::string(error.what()));
  }
}

}  // namespace lit
