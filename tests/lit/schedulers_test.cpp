// Learning-rate schedulers: Python's values over 50 steps, their state, and what they refuse.
#include "lit/optim/schedulers.h"

#include <array>
#include <cmath>
#include <map>

#include "testing.h"

namespace lit {
namespace {

using ::testing::ElementsAre;
using testing::error_of;
using ::testing::HasSubstr;
using testing::Line;
using testing::Messages;
using testing::numbers;
using testing::quiet;

using Optimizer = std::shared_ptr<torch::optim::Optimizer>;
using Scheduler = std::shared_ptr<LRScheduler>;

constexpr int64_t kSteps = 50;
// What Python's table holds: two learning rates and two momentums before each step.
using Row = std::array<double, 4>;
const std::vector<std::pair<std::string, std::vector<Row>>> kTable = {
#include "tables/schedulers.inc"
};

// The schedulers of tables/schedulers.py, by its names.
const std::map<std::string, std::function<Scheduler(const Optimizer&)>> kSchedulers = {
    {"StepLR", [](const Optimizer& o) { return std::make_shared<StepLR>(o, 7, 0.3); }},
    {"MultiStepLR",
     [](const Optimizer& o) {
       return std::make_shared<MultiStepLR>(o, std::vector<int64_t>{3, 10, 10, 31}, 0.5);
     }},
    {"ExponentialLR", [](const Optimizer& o) { return std::make_shared<ExponentialLR>(o, 0.93); }},
    {"LinearLR", [](const Optimizer& o) { return std::make_shared<LinearLR>(o); }},
    {"LinearLR down",
     [](const Optimizer& o) {
       return std::make_shared<LinearLR>(
           o, LinearLROptions{.start_factor = 1, .end_factor = 0.1, .total_iters = 33});
     }},
    {"CosineAnnealingLR",
     [](const Optimizer& o) { return std::make_shared<CosineAnnealingLR>(o, 12); }},
    {"CosineAnnealingLR eta_min",
     [](const Optimizer& o) { return std::make_shared<CosineAnnealingLR>(o, 17, 0.01); }},
    {"CosineAnnealingWarmRestarts",
     [](const Optimizer& o) { return std::make_shared<CosineAnnealingWarmRestarts>(o, 9); }},
    {"CosineAnnealingWarmRestarts T_mult",
     [](const Optimizer& o) {
       return std::make_shared<CosineAnnealingWarmRestarts>(o, 4, 2, 0.003);
     }},
    {"OneCycleLR",
     [](const Optimizer& o) {
       return std::make_shared<OneCycleLR>(o, OneCycleLROptions{.max_lr = 0.3, .total_steps = 50});
     }},
    {"OneCycleLR linear",
     [](const Optimizer& o) {
       return std::make_shared<OneCycleLR>(o, OneCycleLROptions{.max_lr = {0.3, 0.1},
                                                                .epochs = 3,
                                                                .steps_per_epoch = 17,
                                                                .pct_start = 0.4,
                                                                .anneal_strategy = "linear",
                                                                .base_momentum = 0.7,
                                                                .max_momentum = 0.9,
                                                                .div_factor = 10,
                                                                .final_div_factor = 100});
     }},
    {"OneCycleLR three_phase",
     [](const Optimizer& o) {
       return std::make_shared<OneCycleLR>(
           o, OneCycleLROptions{.max_lr = 0.2, .total_steps = 60, .three_phase = true});
     }},
    {"OneCycleLR Adam",
     [](const Optimizer& o) {
       return std::make_shared<OneCycleLR>(o, OneCycleLROptions{.max_lr = 0.2, .total_steps = 55});
     }},
    {"OneCycleLR no momentum",
     [](const Optimizer& o) {
       return std::make_shared<OneCycleLR>(
           o, OneCycleLROptions{.max_lr = 0.2, .total_steps = 55, .cycle_momentum = false});
     }},
    {"LambdaLR",
     [](const Optimizer& o) {
       return std::make_shared<LambdaLR>(o, [](int64_t step) { return std::pow(0.95, step); });
     }},
    {"LambdaLR each",
     [](const Optimizer& o) {
       return std::make_shared<LambdaLR>(
           o, std::vector<LambdaLR::Lambda>{
                  [](int64_t step) { return 1 / (1 + static_cast<double>(step)); },
                  [](int64_t step) { return static_cast<double>(step / 5 + 1); }});
     }},
    {"SequentialLR",
     [](const Optimizer& o) {
       auto warmup =
           std::make_shared<LinearLR>(o, LinearLROptions{.start_factor = 0.1, .total_iters = 6});
       auto cosine = std::make_shared<CosineAnnealingLR>(o, 44);
       return std::make_shared<SequentialLR>(o, SequentialLR::Schedulers{warmup, cosine},
                                             std::vector<int64_t>{6});
     }},
    {"SequentialLR of three",
     [](const Optimizer& o) {
       auto first = std::make_shared<ExponentialLR>(o, 0.9);
       auto second = std::make_shared<StepLR>(o, 4, 0.5);
       auto third = std::make_shared<CosineAnnealingWarmRestarts>(o, 5);
       return std::make_shared<SequentialLR>(o, SequentialLR::Schedulers{first, second, third},
                                             std::vector<int64_t>{8, 27});
     }},
    {"ReduceLROnPlateau",
     [](const Optimizer& o) {
       return std::make_shared<ReduceLROnPlateau>(
           o, ReduceLROnPlateauOptions{.factor = 0.5, .patience = 2});
     }},
    {"ReduceLROnPlateau max",
     [](const Optimizer& o) {
       return std::make_shared<ReduceLROnPlateau>(
           o, ReduceLROnPlateauOptions{.mode = "max",
                                       .factor = 0.2,
                                       .patience = 3,
                                       .threshold = 0.005,
                                       .threshold_mode = "abs",
                                       .cooldown = 4,
                                       .min_lr = {0.01, 0.001}});
     }},
};

double metric(int64_t step) {
  const std::vector<double> first = {1, 0.9, 0.9, 0.95, 0.8, 0.8, 0.8, 0.8, 0.8, 0.79999, 0.7};
  const auto n = static_cast<int64_t>(first.size());
  return step < n ? first[static_cast<size_t>(step)]
                  : 0.7 + 0.01 * static_cast<double>((step - n) % 4);
}

void advance(LRScheduler& scheduler, int64_t step) {
  scheduler.needs_metric() ? scheduler.step(metric(step)) : scheduler.step();
}

template <typename T, typename Options>
Optimizer of(Options options) {
  std::vector<torch::optim::OptimizerParamGroup> groups;
  for (const double rate : {0.4, 0.05}) {
    options.lr(rate);
    groups.emplace_back(std::vector<torch::Tensor>{torch::zeros({1}).requires_grad_()},
                        std::make_unique<Options>(options));
  }
  return std::make_shared<T>(groups, options);
}

Optimizer optimizer(const std::string& name) {
  if (name.ends_with("Adam")) return of<torch::optim::Adam>(torch::optim::AdamOptions(1.0));
  return of<torch::optim::SGD>(torch::optim::SGDOptions(1.0).momentum(0.9));
}

Row values(const Optimizer& optimizer) {
  auto& groups = optimizer->param_groups();
  return {groups[0].options().get_lr(), groups[1].options().get_lr(), *momentum(groups[0]),
          *momentum(groups[1])};
}

class Schedulers : public ::testing::Test {
 protected:
  Messages messages_;
};

TEST_F(Schedulers, HavePythonsValuesOver50Steps) {
  ASSERT_EQ(kTable.size(), kSchedulers.size());
  for (const auto& [name, rows] : kTable) {
    SCOPED_TRACE(name);
    ASSERT_EQ(rows.size(), kSteps + 1);
    const Optimizer adam_or_sgd = optimizer(name);
    const Scheduler scheduler = kSchedulers.at(name)(adam_or_sgd);
    for (int64_t step = 0; step <= kSteps; ++step) {
      SCOPED_TRACE(step);
      const Row found = values(adam_or_sgd), wanted = rows[static_cast<size_t>(step)];
      for (size_t i = 0; i < 4; ++i) ASSERT_DOUBLE_EQ(found[i], wanted[i]) << "value " << i;
      ASSERT_THAT(scheduler->get_last_lr(), ElementsAre(found[0], found[1]));
      if (step < kSteps) advance(*scheduler, step);
    }
  }
}

// The optimizer's own state goes with it, as in a checkpoint.
TEST_F(Schedulers, GoOnFromTheirState) {
  for (const auto& [name, rows] : kTable) {
    for (const int64_t stop : {1, 7, 23}) {
      SCOPED_TRACE(name + " after " + std::to_string(stop));
      const Optimizer before = optimizer(name);
      const Scheduler first = kSchedulers.at(name)(before);
      for (int64_t step = 0; step < stop; ++step) advance(*first, step);

      const Optimizer after = optimizer(name);
      const Scheduler second = kSchedulers.at(name)(after);
      second->load_state_dict(first->state_dict());
      for (size_t i = 0; i < 2; ++i) {
        after->param_groups()[i].options().set_lr(values(before)[i]);
        set_momentum(after->param_groups()[i], values(before)[i + 2]);
      }
      for (int64_t step = stop; step < kSteps; ++step) {
        advance(*second, step);
        ASSERT_DOUBLE_EQ(values(after)[0], rows[static_cast<size_t>(step + 1)][0]) << step;
        ASSERT_DOUBLE_EQ(values(after)[3], rows[static_cast<size_t>(step + 1)][3]) << step;
      }
    }
  }
}

TEST_F(Schedulers, KeepTheirStateUnderPythonsNames) {
  const Optimizer sgd = optimizer("");
  StepLR scheduler(sgd, 2, 0.5);
  for (int i = 0; i < 3; ++i) scheduler.step();
  const course::Dict state = scheduler.state_dict();
  EXPECT_EQ(state.at("last_epoch").as_int(), 3);
  EXPECT_EQ(state.at("_step_count").as_int(), 4);
  EXPECT_EQ(state.at("base_lrs").as_list().at(0).as_double(), 0.4);
  EXPECT_EQ(state.at("_last_lr").as_list().at(1).as_double(), 0.025);
}

// A second scheduler of an optimizer starts from the same rates as the first.
TEST_F(Schedulers, StartFromTheInitialRates) {
  const Optimizer sgd = optimizer("");
  const LinearLR warmup(sgd, {.start_factor = 0.1});
  EXPECT_DOUBLE_EQ(values(sgd)[0], 0.04);
  LambdaLR constant(sgd, [](int64_t) { return 1.0; });
  EXPECT_DOUBLE_EQ(values(sgd)[0], 0.4);
}

TEST_F(Schedulers, LeaveAGroupThatCameLaterToItsOwner) {
  const Optimizer sgd = optimizer("");
  LambdaLR halved(sgd, [](int64_t) { return 0.5; });
  StepLR chained(sgd, 1, 0.5);
  sgd->add_param_group(torch::optim::OptimizerParamGroup(
      {torch::zeros({1}).requires_grad_()}, std::make_unique<torch::optim::SGDOptions>(8.0)));
  halved.step();
  EXPECT_THAT(learning_rates(*sgd), ElementsAre(0.2, 0.025, 8.0));
  chained.step();
  EXPECT_THAT(learning_rates(*sgd), ElementsAre(0.1, 0.0125, 4.0));
}

TEST_F(Schedulers, RefuseWhatTheyCannotDo) {
  const Optimizer sgd = optimizer("");
  const Optimizer adagrad = of<torch::optim::Adagrad>(torch::optim::AdagradOptions(1.0));
  const auto sentence = [](const auto& make) { return error_of(make); };
  EXPECT_THAT(sentence([&] { StepLR(nullptr, 1); }), HasSubstr("null"));
  EXPECT_THAT(sentence([&] { StepLR(sgd, 0); }), HasSubstr("step_size of StepLR is 0"));
  EXPECT_THAT(sentence([&] { LinearLR(sgd, {.start_factor = 0}); }), HasSubstr("start_factor"));
  EXPECT_THAT(sentence([&] { LinearLR(sgd, {.end_factor = 1.5}); }), HasSubstr("from 0 to 1"));
  EXPECT_THAT(sentence([&] { CosineAnnealingLR(sgd, 0); }), HasSubstr("T_max"));
  EXPECT_THAT(sentence([&] { CosineAnnealingWarmRestarts(sgd, 3, 0); }), HasSubstr("T_mult"));
  EXPECT_THAT(sentence([&] { OneCycleLR(sgd, {.max_lr = 0.1}); }), HasSubstr("total_steps"));
  EXPECT_THAT(sentence([&] {
                OneCycleLR(sgd, {.max_lr = {0.1, 0.2, 0.3}, .total_steps = 5});
              }),
              HasSubstr("max_lr of OneCycleLR has 3 values, but the optimizer has 2"));
  EXPECT_THAT(sentence([&] { OneCycleLR(adagrad, {.max_lr = 0.1, .total_steps = 5}); }),
              HasSubstr("cycle_momentum"));
  EXPECT_THAT(sentence([&] {
                OneCycleLR(sgd, {.max_lr = 0.1, .total_steps = 5, .anneal_strategy = "cosine"});
              }),
              HasSubstr("\"cosine\", but must be cos or linear"));
  EXPECT_THAT(sentence([&] {
                OneCycleLR cycle(sgd, {.max_lr = 0.1, .total_steps = 3});
                for (int i = 0; i < 4; ++i) cycle.step();
              }),
              HasSubstr("was made for 3 steps"));
  EXPECT_THAT(
      sentence([&] { LambdaLR(sgd, std::vector<LambdaLR::Lambda>{[](int64_t) { return 1.0; }}); }),
      HasSubstr("1 functions"));
  const auto step = std::make_shared<StepLR>(sgd, 1);
  EXPECT_THAT(sentence([&] { SequentialLR(sgd, {step, step}, {}); }), HasSubstr("one milestone"));
  EXPECT_THAT(sentence([&] { SequentialLR(sgd, {step, step, step}, {4, 4}); }), HasSubstr("rise"));
  EXPECT_THAT(sentence([&] { SequentialLR(adagrad, {step}, {}); }), HasSubstr("another optimizer"));
  EXPECT_THAT(sentence([&] { SequentialLR(sgd, {std::make_shared<ReduceLROnPlateau>(sgd)}, {}); }),
              HasSubstr("by a metric"));
  EXPECT_THAT(sentence([&] { ReduceLROnPlateau(sgd, {.mode = "low"}); }), HasSubstr("\"low\""));
  EXPECT_THAT(sentence([&] { ReduceLROnPlateau(sgd, {.factor = 1}); }), HasSubstr("below 1"));
  EXPECT_THAT(sentence([&] { set_learning_rates(*sgd, {1}); }), HasSubstr("2 parameter groups"));
}

TEST_F(Schedulers, HelpersReadAndSet) {
  const Optimizer adam = optimizer("Adam");
  set_learning_rates(*adam, {1, 2});
  EXPECT_THAT(learning_rates(*adam), ElementsAre(1, 2));
  set_momentum(adam->param_groups()[0], 0.5);
  EXPECT_EQ(momentum(adam->param_groups()[0]), 0.5);
  EXPECT_EQ(momentum(adam->param_groups()[1]), 0.9);
  EXPECT_EQ(weight_decay(adam->param_groups()[0]), 0);
  const Optimizer adagrad = of<torch::optim::Adagrad>(torch::optim::AdagradOptions(1.0));
  EXPECT_EQ(momentum(adagrad->param_groups()[0]), std::nullopt);
  EXPECT_THAT(error_of([&] { set_momentum(adagrad->param_groups()[0], 0.5); }),
              HasSubstr("without momentum"));
}

// One that counts batches, and is stepped by the epoch.
TEST_F(Schedulers, OneThatCountsBatchesWarnsWhenSteppedByTheEpoch) {
  const auto fit = [&](const std::string& interval) {
    const auto module = std::make_shared<Line>();
    module->configure = [&](const std::shared_ptr<torch::optim::SGD>& sgd) {
      return OptimizerConfig{.optimizer = sgd,
                             .lr_scheduler = LRSchedulerConfig{
                                 .scheduler = std::make_shared<OneCycleLR>(
                                     sgd, OneCycleLROptions{.max_lr = 0.1, .total_steps = 4}),
                                 .interval = interval}};
    };
    Trainer trainer(quiet({.max_epochs = 2, .limit_val_batches = 0}));
    trainer.fit(module, numbers(2));
    return module;
  };
  EXPECT_EQ(fit("step")->rates.size(), 4);
  EXPECT_TRUE(messages_.warnings.empty());
  fit("epoch");
  EXPECT_THAT(messages_.warnings, ElementsAre(HasSubstr("interval")));
}

}  // namespace
}  // namespace lit
