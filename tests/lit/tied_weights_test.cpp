// Tied weights: one layer under two names. A parameter is counted, stepped, averaged and kept once,
// as in Python. The numbers are those of Python's PyTorch and of Lightning's own runs.
#include <functional>
#include <string>
#include <vector>

#include "../common/temporary_folder.h"
#include "lit/callbacks/finetuning.h"
#include "lit/callbacks/gradient_norm_monitor.h"
#include "lit/callbacks/html_report.h"
#include "lit/callbacks/lambda_callback.h"
#include "lit/callbacks/model_checkpoint.h"
#include "lit/callbacks/model_summary.h"
#include "lit/callbacks/weight_averaging.h"
#include "lit/optim/optimizers.h"
#include "serialize/optimizer_state.h"
#include "serialize/state_dict.h"
#include "serialize/torch_file.h"
#include "testing.h"

namespace lit {
namespace {

using course::testing::TemporaryFolder;
using ::testing::Contains;
using ::testing::DoubleNear;
using ::testing::ElementsAre;
using testing::error_of;
using ::testing::HasSubstr;
using testing::Messages;
using testing::numbers;
using testing::quiet;
using Optimizer = std::shared_ptr<torch::optim::Optimizer>;

class Tied : public ::testing::Test {
 protected:
  const TemporaryFolder temporary_;
  const std::filesystem::path folder_ = temporary_.path();
  Messages messages_;
};

// --- Steps ------------------------------------------------------------------------------------

// One layer, twice. A net that is no LightningModule: its parameters() are libtorch's.
struct TwiceImpl : torch::nn::Module {
  TwiceImpl() {
    layer =
        register_module("encoder", torch::nn::Linear(torch::nn::LinearOptions(2, 2).bias(false)));
    register_module("decoder", layer);
    const torch::NoGradGuard no_grad;
    layer->weight.copy_(torch::tensor({{1.0, .5}, {-.25, 2.0}}));
  }
  torch::Tensor forward(const torch::Tensor& x) { return layer(layer(x)); }
  torch::nn::Linear layer{nullptr};
};
TORCH_MODULE(Twice);

class Autoencoder : public LightningModule {
 public:
  using Configure = std::function<Optimizer(Autoencoder&)>;
  explicit Autoencoder(Configure configure = nullptr) : configure_(std::move(configure)) {
    net = register_module("net", Twice());
  }
  StepOutput training_step(const Batch& batch, int64_t) override {
    return torch::mse_loss(net->forward(batch[0]), batch[1]);
  }
  StepOutput validation_step(const Batch&, int64_t, int64_t) override { return {}; }
  Optimizers configure_optimizers() override {
    return configure_ ? configure_(*this)
                      : std::make_shared<torch::optim::Adam>(net->parameters(), 0.1);
  }
  double weight() const { return net->layer->weight[0][0].item<double>(); }
  torch::Tensor weights() const { return net->layer->weight; }
  Twice net{nullptr};

