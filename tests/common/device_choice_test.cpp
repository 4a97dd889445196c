// Which device is chosen, why, and the sentences that answer a wish that cannot be granted.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <string>

#include "device/device.h"
#include "error.h"
#include "fake_device.h"

namespace course {
namespace {

using testing::FakeDevice;
C10_REGISTER_GUARD_IMPL(XLA, FakeDevice)

const Accelerators kCpuBuild{};
const Accelerators kDropped{.cuda_built = true};
const Accelerators kNoCard{.cuda_built = true, .cuda_linked = true};
const Accelerators kOneCard{.cuda_built = true, .cuda_linked = true, .cuda_devices = 1};
const Accelerators kFourCards{.cuda_built = true, .cuda_linked = true, .cuda_devices = 4};
const Accelerators kMac{.mps = true};

std::string chosen(const std::string& request, const Accelerators& present) {
  return describe(choose_device(request, present));
}

/// "usage: ..." or "error: ...", by the type of what is thrown.
std::string refusal(const std::string& request, const Accelerators& present) {
  try {
    return "accepted: " + chosen(request, present);
  } catch (const UsageError& error) {
    return std::string("usage: ") + error.what();
  } catch (const Error& error) {
    return std::string("error: ") + error.what();
  }
}

TEST(ChooseDevice, AutoTakesTheBestThatIsThereAndSaysWhy) {
  EXPECT_EQ(chosen("auto", kFourCards), "device: cuda:0 (auto: the first CUDA device)");
  EXPECT_EQ(chosen("auto", kMac), "device: mps (auto: Apple's Metal)");
  EXPECT_EQ(chosen("auto", kCpuBuild), "device: cpu (auto: this libtorch was built without CUDA)");
  EXPECT_EQ(chosen("auto", kDropped),
            "device: cpu (auto: the linker dropped libtorch_cuda from this program)");
  EXPECT_EQ(chosen("auto", kNoCard),
            "device: cpu (auto: CUDA is built in, but no CUDA device is present)");
}

TEST(ChooseDevice, TakesWhatIsAskedFor) {
  EXPECT_EQ(chosen("cpu", kFourCards), "device: cpu (asked for)");
  EXPECT_EQ(chosen("cuda", kFourCards), "device: cuda:0 (asked for)") << "with an index, always";
  EXPECT_EQ(chosen("cuda:3", kFourCards), "device: cuda:3 (asked for)");
  EXPECT_EQ(chosen("mps", kMac), "device: mps (asked for)");
  EXPECT_EQ(choose_device("cuda:2", kFourCards).device, torch::Device("cuda:2"));
}

TEST(ChooseDevice, NeverReplacesWhatIsNotThere) {
  EXPECT_EQ(
      refusal("cuda", kCpuBuild),
      "error: --device cuda cannot be had: this libtorch was built without CUDA; use --device "
      "cpu, or a libtorch with CUDA");
  EXPECT_EQ(
      refusal("cuda:1", kNoCard),
      "error: --device cuda:1 cannot be had: CUDA is built in, but no CUDA device is present; "
      "use --device cpu, or look at what nvidia-smi says");
  EXPECT_EQ(
      refusal("cuda", kDropped),
      "error: --device cuda cannot be had: the linker dropped libtorch_cuda from this program; "
      "use --device cpu, or link with -Wl,--no-as-needed -ltorch_cuda");
  EXPECT_EQ(refusal("cuda:1", kOneCard),
            "error: --device cuda:1 cannot be had: this machine has 1 CUDA device, cuda:0");
  EXPECT_EQ(
      refusal("cuda:4", kFourCards),
      "error: --device cuda:4 cannot be had: this machine has 4 CUDA devices, cuda:0 to cuda:3");
  EXPECT_EQ(refusal("mps", kFourCards).rfind("error: --device mps cannot be had: ", 0), 0U);
}

TEST(ChooseDevice, NamesTheNearestOfUnknownDevices) {
  const std::string allowed = "usage: --device takes auto, cpu, cuda, cuda:N or mps, not ";
  EXPECT_EQ(refusal("gpu", kFourCards), allowed + "'gpu'; did you mean cuda?") << "not cpu";
  EXPECT_EQ(refusal("cdua", kFourCards), allowed + "'cdua'; did you mean cuda?");
  EXPECT_EQ(refusal("CPU", kFourCards).rfind(allowed + "'CPU'", 0), 0U);
  EXPECT_EQ(refusal("xla", kFourCards), allowed + "'xla'");
  EXPECT_EQ(refusal("", kFourCards), allowed + "''");
}

TEST(ChooseDevice, NamesTheOptionOfTheProgram) {
  const auto refusal = [](const std::string& request, const Accelerators& present) {
    try {
      choose_device(request, present, "accelerator");
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  EXPECT_EQ(refusal("cuda", kCpuBuild),
            "accelerator cuda cannot be had: this libtorch was built without CUDA; use "
            "accelerator cpu, or a libtorch with CUDA");
  EXPECT_EQ(refusal("cuda:1", kOneCard),
            "accelerator cuda:1 cannot be had: this machine has 1 CUDA device, cuda:0");
  EXPECT_EQ(refusal("mps", kCpuBuild).find("--"), std::string::npos);
  EXPECT_EQ(refusal("xla", kCpuBuild),
            "accelerator takes auto, cpu, cuda, cuda:N or mps, not 'xla'");
  EXPECT_EQ(refusal("cuda:x", kCpuBuild),
            "accelerator takes auto, cpu, cuda, cuda:N or mps, not 'cuda:x'; did you mean cuda:0?");
}

TEST(ChooseDevice, RefusesIndicesThatAreNoneBeforeLookingForDevices) {
  for (const char* request : {"cuda:", "cuda:x", "cuda:-1", "cuda:1x", "cuda: 1", "cuda:128",
                              "cuda:99999999999999999999", "cuda0", "mps:0"}) {
    EXPECT_EQ(refusal(request, kCpuBuild).rfind("usage: ", 0), 0U) << refusal(request, kCpuBuild);
  }
}

TEST(WithIndex, NamesADeviceAsItsTensorsDo) {
  FakeDevice::current = 1;
  EXPECT_EQ(with_index(torch::kXLA), torch::Device(torch::kXLA, 1)) << "the current one";
  EXPECT_EQ(with_index(torch::Device(torch::kXLA, 0)), torch::Device(torch::kXLA, 0));
  FakeDevice::current = 0;
  EXPECT_EQ(with_index(torch::kXLA), torch::Device(torch::kXLA, 0));
  EXPECT_EQ(with_index(torch::Device("cpu:0")), torch::ones({1}, torch::Device("cpu:0")).device());
  EXPECT_EQ(with_index(torch::kMeta), torch::ones({1}, torch::kMeta).device());
}

TEST(ChooseDevice, FindsWhatThisMachineHas) {
  const Accelerators found = find_accelerators();
  EXPECT_EQ(why_no_cuda(found).empty(), torch::cuda::is_available());
  EXPECT_LE(found.cuda_linked, found.cuda_built);
  // Whatever auto takes can be computed on.
  const torch::Tensor sum = torch::ones({2, 2}, choose_device("auto").device).sum();
  EXPECT_EQ(sum.item<float>(), 4.0F);
}

}  // namespace
}  // namespace course
