// Tests the order of shuffled epochs, against Python too, and the batches made from it.
#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <limits>
#include <set>
#include <string>
#include <vector>

#include "data/in_memory_loader.h"
#include "data/permutation.h"
#include "data_testing.h"
#include "error.h"

namespace course {
namespace {

using testing::message_of;

torch::Tensor integers(const std::vector<int64_t>& values) {
  return torch::tensor(values, torch::kInt64);
}

// Made with Python's torch 1.13 by the lines in data/permutation.h and
//     for seed, epoch in [(0, 0), (0, 1), (1, 0), (2**64 - 1, 3)]: print(permutation(seed, epoch,
//     10)) p = permutation(42, 7, 60000); print(p[:5], (p * torch.arange(60000)).sum())
TEST(DataPermutation, IsPythons) {
  EXPECT_TRUE(torch::equal(permutation(0, 0, 10), integers({1, 5, 0, 4, 9, 7, 8, 3, 6, 2})));
  EXPECT_TRUE(torch::equal(permutation(0, 1, 10), integers({7, 9, 8, 0, 3, 6, 1, 5, 2, 4})));
  EXPECT_TRUE(torch::equal(permutation(1, 0, 10), integers({0, 8, 7, 9, 1, 5, 4, 2, 3, 6})));
  EXPECT_TRUE(torch::equal(permutation(std::numeric_limits<uint64_t>::max(), 3, 10),
                           integers({4, 6, 3, 9, 5, 7, 2, 1, 8, 0})));
  const torch::Tensor large = permutation(42, 7, 60000);
  EXPECT_TRUE(torch::equal(large.narrow(0, 0, 5), integers({53987, 33014, 23149, 44180, 59567})));
  EXPECT_EQ((large * torch::arange(60000)).sum().item<int64_t>(), 54024394290960);
}

// Made by the same lines: print([hex(mix_seed(*of)) for of in [(0, 0), (0, 1), (1, 0), (2**64 - 1,
// 2**64 - 1)]])
TEST(DataPermutation, StreamsOfASeedArePythons) {
  EXPECT_EQ(mix_seed(0, 0), 0xa706dd2f4d197e6fU);
  EXPECT_EQ(mix_seed(0, 1), 0x2a98f501af37e97fU);
  EXPECT_EQ(mix_seed(1, 0), 0x5e41ab087439611eU);
  constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max();
  EXPECT_EQ(mix_seed(kMost, kMost), 0x5155e650b56274f2U);
}

TEST(DataPermutation, HoldsEachNumberOnce) {
  EXPECT_TRUE(torch::equal(std::get<0>(permutation(3, 5, 1013).sort()), torch::arange(1013)));
  EXPECT_TRUE(torch::equal(permutation(3, 5, 1), integers({0})));
  EXPECT_EQ(permutation(3, 5, 0).numel(), 0);
}

TEST(DataPermutation, LeavesTheGlobalGeneratorAlone) {
  torch::manual_seed(11);
  const torch::Tensor before = at::detail::getDefaultCPUGenerator().get_state();
  const torch::Tensor order = permutation(0, 0, 100);
  EXPECT_TRUE(torch::equal(at::detail::getDefaultCPUGenerator().get_state(), before));
  torch::manual_seed(12);
  EXPECT_TRUE(torch::equal(permutation(0, 0, 100), order));
}

TEST(DataPermutation, RefusesNegativeNumbers) {
  EXPECT_EQ(message_of<UsageError>([] { (void)permutation(0, -1, 10); }),
            "epoch is -1, but epochs count from 0");
  EXPECT_EQ(message_of<UsageError>([] { (void)permutation(0, 0, -1); }),
            "n is -1, but a permutation has 0 or more elements");
}

// Sample i is the row (10 i, 10 i + 1), its target i; ten do not fill batches of three or four.
torch::Tensor ten_rows() {
  return torch::stack({torch::arange(10) * 10, torch::arange(10) * 10 + 1}, 1);
}
torch::Tensor ten_targets() {
  return torch::arange(10);
}

std::vector<std::vector<int64_t>> targets_of(InMemoryLoader::Epoch epoch) {
  std::vector<std::vector<int64_t>> all;
  for (const auto& batch : epoch) {
    EXPECT_TRUE(torch::equal(batch.data.select(1, 0), batch.target * 10));
    EXPECT_TRUE(torch::equal(batch.data.select(1, 1), batch.target * 10 + 1));
    const auto* first = batch.target.data_ptr<int64_t>();
    all.emplace_back(first, first + batch.target.size(0));
  }
  return all;
}

using Batches = std::vector<std::vector<int64_t>>;

TEST(DataLoaderInMemory, KeepsTheOrderAndTheLastShortBatch) {
  const InMemoryLoader loader(ten_rows(), ten_targets(), {.batch_size = 4});
  EXPECT_EQ(loader.samples(), 10);
  EXPECT_EQ(loader.batches(), 3);
  EXPECT_EQ(targets_of(loader.epoch(0)), (Batches{{0, 1, 2, 3}, {4, 5, 6, 7}, {8, 9}}));
}

TEST(DataLoaderInMemory, DropsTheLastShortBatchOnlyIfItIsShort) {
  const InMemoryLoader four(ten_rows(), ten_targets(), {.batch_size = 4, .drop_last = true});
  EXPECT_EQ(four.batches(), 2);
  EXPECT_EQ(targets_of(four.epoch(0)), (Batches{{0, 1, 2, 3}, {4, 5, 6, 7}}));
  const InMemoryLoader five(ten_rows(), ten_targets(), {.batch_size = 5, .drop_last = true});
  EXPECT_EQ(five.batches(), 2);
  EXPECT_EQ(targets_of(five.epoch(0)), (Batches{{0, 1, 2, 3, 4}, {5, 6, 7, 8, 9}}));
}

TEST(DataLoaderInMemory, ABatchMayBeLargerThanTheData) {
  const InMemoryLoader loader(ten_rows(), ten_targets(),
                              {.batch_size = std::numeric_limits<int64_t>::max()});
  EXPECT_EQ(loader.batches(), 1);
  EXPECT_EQ(targets_of(loader.epoch(0)), (Batches{{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}}));
}

TEST(DataLoaderInMemory, ShufflesByThePermutation) {
  const InMemoryLoader loader(ten_rows(), ten_targets(), {.batch_size = 4, .shuffle = true});
  // permutation(0, 0, 10) and permutation(0, 1, 10)
  const Batches first{{1, 5, 0, 4}, {9, 7, 8, 3}, {6, 2}};
  EXPECT_EQ(targets_of(loader.epoch(0)), first);
  EXPECT_EQ(targets_of(loader.epoch(1)), (Batches{{7, 9, 8, 0}, {3, 6, 1, 5}, {2, 4}}));
  EXPECT_EQ(targets_of(loader.epoch(0)), first) << "an epoch depends on no other";
  const InMemoryLoader seeded(ten_rows(), ten_targets(),
                              {.batch_size = 4, .shuffle = true, .seed = 1});
  EXPECT_EQ(targets_of(seeded.epoch(0)), (Batches{{0, 8, 7, 9}, {1, 5, 4, 2}, {3, 6}}));
}

TEST(DataLoaderInMemory, CopiesNothingUnlessItShuffles) {
  const torch::Tensor data = ten_rows();
  const torch::Tensor target = ten_targets();
  const InMemoryLoader loader(data, target, {.batch_size = 4});
  int64_t start = 0;
  for (const auto& batch : loader.epoch(0)) {
    EXPECT_EQ(batch.data.data_ptr<int64_t>(), data.data_ptr<int64_t>() + 2 * start);
    EXPECT_EQ(batch.target.data_ptr<int64_t>(), target.data_ptr<int64_t>() + start);
    start += batch.target.size(0);
  }
  EXPECT_EQ(start, 10);
}

TEST(DataLoaderInMemory, KeepsShapeAndType) {
  const torch::Tensor images = torch::arange(7 * 6, torch::kUInt8).view({7, 1, 2, 3});
  const InMemoryLoader loader(images, torch::arange(7), {.batch_size = 3, .shuffle = true});
  for (const auto& batch : loader.epoch(2)) {
    EXPECT_EQ(batch.data.scalar_type(), torch::kUInt8);
    EXPECT_EQ(batch.target.scalar_type(), torch::kInt64);
    EXPECT_TRUE(torch::equal(batch.data, images.index_select(0, batch.target)));
  }
}

TEST(DataLoaderInMemory, GoesOnWhereAnEpochStopped) {
  const InMemoryLoader loader(ten_rows(), ten_targets(), {.batch_size = 4, .shuffle = true});
  auto epoch = loader.epoch(1);
  EXPECT_EQ(epoch.position(), 0);
  for (const auto& batch : epoch) {
    EXPECT_EQ(epoch.position(), 1);
    EXPECT_EQ(batch.target.size(0), 4);
    break;
  }
  EXPECT_EQ(targets_of(loader.epoch(1, epoch.position())), (Batches{{3, 6, 1, 5}, {2, 4}}));
  EXPECT_EQ(targets_of(epoch), (Batches{{3, 6, 1, 5}, {2, 4}})) << "the same object goes on too";
  EXPECT_EQ(targets_of(loader.epoch(1, 3)), Batches{}) << "an epoch that was over stays over";
  auto rest = loader.epoch(1, 2);
  EXPECT_EQ(rest.position(), 2);
  for (const auto& batch : rest) EXPECT_EQ(batch.target.size(0), 2);
  EXPECT_EQ(rest.position(), 3);
}

TEST(DataLoaderInMemory, AnEpochOutlivesItsLoader) {
  auto epoch = InMemoryLoader(ten_rows(), ten_targets(), {.batch_size = 6}).epoch(0);
  EXPECT_EQ(targets_of(epoch), (Batches{{0, 1, 2, 3, 4, 5}, {6, 7, 8, 9}}));
}

TEST(DataLoaderInMemory, PutsBatchesOnTheDeviceThatIsAskedFor) {
  const InMemoryLoader on_cpu(ten_rows(), ten_targets(), {.batch_size = 4, .device = torch::kCPU});
  EXPECT_EQ(targets_of(on_cpu.epoch(0)).size(), 3U);
  if (!torch::cuda::is_available()) GTEST_SKIP() << "no CUDA device here";
  const torch::Device cuda(torch::kCUDA, 0);
  for (const bool shuffle : {false, true}) {
    const InMemoryLoader copies(ten_rows(), ten_targets(),
                                {.batch_size = 4, .shuffle = shuffle, .device = cuda});
    const InMemoryLoader lives_there(ten_rows().to(cuda), ten_targets().to(cuda),
                                     {.batch_size = 4, .shuffle = shuffle});
    Batches expected{{0, 1, 2, 3}, {4, 5, 6, 7}, {8, 9}};
    if (shuffle) expected = {{1, 5, 0, 4}, {9, 7, 8, 3}, {6, 2}};
    for (const InMemoryLoader* loader : {&copies, &lives_there}) {
      std::size_t i = 0;
      for (const auto& batch : loader->epoch(0)) {
        EXPECT_EQ(batch.data.device(), cuda);
        EXPECT_TRUE(torch::equal(batch.target.cpu(), integers(expected.at(i))));
        EXPECT_TRUE(torch::equal(batch.data.select(1, 1).cpu(), integers(expected.at(i)) * 10 + 1));
        ++i;
      }
      EXPECT_EQ(i, 3U);
    }
  }
}

TEST(DataLoaderInMemory, RefusesTensorsThatDoNotFit) {
  const auto fault = [](const torch::Tensor& data, const torch::Tensor& target) {
    return message_of<Error>([&] { InMemoryLoader(data, target); });
  };
  EXPECT_EQ(fault(ten_rows(), torch::arange(9)),
            "data has 10 samples, but target has 9; there must be one target for each sample");
  EXPECT_EQ(fault(torch::empty({0, 2}), torch::arange(0)),
            "data has no samples, but at least one is needed to make batches");
  const std::string no_samples =
      "data and target must be tensors whose first dimension counts samples, but one of them is "
      "empty or has no dimensions";
  EXPECT_EQ(fault(torch::Tensor(), torch::arange(3)), no_samples);
  EXPECT_EQ(fault(torch::arange(3), torch::Tensor()), no_samples);
  EXPECT_EQ(fault(torch::tensor(1.0), torch::arange(1)), no_samples);
  EXPECT_EQ(fault(ten_rows(), torch::empty({10}, torch::kMeta)),
            "data is on cpu, but target is on meta; move both to the same device");
}

TEST(DataLoaderInMemory, RefusesBadOptions) {
  const auto fault = [](const InMemoryLoaderOptions& options) {
    return message_of<UsageError>([&] { InMemoryLoader(ten_rows(), ten_targets(), options); });
  };
  EXPECT_EQ(fault({.batch_size = 0}), "batch_size is 0, but must be at least 1");
  EXPECT_EQ(fault({.batch_size = -3}), "batch_size is -3, but must be at least 1");
  EXPECT_EQ(fault({.batch_size = 11, .drop_last = true}),
            "batch_size is 11 with drop_last, which leaves no batch of 10 samples; it must be at "
            "most 10");
  EXPECT_EQ(fault({.keep_on_device = 1.5}),
            "keep_on_device is 1.5, but is a share of a GPU's free memory, from 0 to 1");
  if (!torch::cuda::is_available()) {
    EXPECT_EQ(fault({.device = torch::Device("cuda:1")}),
              "device is cuda:1, but there is no CUDA device that this libtorch can use; leave "
              "device out, or name cpu");
  }
  const InMemoryLoader loader(ten_rows(), ten_targets(), {.batch_size = 4});
  EXPECT_EQ(message_of<UsageError>([&loader] { (void)loader.epoch(-1); }),
            "epoch is -1, but epochs count from 0");
  for (const int64_t first : {-1, 4}) {
    EXPECT_EQ(message_of<UsageError>([&] { (void)loader.epoch(0, first); }),
              "first_batch is " + std::to_string(first) +
                  ", but must be from 0 to 3, the number of batches in an epoch");
  }
}

// --- Bytes as numbers, and memory that is used again -------------------------------------------

torch::Tensor bytes(int64_t n) {
  return (torch::arange(n * 12) % 256).to(torch::kUInt8).reshape({n, 1, 3, 4});
}

TEST(DataLoader, MakesFloatsOfTheBatchAsLibtorchDoes) {
  const torch::Tensor data = bytes(50), labels = torch::arange(50);
  for (const bool shuffle : {false, true}) {
    for (const ToFloat how : {ToFloat{}, ToFloat{.divisor = 255, .mean = 0.2860, .std = 0.3530}}) {
      const InMemoryLoader loader(
          data, labels, {.batch_size = 16, .shuffle = shuffle, .seed = 3, .to_float = how});
      for (const auto& batch : loader.epoch(1)) {
        torch::Tensor wanted = data.index_select(0, batch.target).to(torch::kFloat32) / how.divisor;
        if (how.mean != 0) wanted = (wanted - how.mean) / how.std;
        EXPECT_TRUE(torch::equal(batch.data, wanted)) << "to the last bit";
      }
    }
  }
}

TEST(DataLoader, RefusesToFloatOfWhatIsNoBytes) {
  EXPECT_EQ(message_of<UsageError>([] {
              InMemoryLoader(torch::ones({3, 2}), torch::arange(3), {.to_float = ToFloat{}});
            }),
            "to_float makes numbers of bytes, but the data are float; leave it out");
  EXPECT_EQ(message_of<UsageError>([] {
              InMemoryLoader(bytes(3), torch::arange(3), {.to_float = ToFloat{.std = 0}});
            }),
            "to_float has a divisor of 255 and a std of 0, but neither can be 0");
}

TEST(DataLoader, UsesTheMemoryOfABatchAgainThatNobodyHolds) {
  const InMemoryLoader loader(bytes(64), torch::arange(64), {.batch_size = 8, .shuffle = true});
  std::set<void*> places;
  for (const auto& batch : loader.epoch(0)) places.insert(batch.data.data_ptr());
  EXPECT_EQ(places.size(), 1U);
}

TEST(DataLoader, LeavesABatchAloneThatSomebodyHolds) {
  const torch::Tensor data = bytes(128);
  const InMemoryLoader loader(data, torch::arange(128), {.batch_size = 8, .shuffle = true});
  std::vector<torch::data::Example<>> kept;
  std::vector<torch::Tensor> views;  // of a batch that is gone
  for (const auto& batch : loader.epoch(0)) {
    if (batch.target[0].item<int64_t>() % 2 == 0) {
      kept.push_back(batch);
    } else {
      views.push_back(batch.data.flatten(1).narrow(0, 0, 1));
      kept.push_back({torch::Tensor(), batch.target});
    }
  }
  size_t view = 0;
  for (const auto& batch : kept) {
    const torch::Tensor wanted = data.index_select(0, batch.target);
    if (batch.data.defined()) {
      EXPECT_TRUE(torch::equal(batch.data, wanted));
    } else {
      EXPECT_TRUE(torch::equal(views[view++], wanted.flatten(1).narrow(0, 0, 1)));
    }
  }
  EXPECT_GT(view, 0U);
}

TEST(DataLoader, WhatIsSetOnABatchDoesNotComeBack) {
  const InMemoryLoader loader(torch::rand({32, 3}), torch::arange(32),
                              {.batch_size = 4, .shuffle = true});
  for (auto batch : loader.epoch(0)) {
    EXPECT_FALSE(batch.data.requires_grad());
    batch.data.set_requires_grad(true);
    batch.data.sum().backward();
  }
}

}  // namespace
}  // namespace course
