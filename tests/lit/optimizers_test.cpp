// lit::Adam, AdamW and SGD: what torch::optim's do, and what their checkpoints hold.
#include <cmath>
#include <functional>

#include "compat/fused_optimizers.h"
#include "compat/torch.h"
#include "lit/optim/optimizers.h"
#include "serialize/optimizer_state.h"
#include "testing.h"

namespace lit {
namespace {

using testing::error_of;
using ::testing::HasSubstr;
using torch::Tensor;
using torch::optim::AdamOptions;
using torch::optim::AdamWOptions;
using torch::optim::SGDOptions;

// Parameters of several sizes: none, less than a vector, many vectors and a rest, more than one
// thread's share.
std::vector<Tensor> parameters(torch::TensorOptions options = torch::kFloat32) {
  torch::manual_seed(0);
  std::vector<Tensor> made;
  for (const int64_t n : {1, 7, 1000, 40001}) {
    made.push_back(torch::randn({n}, options).set_requires_grad(true));
  }
  return made;
}

// Gradients that depend on the step alone, over several orders of magnitude.
void set_gradients(std::vector<Tensor>& params, int64_t step) {
  torch::manual_seed(static_cast<uint64_t>(step) + 100);
  for (Tensor& p : params) {
    p.mutable_grad() = torch::randn_like(p) * torch::pow(10.0, torch::rand_like(p) * 6 - 4);
  }
}

double distance(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  double difference = 0, norm = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    difference += (a[i] - b[i]).detach().to(torch::kFloat64).square().sum().item<double>();
    norm += b[i].detach().to(torch::kFloat64).square().sum().item<double>();
  }
  return std::sqrt(difference / norm);
}

template <typename Ours, typename Theirs, typename Options>
void expect_same(const Options& options, torch::TensorOptions tensors = torch::kFloat32,
                 std::optional<bool> fused = std::nullopt) {
  std::vector<Tensor> a = parameters(tensors), b = parameters(tensors);
  Ours ours(a, options);
  ours.fused(fused);
  Theirs theirs(b, options);
  const std::vector<Tensor> start = parameters(tensors);
  for (int64_t step = 0; step < 40; ++step) {
    set_gradients(a, step);
    set_gradients(b, step);
    if (step == 20) a[1].mutable_grad() = b[1].mutable_grad() = Tensor();  // not used in this step
    ours.step();
    theirs.step();
  }
  EXPECT_LT(distance(a, b), 1e-6);
  EXPECT_GT(distance(a, start), 1e-3) << "something was learned";
#if TORCH_VERSION_MAJOR < 2 && defined(__x86_64__)
  if (__builtin_cpu_supports("fma")) {
    EXPECT_EQ(distance(a, b), 0) << "bit for bit";
  }
#endif
}

TEST(Optimizers, AdamIsTorchs) {
  expect_same<Adam, torch::optim::Adam>(AdamOptions(1e-2));
  expect_same<Adam, torch::optim::Adam>(AdamOptions(1e-2).weight_decay(0.1).betas({0.8, 0.95}));
  expect_same<Adam, torch::optim::Adam>(AdamOptions(1e-2).amsgrad(true));
  expect_same<Adam, torch::optim::Adam>(AdamOptions(1e-2).amsgrad(true).weight_decay(0.1));
}

TEST(Optimizers, AdamWIsTorchs) {
  expect_same<AdamW, torch::optim::AdamW>(AdamWOptions(1e-2));
  expect_same<AdamW, torch::optim::AdamW>(AdamWOptions(1e-2).weight_decay(0));
  expect_same<AdamW, torch::optim::AdamW>(AdamWOptions(1e-2).amsgrad(true).weight_decay(0.3));
}

TEST(Optimizers, SgdIsTorchs) {
  expect_same<SGD, torch::optim::SGD>(SGDOptions(1e-2));
  expect_same<SGD, torch::optim::SGD>(SGDOptions(1e-3).momentum(0.9).weight_decay(0.1));
  expect_same<SGD, torch::optim::SGD>(SGDOptions(1e-3).momentum(0.9).dampening(0.5));
  expect_same<SGD, torch::optim::SGD>(SGDOptions(1e-3).momentum(0.9).nesterov(true));
}

TEST(Optimizers, FusedOnesAreTorchs) {
  if (!course::compat::has_fused_adam(torch::kCPU))
    GTEST_SKIP() << "this libtorch has none for the CPU";
  for (const auto dtype : {torch::kFloat32, torch::kFloat64}) {
    expect_same<Adam, torch::optim::Adam>(AdamOptions(1e-2).weight_decay(0.1), dtype, true);
    expect_same<Adam, torch::optim::Adam>(AdamOptions(1e-2).amsgrad(true), dtype, true);
    expect_same<AdamW, torch::optim::AdamW>(AdamWOptions(1e-2).weight_decay(0.3), dtype, true);
    expect_same<SGD, torch::optim::SGD>(SGDOptions(1e-2), dtype, true);
    expect_same<SGD, torch::optim::SGD>(SGDOptions(1e-3).momentum(0.9).weight_decay(0.1), dtype,
                                        true);
    expect_same<SGD, torch::optim::SGD>(SGDOptions(1e-3).momentum(0.9).nesterov(true), dtype, true);
  }
}

TEST(Optimizers, FusedWhereThereIsNoneIsRefused) {
  if (course::compat::has_fused_adam(torch::kCPU)) GTEST_SKIP() << "this libtorch has one";
  std::vector<Tensor> params = parameters();
  set_gradients(params, 0);
  Adam adam(params, AdamOptions(1e-2));
  adam.fused(true);
  EXPECT_EQ(error_of([&] { adam.step(); }),
            "Adam.fused(true) needs libtorch 2.4 or newer for parameters on the CPU; this is " +
                course::compat::torch_version() + " with parameters on cpu");
  SGD sgd(params, SGDOptions(1e-2));
  sgd.fused(true);
  EXPECT_THAT(error_of([&] { sgd.step(); }), HasSubstr("SGD.fused(true) needs libtorch 2.4"));
  const std::vector<Tensor> start = parameters();
  EXPECT_EQ(distance(params, start), 0) << "and nothing was stepped";
}

// Every parameter with every gradient, of infinities, NaN, both zeros, and numbers whose square is
// infinite; the gradients of later steps are others.
template <typename Ours, typename Theirs, typename Options>
void expect_same_where_not_finite(const Options& options,
                                  torch::TensorOptions tensors = torch::kFloat32) {
  const Tensor special =
      torch::tensor({0.0F, -0.0F, 1.5F, -2e-3F, INFINITY, -INFINITY, NAN, 1e30F, -1e30F, 1e-25F});
  const auto n = special.numel();
  const Tensor all = special.to(tensors).repeat({n});
  const Tensor gradients = special.to(tensors).repeat_interleave(n);
  std::vector<Tensor> a{all.clone().set_requires_grad(true)};
  std::vector<Tensor> b{all.clone().set_requires_grad(true)};
  Ours ours(a, options);
  Theirs theirs(b, options);
  for (int64_t step = 0; step < 4; ++step) {
    a[0].mutable_grad() = gradients.roll(3 * step);
    b[0].mutable_grad() = gradients.roll(3 * step);
    ours.step();
    theirs.step();
    EXPECT_TRUE(torch::equal(a[0].isnan(), b[0].isnan())) << "step " << step;
    const auto number = [](const Tensor& tensor) {
      return tensor.detach().nan_to_num(7, 8e30, 9e30);
    };
#if TORCH_VERSION_MAJOR < 2 && defined(__x86_64__)
    if (__builtin_cpu_supports("fma")) {
      EXPECT_TRUE(torch::equal(number(a[0]), number(b[0]))) << "step " << step;
    }
#endif
    EXPECT_TRUE(torch::allclose(number(a[0]), number(b[0]), 1e-5, 1e-30)) << "step " << step;
  }
}

TEST(Optimizers, InfinitiesAndNaNsGoWhereTorchsGo) {
  for (const auto type : {torch::kFloat32, torch::kFloat64}) {  // by kernels, and by lists
    SCOPED_TRACE(c10::toString(type));
    for (const double decay : {0.0, 0.1}) {
      SCOPED_TRACE(decay);
      const auto sgd = [&] { return SGDOptions(1e-2).weight_decay(decay); };
      expect_same_where_not_finite<SGD, torch::optim::SGD>(sgd(), type);
      expect_same_where_not_finite<SGD, torch::optim::SGD>(sgd().momentum(0.9), type);
      expect_same_where_not_finite<SGD, torch::optim::SGD>(sgd().momentum(0.9).dampening(1), type);
      expect_same_where_not_finite<SGD, torch::optim::SGD>(sgd().momentum(0.9).nesterov(true),
                                                           type);
      expect_same_where_not_finite<SGD, torch::optim::SGD>(sgd().lr(0), type);
      for (const bool amsgrad : {false, true}) {
        SCOPED_TRACE(amsgrad);
        const auto adam = [&] { return AdamOptions(1e-2).weight_decay(decay).amsgrad(amsgrad); };
        expect_same_where_not_finite<Adam, torch::optim::Adam>(adam(), type);
        expect_same_where_not_finite<Adam, torch::optim::Adam>(adam().lr(0), type);
        expect_same_where_not_finite<Adam, torch::optim::Adam>(adam().betas({0.0, 0.0}), type);
        expect_same_where_not_finite<Adam, torch::optim::Adam>(adam().eps(0), type);
        const auto adamw = [&] { return AdamWOptions(1e-2).weight_decay(decay).amsgrad(amsgrad); };
        expect_same_where_not_finite<AdamW, torch::optim::AdamW>(adamw(), type);
        expect_same_where_not_finite<AdamW, torch::optim::AdamW>(adamw().lr(0), type);
      }
    }
  }
}

TEST(Optimizers, AnInfiniteParameterWithoutWeightDecayStaysInfinite) {
  Tensor p = torch::full({1}, INFINITY).set_requires_grad(true);
  p.mutable_grad() = torch::ones({1});
  SGD({p}, SGDOptions(0.1)).step();
  EXPECT_EQ(p.item<float>(), INFINITY);
  SGD({p}, SGDOptions(0.1).momentum(0.9)).step();
  EXPECT_EQ(p.item<float>(), INFINITY);
}

// What no kernel of ours takes: another dtype stands for an accelerator, too.
TEST(Optimizers, ByListsOfTensorsAsWell) {
  const auto wide = torch::TensorOptions(torch::kFloat64);
  expect_same<Adam, torch::optim::Adam>(AdamOptions(1e-2).weight_decay(0.1), wide);
  expect_same<Adam, torch::optim::Adam>(AdamOptions(1e-2).amsgrad(true), wide);
  expect_same<AdamW, torch::optim::AdamW>(AdamWOptions(1e-2).weight_decay(0.3), wide);
  expect_same<SGD, torch::optim::SGD>(SGDOptions(1e-2).weight_decay(0.1), wide);
  expect_same<SGD, torch::optim::SGD>(SGDOptions(1e-3).momentum(0.9).nesterov(true), wide);
  expect_same<SGD, torch::optim::SGD>(SGDOptions(1e-3).momentum(0.9).dampening(0.5), wide);
}

TEST(Optimizers, OtherLayoutsAreUpdatedWhereTheyAre) {
  const auto made = [] {
    torch::manual_seed(0);
    return torch::randn({4, 3}).t().set_requires_grad(true);  // not contiguous
  };
  std::vector<Tensor> a{made()}, b{made()};
  Adam ours(a, AdamOptions(0.1));
  torch::optim::Adam theirs(b, AdamOptions(0.1));
  for (int64_t step = 0; step < 10; ++step) {
    set_gradients(a, step);
    set_gradients(b, step);
    ours.step();
    theirs.step();
  }
  EXPECT_LT(distance(a, b), 1e-6);
  EXPECT_FALSE(a[0].is_contiguous());
}

// --- By hand ----------------------------------------------------------------------------------

// The first step of Adam is lr * sign(gradient), whatever the gradient (but for eps).
TEST(Optimizers, TheFirstStepByHand) {
  Tensor p = torch::zeros({3}).set_requires_grad(true);
  p.mutable_grad() = torch::tensor({2.0F, -1e-3F, 0.0F});
  Adam adam({p}, AdamOptions(0.5));
  adam.step();
  EXPECT_NEAR(p[0].item<float>(), -0.5, 1e-6);
  EXPECT_NEAR(p[1].item<float>(), 0.5, 1e-4);
  EXPECT_EQ(p[2].item<float>(), 0);

  Tensor q = torch::ones({1}).set_requires_grad(true);
  q.mutable_grad() = torch::full({1}, 2.0F);
  SGD sgd({q}, SGDOptions(0.25).momentum(0.5));
  sgd.step();
  sgd.step();  // the momentum is 2, then 0.5 * 2 + 2 = 3
  EXPECT_FLOAT_EQ(q.item<float>(), 1 - 0.25 * 2 - 0.25 * 3);
}

TEST(Optimizers, MomentsThatDecayBecomeZeroAndNotDenormal) {
  Tensor p = torch::ones({64}).set_requires_grad(true);
  Adam adam({p}, AdamOptions(1e-3));
  p.mutable_grad() = torch::full({64}, 1e-36F);
  adam.step();
  p.mutable_grad() = torch::zeros({64});
  for (int i = 0; i < 100; ++i) adam.step();
  const auto state = course::optimizer_state_dict(adam);
  const auto& moments = state.at("state").as_dict().at(0).as_dict();
  EXPECT_EQ(moments.at("exp_avg").as_tensor().abs().max().item<float>(), 0);
  EXPECT_EQ(moments.at("exp_avg_sq").as_tensor().abs().max().item<float>(), 0);
  p.mutable_grad() = torch::full({64}, NAN);
  adam.step();
  EXPECT_TRUE(p.isnan().all().item<bool>()) << "and a NaN is not hidden";
}

// --- The border -------------------------------------------------------------------------------

TEST(Optimizers, StateIsTorchsInBothDirections) {
  std::vector<Tensor> a = parameters(), b = parameters();
  Adam ours(a, AdamOptions(1e-2).amsgrad(true));
  torch::optim::Adam theirs(b, AdamOptions(1e-2).amsgrad(true));
  const auto train = [](torch::optim::Optimizer& optimizer, std::vector<Tensor>& params,
                        int64_t from, int64_t to) {
    for (int64_t step = from; step < to; ++step) {
      set_gradients(params, step);
      optimizer.step();
    }
  };
  train(ours, a, 0, 5);
  train(theirs, b, 0, 5);
  const auto from_ours = course::optimizer_state_dict(ours);
  const auto from_theirs = course::optimizer_state_dict(theirs);
  course::load_optimizer_state_dict(ours, from_theirs);
  course::load_optimizer_state_dict(theirs, from_ours);
  train(ours, a, 5, 10);
  train(theirs, b, 5, 10);
  EXPECT_LT(distance(a, b), 1e-6);
}

TEST(Optimizers, AreTakenForTorchs) {
  std::vector<Tensor> params = parameters();
  const auto adam = std::make_shared<Adam>(params, 1e-2);
  EXPECT_NE(dynamic_cast<torch::optim::Adam*>(adam.get()), nullptr);
  StepLR scheduler(adam, 1, 0.5);
  scheduler.step();
  EXPECT_DOUBLE_EQ(learning_rates(*adam).front(), 5e-3);
  const Tensor loss = adam->step([&] {
    EXPECT_TRUE(torch::GradMode::is_enabled());
    return torch::tensor(3.0);
  });
  EXPECT_EQ(loss.item<float>(), 3);
}

TEST(Optimizers, ASparseGradientIsRefused) {
  torch::nn::Embedding table(torch::nn::EmbeddingOptions(4, 2).sparse(true));
  table(torch::tensor({1, 2})).sum().backward();
  Adam adam(table->parameters(), 1e-3);
  EXPECT_THAT(error_of([&] { adam.step(); }), HasSubstr("EmbeddingOptions::sparse(false)"));
}

}  // namespace
}  // namespace lit
