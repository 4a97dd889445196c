// Logged numbers that stay on their device, and what they become over an epoch.
#include "lit/core/epoch_value.h"

#include <ATen/record_function.h>
#include <torch/torch.h>

#include <limits>
#include <set>

#include "testing.h"

namespace lit {
namespace {

using testing::error_of;
using ::testing::HasSubstr;
using ::testing::IsSubsetOf;

// Of such different sizes that another order makes another float32.
std::vector<float> numbers_of_all_sizes(int64_t count) {
  const torch::Tensor random = torch::randn({count}, at::detail::createCPUGenerator(7));
  const torch::Tensor sizes = torch::pow(10, torch::arange(count).remainder(9) - 4);
  const torch::Tensor all = (random * sizes).to(torch::kFloat32).contiguous();
  return {all.data_ptr<float>(), all.data_ptr<float>() + count};
}

torch::Tensor scalar(float value) {
  return torch::full({}, value);
}

// With 70,000 values the memory of kept tensors is given back once.
TEST(ValuesOfAnEpoch, OnADeviceTheyMakeTheSameBitsAsNumbersDo) {
  for (const int64_t count : {1, 255, 256, 257, 1000, 70000}) {
    std::vector<float> values = numbers_of_all_sizes(count);
    if (count == 1000) values[300] = std::numeric_limits<float>::quiet_NaN();
    for (const Reduce how : {Reduce::mean, Reduce::sum, Reduce::min, Reduce::max}) {
      EpochValue numbers(how), tensors(how);
      int64_t weight = 0;
      for (const float value : values) {
        weight = weight % 7 + 1;
        numbers.add(value, weight);
        tensors.add(LogValue::left_there(scalar(value)), weight);
      }
      EXPECT_EQ(tensors.weight(), numbers.weight());
      const double sum = tensors.sum().value(), result = tensors.result().value();
      if (count == 1000) {
        EXPECT_TRUE(std::isnan(result));
      } else {
        EXPECT_EQ(sum, numbers.sum().value());
        EXPECT_EQ(result, numbers.result().value());
      }
    }
  }
}

TEST(ValuesOfAnEpoch, OfSeveralTypesAndPlacesKeepTheirOrder) {
  EpochValue mixed(Reduce::sum), numbers(Reduce::sum);
  for (int i = 0; i < 40; ++i) {
    const double value = 0.1 + i;
    const torch::Tensor tensor = torch::full({1}, value, torch::kFloat64);
    switch (i % 4) {
      case 0:
        mixed.add(LogValue::left_there(tensor.to(torch::kFloat32)), 1);
        numbers.add(static_cast<float>(value), 1);
        break;
      case 1:
        mixed.add(LogValue::left_there(tensor), 1);
        numbers.add(value, 1);
        break;
      case 2:
        mixed.add(LogValue::left_there(tensor.to(torch::kBFloat16)), 1);
        numbers.add(static_cast<double>(tensor.to(torch::kBFloat16).item<float>()), 1);
        break;
      default:
        mixed.add(value, 1);
        numbers.add(value, 1);
    }
  }
  EXPECT_EQ(mixed.result().value(), numbers.result().value());
}

TEST(ValuesOfAnEpoch, LookingAtItChangesNothing) {
  EpochValue looked_at(Reduce::mean), other(Reduce::mean);
  for (const float value : numbers_of_all_sizes(600)) {
    looked_at.add(LogValue::left_there(scalar(value)), 3);
    other.add(LogValue::left_there(scalar(value)), 3);
    looked_at.result();
  }
  EXPECT_EQ(looked_at.result().value(), other.result().value());
}

TEST(ValuesOfAnEpoch, GoesOnFromItsState) {
  const std::vector<float> values = numbers_of_all_sizes(500);
  EpochValue whole(Reduce::mean), first(Reduce::mean), second(Reduce::mean);
  for (size_t i = 0; i < values.size(); ++i) {
    whole.add(LogValue::left_there(scalar(values[i])), 2);
    if (i < 300) first.add(LogValue::left_there(scalar(values[i])), 2);
  }
  second.restore(log_value(state_of(first.sum()), "sum"), first.weight());
  for (size_t i = 300; i < values.size(); ++i) second.add(scalar(values[i]), 2);
  EXPECT_EQ(second.result().value(), whole.result().value());
}

// libtorch's own account of what it was called for.
class Operators {
 public:
  Operators() {
    names().clear();
    handle_ = at::addThreadLocalCallback(at::RecordFunctionCallback(
        [](const at::RecordFunction& function) -> std::unique_ptr<at::ObserverContext> {
          names().insert(function.name());
          return nullptr;
        }));
  }
  ~Operators() { at::removeCallback(handle_); }
  static std::set<std::string>& names() {
    static std::set<std::string> all;
    return all;
  }

 private:
  at::CallbackHandle handle_ = 0;
};

TEST(LoggedTensor, CostsNoKernelUntilThereAre256) {
  const torch::Tensor weight = torch::ones({}, torch::requires_grad());
  std::vector<torch::Tensor> losses;
  for (int i = 0; i < 256; ++i) losses.push_back(weight * i);
  EpochValue mean(Reduce::mean);
  const Operators operators;
  for (int i = 0; i < 255; ++i) mean.add(LogValue::left_there(losses[i]), 1);
  EXPECT_THAT(Operators::names(),
              IsSubsetOf({"aten::detach", "detach", "aten::reshape", "aten::view", "aten::alias",
                          "aten::_reshape_alias"}));
  mean.add(LogValue::left_there(losses[255]), 1);
  EXPECT_EQ(Operators::names().count("aten::stack"), 1U);
  EXPECT_EQ(Operators::names().count("aten::item"), 0U);
  EXPECT_EQ(mean.result().value(), 127.5);
}

TEST(LoggedTensor, IsCopiedIfOthersAreLikelyToWriteToIt) {
  const auto is_copied = [](const torch::Tensor& tensor) {
    return LogValue::left_there(tensor).tensor().data_ptr() != tensor.data_ptr();
  };
  const torch::Tensor parameter = torch::ones({}, torch::requires_grad());
  EXPECT_FALSE(is_copied(parameter * 2));
  EXPECT_FALSE(is_copied(scalar(1).reshape({1, 1})));
  EXPECT_TRUE(is_copied(parameter));
  EXPECT_TRUE(is_copied(torch::ones({3})[1]));
  torch::Tensor total = scalar(1);
  total += 1;
  EXPECT_TRUE(is_copied(total));
  const c10::InferenceMode inference;
  EXPECT_TRUE(is_copied(scalar(1)));
}

TEST(LoggedTensor, ThatIsWrittenToAfterwardsIsAnError) {
  torch::Tensor total = scalar(1);
  const LogValue kept = LogValue::left_there(total);
  EXPECT_EQ(kept.value(), 1);
  EpochValue sum(Reduce::sum);
  sum.add(kept, 1);
  total += 1;
  for (const std::string& error :
       {error_of([&] { kept.value(); }), error_of([&] { sum.result(); })}) {
    EXPECT_THAT(error, HasSubstr("a tensor on cpu was written to after it was logged"));
    EXPECT_THAT(error, HasSubstr("log(name, tensor.clone())"));
  }
}

}  // namespace
}  // namespace lit
