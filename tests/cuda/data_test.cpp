// Batches on a GPU: kept there, or copied one ahead; and what steps large models.
#include "device.h"
#include "device/cuda_driver.h"
#include "lit/optim/optimizers.h"

namespace lit {
namespace {

using course::InMemoryLoader;
using course::InMemoryLoaderOptions;
using testing::device;
using testing::loader_of;

class CudaLoader : public testing::OnDevice,
                   public ::testing::WithParamInterface<InMemoryLoaderOptions> {};

TEST_P(CudaLoader, HandsOutTheBatchesOfTheCpu) {
  InMemoryLoaderOptions options = GetParam();
  const InMemoryLoader here = loader_of(options);
  options.device = device();
  const InMemoryLoader there = loader_of(options);
  if (device().is_cuda()) {
    EXPECT_EQ(there.device().is_cuda(), options.keep_on_device > 0);
  }
  for (const int64_t first : {0, 3}) {
    auto wanted = here.epoch(1, first);
    auto found = there.epoch(1, first);
    auto one = wanted.begin();
    int64_t batches = 0;
    std::vector<torch::data::Example<>> held;  // as a loop does that looks back
    for (const auto& batch : found) {
      EXPECT_EQ(batch.data.device(), device());
      EXPECT_EQ(batch.target.device(), device());
      EXPECT_TRUE(torch::equal(batch.target.cpu(), one->target)) << batches;
      EXPECT_TRUE(torch::allclose(batch.data.cpu(), one->data, 1e-6, 1e-7)) << batches;
      held.push_back({batch.data.clone(), batch.target});
      EXPECT_EQ(found.position(), first + ++batches);
      ++one;
    }
    EXPECT_EQ(batches, here.batches() - first);
    EXPECT_TRUE(one == wanted.end());
  }
}

TEST_P(CudaLoader, WaitsForNothing) {
  InMemoryLoaderOptions options = GetParam();
  options.device = device();
  const InMemoryLoader loader = loader_of(options);
  torch::Tensor sum = torch::zeros({}, device());
  for (const int64_t epoch : {0, 1}) {
    std::optional<testing::NoWaits> none;
    if (epoch == 1) none.emplace();  // what the first one needs once may wait
    for (const auto& batch : loader.epoch(epoch)) sum += batch.data.sum();
  }
  EXPECT_GT(sum.item<double>(), 0);
}

INSTANTIATE_TEST_SUITE_P(
    Of, CudaLoader,
    ::testing::Values(InMemoryLoaderOptions{.batch_size = 48, .shuffle = true, .seed = 4},
                      InMemoryLoaderOptions{.batch_size = 48},
                      InMemoryLoaderOptions{
                          .batch_size = 48, .shuffle = true, .keep_on_device = 0.5},
                      InMemoryLoaderOptions{.batch_size = 48, .keep_on_device = 0.5}),
    [](const auto& info) {
      return std::string(info.param.keep_on_device > 0 ? "Kept" : "Copied") +
             (info.param.shuffle ? "Shuffled" : "InOrder");
    });

class CudaMemory : public testing::OnDevice {};

TEST_F(CudaMemory, FreeMemoryIsThatOfTheDriver) {
  if (!device().is_cuda()) {
    EXPECT_EQ(course::free_gpu_memory(0), std::nullopt) << "the CPU stands in where no GPU is";
    return;
  }
  const auto before = course::free_gpu_memory(0);
  ASSERT_TRUE(before.has_value());
  const torch::Tensor large = torch::zeros({1 << 28}, torch::device(device()).dtype(torch::kUInt8));
  const auto after = course::free_gpu_memory(0);
  ASSERT_TRUE(after.has_value());
  EXPECT_GE(*before - *after, (1 << 28) - (1 << 24));
  const course::CudaDriver driver = course::find_cuda_driver();
  ASSERT_FALSE(driver.gpus.empty());
  EXPECT_LE(*before, driver.gpus[0].bytes);
}

// --- Optimizers -------------------------------------------------------------------------------

class CudaOptimizers : public testing::OnDevice {};

// Twelve steps of a few parameters, one of which is large.
template <typename Optimizer, typename Options>
std::vector<torch::Tensor> stepped(const Options& options, std::optional<bool> fused) {
  torch::manual_seed(0);
  std::vector<torch::Tensor> parameters;
  for (const int64_t n : {5'000'000, 1, 1000}) {
    parameters.push_back(torch::randn({n}).to(device()).set_requires_grad(true));
  }
  Optimizer optimizer(parameters, options);
  optimizer.fused(fused);
  for (int step = 0; step < 12; ++step) {
    for (torch::Tensor& parameter : parameters) {
      parameter.mutable_grad() = torch::sin(parameter.detach() * (step + 1));
    }
    optimizer.step();
  }
  return parameters;
}

template <typename Optimizer, typename Options>
void expect_same(const Options& options) {
  const auto by_lists = stepped<Optimizer>(options, false);
  const auto as_chosen = stepped<Optimizer>(options, std::nullopt);
  for (size_t i = 0; i < by_lists.size(); ++i) {
    EXPECT_TRUE(torch::allclose(by_lists[i], as_chosen[i], 1e-4, 1e-5)) << "parameter " << i;
  }
}

TEST_F(CudaOptimizers, FusedOnesDoWhatForeachDoes) {
  expect_same<Adam>(torch::optim::AdamOptions(1e-2).weight_decay(0.1));
  expect_same<Adam>(torch::optim::AdamOptions(1e-2).amsgrad(true));
  expect_same<AdamW>(torch::optim::AdamWOptions(1e-2).weight_decay(0.3));
  expect_same<SGD>(torch::optim::SGDOptions(1e-2));
  expect_same<SGD>(torch::optim::SGDOptions(1e-3).momentum(0.9).weight_decay(0.1));
  expect_same<SGD>(torch::optim::SGDOptions(1e-3).momentum(0.9).nesterov(true));
}

}  // namespace
}  // namespace lit