 private:
  Configure configure_;
};

Batch four_points() {
  return {torch::tensor({{1.0F, 2.0F}, {3.0F, -1.0F}, {.5F, .25F}, {-2.0F, 1.0F}}),
          torch::tensor({{0.0F, 1.0F}, {1.0F, 0.0F}, {1.0F, 1.0F}, {0.0F, 0.0F}})};
}
std::shared_ptr<testing::ListLoader> points_of_a_batch(size_t batches) {
  return std::make_shared<testing::ListLoader>(std::vector<Batch>(batches, four_points()));
}

// The first weight after each step of a Trainer.
std::vector<double> weights_after(int64_t steps, const Autoencoder::Configure& configure,
                                  TrainerOptions options = {}) {
  const auto module = std::make_shared<Autoencoder>(configure);
  std::vector<double> weights;
  const auto looks = callback<LambdaCallback>(
      {.on_train_batch_end = [&](auto&, auto&, const StepOutput&, const Batch&, int64_t) {
        weights.push_back(module->weight());
      }});
  options.callbacks = {looks};
  options.max_epochs = 1;
  options.limit_val_batches = 0;
  Trainer trainer(quiet(std::move(options)));
  trainer.fit(module, points_of_a_batch(static_cast<size_t>(steps)));
  return weights;
}

// The same optimizer in four ways: libtorch's and ours, of the module's parameters and of those
// that libtorch lists.
template <typename Theirs, typename Ours, typename Options>
void expect_steps(const Options& options, double first, double second,
                  const TrainerOptions& trainer = {}) {
  const auto are = ElementsAre(DoubleNear(first, 1e-6), DoubleNear(second, 1e-6));
  const auto made = [&]<typename O>(std::type_identity<O>, bool by_module) {
    return [&options, by_module](Autoencoder& self) -> Optimizer {
      return std::make_shared<O>(by_module ? self.parameters() : self.net->parameters(), options);
    };
  };
  for (const bool by_module : {true, false}) {
    SCOPED_TRACE(by_module ? "parameters()" : "net->parameters()");
    EXPECT_THAT(weights_after(2, made(std::type_identity<Theirs>(), by_module), trainer), are);
    EXPECT_THAT(weights_after(2, made(std::type_identity<Ours>(), by_module), trainer), are);
  }
}

TEST_F(Tied, AStepIsTakenOnce) {
  using namespace torch::optim;
  expect_steps<torch::optim::SGD, lit::SGD>(SGDOptions(.1), .529785, .568016);
  expect_steps<torch::optim::SGD, lit::SGD>(SGDOptions(.1).momentum(.9), .529785, .144823);
  expect_steps<torch::optim::Adam, lit::Adam>(AdamOptions(.1), .9, .803534);
  expect_steps<torch::optim::AdamW, lit::AdamW>(AdamWOptions(.1), .899, .801689);
}

TEST_F(Tied, AGradientIsClippedOnce) {
  using torch::optim::SGDOptions;
  expect_steps<torch::optim::SGD, lit::SGD>(SGDOptions(.1), .992146, .984074,
                                            {.gradient_clip_val = .5});
  expect_steps<torch::optim::SGD, lit::SGD>(
      SGDOptions(.1), .95, .9,
      {.gradient_clip_val = .5, .gradient_clip_algorithm = GradientClip::value});
}

// An optimizer that no Trainer has seen.
TEST_F(Tied, AGradientOfAnyOptimizerIsClippedOnce) {
  Autoencoder module;
  torch::optim::SGD sgd(module.net->parameters(), .1);
  const Batch batch = four_points();
  torch::mse_loss(module.net->forward(batch[0]), batch[1]).backward();
  module.clip_gradients(sgd, .5);
  EXPECT_NEAR(module.weights().grad().norm().item<double>(), .5, 1e-5);
}

TEST_F(Tied, OursNeedNoTrainer) {
  Twice net;
  lit::SGD sgd(net->parameters(), .1);
  const Batch batch = four_points();
  torch::mse_loss(net->forward(batch[0]), batch[1]).backward();
  sgd.step();
  EXPECT_NEAR(net->layer->weight[0][0].item<double>(), .529785, 1e-6);
  EXPECT_EQ(sgd.param_groups()[0].params().size(), 1);
}

// Python: ValueError("some parameters appear in more than one parameter group").
TEST_F(Tied, TwoGroupsCannotHaveTheSameParameter) {
  using Groups = std::vector<torch::optim::OptimizerParamGroup>;
  const auto refused = HasSubstr("some parameters appear in more than one parameter group");
  Twice net;
  const auto groups = [](Twice& of) {
    return Groups{of->named_children()["encoder"]->parameters(),
                  of->named_children()["decoder"]->parameters()};
  };
  EXPECT_THAT(error_of([&] { lit::SGD(groups(net), .1); }), refused);
  EXPECT_THAT(error_of([&] { lit::Adam(groups(net), .1); }), refused);
  EXPECT_THAT(error_of([&] { lit::AdamW(groups(net), .1); }), refused);
  EXPECT_THAT(error_of([&] {
                weights_after(1, [&](Autoencoder& self) -> Optimizer {
                  return std::make_shared<torch::optim::SGD>(groups(self.net), .1);
                });
              }),
              refused);

  lit::SGD sgd(net->parameters(), .1);
  const torch::Tensor other = torch::ones({1}).set_requires_grad(true);
  EXPECT_THAT(error_of([&] {
                sgd.add_param_group(std::vector{other, net->layer->weight});
              }),
              refused);
  EXPECT_EQ(sgd.param_groups().size(), 1) << "it is as it was";
  sgd.add_param_group(std::vector{other, other});
  EXPECT_EQ(sgd.param_groups()[1].params().size(), 1);
}

// --- Lists ------------------------------------------------------------------------------------

TEST_F(Tied, AModuleListsEachOnce) {
  class Buffered : public Autoencoder {
   public:
    Buffered() {
      const torch::Tensor mean = register_buffer("mean", torch::zeros({1}));
      register_buffer("same", mean);
    }
  };
  const auto module = std::make_shared<Buffered>();
  EXPECT_EQ(module->parameters().size(), 1);
  EXPECT_THAT(module->named_parameters().keys(), ElementsAre("net.encoder.weight"));
  EXPECT_TRUE(module->parameters(/*recurse=*/false).empty());
  EXPECT_EQ(module->buffers().size(), 1);
  EXPECT_THAT(module->named_buffers().keys(), ElementsAre("mean"));
  EXPECT_EQ(module->modules().size(), 3);
  EXPECT_EQ(module->modules(/*include_self=*/false).size(), 2);
  EXPECT_THAT(module->named_modules().keys(), ElementsAre("", "net", "net.encoder"));
}

TEST_F(Tied, ToggleAndUntoggleLeaveEachAsItWas) {
  class Manual : public Autoencoder {
   public:
    Manual() {
      automatic_optimization = false;
      own_ = register_parameter("own", torch::ones({1}));
    }
    StepOutput training_step(const Batch&, int64_t) override {
      toggle_optimizer(optimizers()[0]);
      EXPECT_FALSE(weights().requires_grad());
      untoggle_optimizer(optimizers()[0]);
      EXPECT_TRUE(weights().requires_grad());
      return {};
    }
    Optimizers configure_optimizers() override {
      return std::make_shared<torch::optim::SGD>(std::vector{own_}, 0.1);
    }

   private:
    torch::Tensor own_;
  };
  Trainer trainer(quiet({.max_epochs = 1, .limit_val_batches = 0}));
  trainer.fit(std::make_shared<Manual>(), points_of_a_batch(1));
}

// A layer in evaluation mode, inside of two parts; the mode of the second is another than the
// module's, and train() of a part goes down to the layer.
TEST_F(Tied, AValidationGivesEachItsModeBack) {
  const auto module = std::make_shared<Autoencoder>();
  Twice second;
  module->register_module("second", second);
  second->replace_module("encoder", module->net->layer.ptr());
  module->eval();
  second->train();
  module->net->layer->eval();
  Trainer trainer(quiet({.max_epochs = 1, .num_sanity_val_steps = 0}));
  trainer.fit(module, points_of_a_batch(1), points_of_a_batch(1));
  EXPECT_FALSE(module->is_training());
  EXPECT_TRUE(second->is_training());
  EXPECT_FALSE(module->net->layer->is_training());
}

TEST_F(Tied, ANormIsTakenOnce) {
  Twice net;
  const Batch batch = four_points();
  torch::mse_loss(net->forward(batch[0]), batch[1]).backward();
  const auto norms = grad_norm(*net);
  ASSERT_EQ(norms.size(), 2);
  EXPECT_EQ(norms[0].first, "grad_2.0_norm/encoder.weight");
  EXPECT_NEAR(norms[1].second.value(), net->layer->weight.grad().norm().item<double>(), 1e-5);
}

// --- What is told of a model --------------------------------------------------------------------

// Lightning's table of the same module, but for its "other params": those of all parts, some of
// which are counted in two rows, are more than there are.
TEST_F(Tied, ASummaryCountsEachOnce) {
  class Shared : public torch::nn::Module {
   public:
    Shared() {
      using namespace torch::nn;
      const Sequential enc{Linear(LinearOptions(3, 3).bias(false)), ReLU()};
      register_module("enc", enc);
      register_module("dec", enc);
      Linear head(3, 2);
      register_module("head", head);
      register_module("last", Sequential{head});
      register_parameter("w", head->bias);
      register_parameter("v", torch::ones({5}));
      eval();
      head->train();
    }
  };
  const auto module = std::make_shared<Shared>();
  const std::string totals =
      "22        Trainable params\n"
      "0         Non-trainable params\n"
      "22        Total params\n"
      "0.000     Total estimated model params size (MB)\n"
      "1         Modules in train mode\n"
      "4         Modules in eval mode\n";
  EXPECT_EQ(summarize(*module, 0), totals);
  EXPECT_EQ(summarize(*module, 1),
            "   Name          Type        Params  Mode\n"
            "─  ────────────  ──────────  ──────  ─────\n"
            "0  enc           Sequential       9  eval\n"
            "1  head          Linear           8  train\n"
            "2  last          Sequential       8  eval\n"
            "   other params  n/a              5  n/a\n"
            "─  ────────────  ──────────  ──────  ─────\n" +
                totals);
  const std::string two_levels =
      "   Name          Type        Params  Mode\n"
      "─  ────────────  ──────────  ──────  ─────\n"
      "0  enc           Sequential       9  eval\n"
      "1  enc.0         Linear           9  eval\n"
      "2  enc.1         ReLU             0  eval\n"
      "3  head          Linear           8  train\n"
      "4  last          Sequential       8  eval\n"
      "   other params  n/a              5  n/a\n"
      "─  ────────────  ──────────  ──────  ─────\n" +
      totals;
  EXPECT_EQ(summarize(*module, 2), two_levels);
  EXPECT_EQ(summarize(*module, -1), two_levels);
}

TEST_F(Tied, AReportAndAWarningCountEachOnce) {
  const auto module = std::make_shared<Autoencoder>();
  module->net->layer->eval();
  Trainer trainer(quiet({.callbacks = {callback<HtmlReport>({.path = folder_ / "report.html"})},
                         .max_epochs = 1,
                         .limit_val_batches = 0}));
  trainer.fit(module, points_of_a_batch(1));
  EXPECT_THAT(course::testing::bytes_of(folder_ / "report.html"),
              HasSubstr("<tr><th>parameters</th><td>4</td></tr>"));
  EXPECT_THAT(messages_.warnings,
              Contains(HasSubstr("1 of the module's parts are in evaluation mode")));
}

// --- Averages -----------------------------------------------------------------------------------

struct NumberImpl : torch::nn::Module {
  NumberImpl() { w = register_parameter("w", torch::zeros({1})); }
  torch::Tensor w;
};
TORCH_MODULE(Number);

// One number under two names, to which each step adds 1.
class Counter : public LightningModule {
 public:
  Counter() {
    a = register_module("a", Number());
    register_module("b", a);
  }
  StepOutput training_step(const Batch&, int64_t) override { return -a->w.sum(); }
  StepOutput validation_step(const Batch&, int64_t, int64_t) override {
    seen.push_back(a->w.item<double>());
    return {};
  }
  void on_validation_end() override { went_on.push_back(a->w.item<double>()); }
  Optimizers configure_optimizers() override {
    return std::make_shared<torch::optim::SGD>(std::vector{a->w}, 1.0);
  }
  Number a{nullptr};
  std::vector<double> seen, went_on;  // in and after each validation
};

std::shared_ptr<Counter> counted(std::vector<std::shared_ptr<Callback>> callbacks, int64_t epochs,
                                 const std::string& ckpt_path = "") {
  const auto module = std::make_shared<Counter>();
  Trainer trainer(
      quiet({.callbacks = std::move(callbacks), .max_epochs = epochs, .num_sanity_val_steps = 0}));
  trainer.fit(module, numbers(4), numbers(1), {.ckpt_path = ckpt_path});
  return module;
}

TEST_F(Tied, AWeightIsSwappedWithItsAverageOnce) {
  const auto module = counted({callback<WeightAveraging>()}, 3);
  EXPECT_THAT(module->seen, ElementsAre(2.5, 4.5, 6.5));
  EXPECT_THAT(module->went_on, ElementsAre(4, 8, 12));
  EXPECT_EQ(module->a->w.item<double>(), 6.5);
}

TEST_F(Tied, AnAverageIsKeptUnderBothNames) {
  const auto path = (folder_ / "last.ckpt").string();
  counted({callback<WeightAveraging>(),
           callback<ModelCheckpoint>({.dirpath = folder_, .filename = "last"})},
          2);
  const course::Value file = course::read_torch_file(path);
  const auto number = [&](const char* state, const char* name) {
    return file.as_dict().at(state).as_dict().at(name).as_tensor().item<double>();
  };
  EXPECT_EQ(number("state_dict", "a.w"), 4.5);
  EXPECT_EQ(number("state_dict", "b.w"), 4.5);
  EXPECT_EQ(number("current_model_state", "a.w"), 8);
  EXPECT_EQ(number("current_model_state", "b.w"), 8);
  const auto module = counted({callback<WeightAveraging>()}, 3, path);
  EXPECT_THAT(module->seen, ElementsAre(6.5));
  EXPECT_THAT(module->went_on, ElementsAre(12));
}

// --- Checkpoints --------------------------------------------------------------------------------

TEST_F(Tied, AWeightHasBothNamesInAStateDict) {
  Twice net, other;
  const course::Dict state = course::cloned(course::state_dict(*net)).as_dict();
  ASSERT_EQ(state.size(), 2);
  EXPECT_TRUE(torch::equal(state.at("encoder.weight").as_tensor(), net->layer->weight));
  EXPECT_TRUE(torch::equal(state.at("decoder.weight").as_tensor(), net->layer->weight));
  torch::nn::init::zeros_(other->layer->weight);
  course::load_state_dict(*other, state);
  EXPECT_TRUE(torch::equal(other->layer->weight, net->layer->weight));
}

// An optimizer that no Trainer has seen lists its parameter twice; its state has it once, as
// Python's, and fits one that lists it once.
TEST_F(Tied, AnOptimizersStateHasEachOnce) {
  Twice net;
  torch::optim::Adam twice(net->parameters(), .1);
  ASSERT_EQ(twice.param_groups()[0].params().size(), 2);
  net->forward(four_points()[0]).sum().backward();
  twice.step();
  const course::Dict state = course::optimizer_state_dict(twice);
  EXPECT_EQ(state.at("state").as_dict().size(), 1);
  EXPECT_EQ(state.at("param_groups").as_list()[0].as_dict().at("params").as_list().size(), 1);

  torch::optim::Adam once({net->layer->weight}, .1);
  course::load_optimizer_state_dict(once, state);
  EXPECT_EQ(course::optimizer_state_dict(once).at("state").as_dict().size(), 1);
  course::load_optimizer_state_dict(twice, state);
  EXPECT_EQ(course::optimizer_state_dict(twice).at("state").as_dict().size(), 1);
}

TEST_F(Tied, ACheckpointHasAnOptimizersStateOnce) {
  const auto module = std::make_shared<Autoencoder>();
  Trainer trainer(quiet({.max_epochs = 1, .limit_val_batches = 0}));
  trainer.fit(module, points_of_a_batch(1));
  trainer.save_checkpoint(folder_ / "end.ckpt");
  const course::Value file = course::read_torch_file(folder_ / "end.ckpt");
  const auto& state =
      file.as_dict().at("optimizer_states").as_list()[0].as_dict().at("state").as_dict();
  ASSERT_EQ(state.size(), 1);
  EXPECT_EQ(state.at(0).as_dict().at("step").as_tensor().item<double>(), 1);
}

// Twice as many batches as were done when it was saved, in a window of two.
TEST_F(Tied, GradientsOfAWindowAreKeptOnce) {
  const auto path = (folder_ / "middle.ckpt").string();
  const auto run = [&](bool resume) {
    const auto module = std::make_shared<Autoencoder>();
    const auto saves = callback<LambdaCallback>(
        {.on_train_batch_end = [&](Trainer& trainer, auto&, auto&&, auto&&, int64_t batch_idx) {
          if (!resume && batch_idx == 2) trainer.save_checkpoint(path);
        }});
    Trainer trainer(quiet({.callbacks = {saves},
                           .max_epochs = 1,
                           .limit_val_batches = 0,
                           .accumulate_grad_batches = 2}));
    trainer.fit(module, points_of_a_batch(4), {}, {.ckpt_path = resume ? path : ""});
    return module->weights().detach().clone();
  };
  const torch::Tensor whole = run(false);
  const course::Value file = course::read_torch_file(path);
  const auto& gradients = file.as_dict()
                              .at("loops")
                              .as_dict()
                              .at("fit_loop")
                              .as_dict()
                              .at("lit")
                              .as_dict()
                              .at("gradients");
  EXPECT_EQ(gradients.as_dict().size(), 1);
  EXPECT_TRUE(torch::equal(run(true), whole));
}

// A backbone with one layer under two names.
class TiedBackbone : public LightningModule {
 public:
  TiedBackbone() {
    torch::manual_seed(0);
    backbone = register_module("backbone", Twice());
    head = register_module("head", torch::nn::Linear(2, 2));
  }
  StepOutput training_step(const Batch& batch, int64_t) override {
    return torch::mse_loss(head(backbone->forward(batch[0])), batch[1]);
  }
  Optimizers configure_optimizers() override {
    return std::make_shared<torch::optim::Adam>(BaseFinetuning::trainable(parameters()), 0.01);
  }
  Twice backbone{nullptr};
  torch::nn::Linear head{nullptr};
};

TEST_F(Tied, ABackboneIsLetGoOnceAndARunResumes) {
  std::vector<size_t> sizes;
  const auto run = [&](int64_t epochs, const std::string& from) {
    const auto module = std::make_shared<TiedBackbone>();
    const auto looks = callback<LambdaCallback>({.on_train_end = [&](Trainer& trainer, auto&) {
      sizes.clear();
      for (const auto& group : trainer.optimizers()[0]->param_groups()) {
        sizes.push_back(group.params().size());
      }
    }});
    Trainer trainer(
        quiet({.callbacks = {callback<BackboneFinetuning>({.unfreeze_backbone_at_epoch = 1}), looks,
                             callback<ModelCheckpoint>({.dirpath = folder_,
                                                        .filename = "last",
                                                        .enable_version_counter = false})},
               .max_epochs = epochs,
               .limit_val_batches = 0}));
    trainer.fit(module, points_of_a_batch(2), {}, {.ckpt_path = from});
    return module->backbone->layer->weight.detach().clone();
  };
  const torch::Tensor whole = run(4, "");
  EXPECT_THAT(sizes, ElementsAre(2, 1));
  const course::Value file = course::read_torch_file(folder_ / "last.ckpt");
  const course::Dict& callbacks = file.as_dict().at("callbacks").as_dict();
  const auto& groups = callbacks.at("BackboneFinetuning")
                           .as_dict()
                           .at("internal_optimizer_metadata")
                           .as_dict()
                           .at(0)
                           .as_list();
  ASSERT_EQ(groups.size(), 2);
  const auto& names = groups[1].as_dict().at("params").as_list();
  ASSERT_EQ(names.size(), 1);
  EXPECT_EQ(names[0].as_string(), "backbone.encoder.weight");
  EXPECT_THAT(messages_.warnings, ::testing::Not(Contains(HasSubstr("in the optimizer already"))));
  run(2, "");
  const torch::Tensor resumed = run(4, (folder_ / "last.ckpt").string());
  EXPECT_THAT(sizes, ElementsAre(2, 1));
  EXPECT_TRUE(torch::equal(resumed, whole));
}

// Two layers that have one tensor.
TEST_F(Tied, ATensorOfTwoLayersIsOneParameter) {
  class Finetuned : public BaseFinetuning {
   public:
    void freeze_before_training(LightningModule& module) override {
      freeze({module.named_children()["one"], module.named_children()["two"]});
    }
    void finetune_function(LightningModule& module, int64_t epoch,
                           torch::optim::Optimizer& optimizer) override {
      if (epoch != 1) return;
      unfreeze_and_add_param_group({module.named_children()["one"], module.named_children()["two"]},
                                   optimizer);
      added = optimizer.param_groups().back().params().size();
    }
    size_t added = 0;
  };
  struct LayerImpl : torch::nn::Module {
    explicit LayerImpl(torch::Tensor shared) { w = register_parameter("w", std::move(shared)); }
    torch::Tensor w;
  };
  class TwoLayers : public LightningModule {
   public:
    TwoLayers() {
      own = register_parameter("own", torch::ones({1}));
      shared = torch::ones({1}).set_requires_grad(true);
      register_module("one", std::make_shared<LayerImpl>(shared));
      register_module("two", std::make_shared<LayerImpl>(shared));
    }
    StepOutput training_step(const Batch&, int64_t) override { return (own * shared).sum(); }
    Optimizers configure_optimizers() override {
      return std::make_shared<torch::optim::SGD>(BaseFinetuning::trainable(parameters()), .1);
    }
    torch::Tensor own, shared;
  };
  const auto module = std::make_shared<TwoLayers>();
  EXPECT_THAT(module->named_parameters().keys(), ElementsAre("own", "one.w"));
  const auto finetuned = std::make_shared<Finetuned>();
  Trainer trainer(quiet({.callbacks = {finetuned}, .max_epochs = 2, .limit_val_batches = 0}));
  trainer.fit(module, numbers(1));
  EXPECT_EQ(finetuned->added, 1);
  EXPECT_THAT(messages_.warnings, ::testing::Not(Contains(HasSubstr("in the optimizer already"))));
}

}  // namespace
}  // namespace lit
