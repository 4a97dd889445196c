// HtmlReport: what is on the page, whatever ends a run. A browser looks at it in test_loggers.py.
#include "lit/callbacks/html_report.h"

#include <stdexcept>

#include "../common/temporary_folder.h"
#include "lit/callbacks/model_checkpoint.h"
#include "lit/metrics/classification.h"
#include "testing.h"

namespace lit {
namespace {

using course::testing::bytes_of;
using course::testing::TemporaryFolder;
using testing::error_of;
using ::testing::HasSubstr;
using testing::Line;
using testing::Messages;
using ::testing::Not;
using testing::numbers;
using testing::quiet;

class Report : public ::testing::Test {
 protected:
  TrainerOptions options(int64_t epochs, HtmlReportOptions report = {}) {
    report.path = path_;
    return quiet({.callbacks = {callback<HtmlReport>(report)},
                  .max_epochs = epochs,
                  .default_root_dir = folder_.path()});
  }
  std::string page() const { return bytes_of(path_); }

  Messages messages_;
  TemporaryFolder folder_;
  const std::filesystem::path path_ = folder_.path() / "new" / "report.html";
  std::shared_ptr<Line> module_ = std::make_shared<Line>();
};

TEST_F(Report, CurvesOfEpochsAndNotOfSteps) {
  module_->on_step = [](Line& self, const Batch&, int64_t, const torch::Tensor& loss) {
    self.log("train_loss", loss, {.on_step = true, .on_epoch = true});
  };
  module_->save_hyperparameters({{"lr", 0.1}, {"net", course::Dict{{"name", "<line>"}}}});
  Trainer(options(3)).fit(module_, numbers(2));
  EXPECT_THAT(page(), HasSubstr("<h1>Line</h1>"));
  EXPECT_THAT(page(), HasSubstr("<tr><th>net.name</th><td>&lt;line&gt;</td></tr>"));
  EXPECT_THAT(page(), HasSubstr(">train_loss</text>"));
  EXPECT_THAT(page(), Not(HasSubstr("train_loss_")));
  EXPECT_THAT(page(), HasSubstr(" · finished"));
  EXPECT_THAT(page(), Not(HasSubstr("<h2>Samples</h2>")));
}

TEST_F(Report, AnErrorEndsUpOnThePage) {
  module_->on_step = [](Line&, const Batch&, int64_t batch_idx, const torch::Tensor&) {
    if (batch_idx == 1) throw std::runtime_error("no more <data>\nand more");
  };
  Trainer trainer(options(1));
  EXPECT_THROW(trainer.fit(module_, numbers(2)), std::runtime_error);
  EXPECT_THAT(page(), HasSubstr("ended by an error: no more &lt;data&gt;</p>"));
}

TEST_F(Report, APageThatCannotBeWrittenHidesNoError) {
  std::ofstream(folder_.path() / "new") << "in the way";
  module_->on_step = [](Line&, const Batch&, int64_t, const torch::Tensor&) {
    throw std::runtime_error("the first");
  };
  Trainer trainer(options(1));
  EXPECT_THROW(trainer.fit(module_, numbers(2)), std::runtime_error);
  EXPECT_THAT(messages_.warnings, ::testing::Contains(HasSubstr("could not be written")));
}

TEST_F(Report, AResumedRunHasTheWholeCurve) {
  const auto report = callback<HtmlReport>();
  course::Dict state;
  {
    module_->on_epoch_end = [](Line& self) { self.log("m", self.current_epoch() * 1.5); };
    const auto first = callback<HtmlReport>(HtmlReportOptions{.path = path_});
    Trainer(quiet({.callbacks = {first}, .max_epochs = 2})).fit(module_, numbers(1));
    state = first->state_dict();
  }
  const auto expect_both = [&] {
    report->load_state_dict(state);
    const torch::Tensor curve = report->state_dict().at("curves").as_dict().at("m").as_tensor();
    EXPECT_TRUE(torch::equal(curve, torch::tensor({{0.0, 0.0}, {1.0, 1.5}}, torch::kFloat64)));
  };
  expect_both();
  // As version 0.1 kept it.
  state.set("curves",
            course::Dict{{"m", course::List{course::List{0, 0.0}, course::List{1, 1.5}}}});
  expect_both();
  state.set("curves", course::Dict{{"m", course::List{course::List{1}}}});
  EXPECT_EQ(error_of([&] { report->load_state_dict(state); }),
            "a point of HtmlReport's curves has not two numbers");
  state.set("curves", course::Dict{{"m", torch::ones({2, 3})}});
  EXPECT_THAT(error_of([&] { report->load_state_dict(state); }), HasSubstr("[2, 3]"));
  EXPECT_EQ(error_of([] { HtmlReport({.max_samples = -1}); }),
            "max_samples of HtmlReport is -1, but must be at least 0");
}

// Two classes, pictures of 2 x 2, of which the third sample is taken for the other class.
class Judge : public LightningModule {
 public:
  Judge() {
    matrix_ = register_module("matrix",
                              metric<ConfusionMatrix>({.task = "multiclass", .num_classes = 2}));
  }
  StepOutput test_step(const Batch& batch, int64_t, int64_t) override {
    const auto preds = torch::tensor({0, 1, 1});
    matrix_->update(preds, batch[1]);
    return {torch::zeros({}), {{"preds", preds}}};
  }

 private:
  std::shared_ptr<ConfusionMatrix> matrix_;
};

TEST_F(Report, SamplesAndConfusionOfATest) {
  const Batch batch{torch::rand({3, 1, 2, 2}) * 4 - 2, torch::tensor({0, 1, 0})};
  Trainer trainer(options(1, {.class_names = {"cat"}, .max_samples = 2}));
  const auto loader = std::make_shared<testing::ListLoader>(std::vector<Batch>{batch});
  trainer.test(std::make_shared<Judge>(), loader, {.verbose = false});
  const std::string two = page();
  EXPECT_THAT(two, HasSubstr("<figcaption>cat</figcaption>"));
  EXPECT_THAT(two, HasSubstr("<figcaption>1</figcaption>"));  // a class without a name
  EXPECT_THAT(two, Not(HasSubstr("class=\"wrong\"")));        // the third is not shown
  EXPECT_THAT(two, HasSubstr("<th>cat</th><td style=\"background:rgba(0,158,115,0.44)\">1</td>"
                             "<td style=\"background:rgba(213,94,0,0.44)\">1</td>"));
}

}  // namespace
}  // namespace lit
