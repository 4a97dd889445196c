// Loggers: folders, files, options, and a logger of one's own. What event files hold is read by
// test_loggers.py.
#include <cstdio>
#include <fstream>
#include <iterator>

#include "../common/file_limit.h"
#include "../common/temporary_folder.h"
#include "lit/callbacks/model_checkpoint.h"
#include "lit/loggers/csv_logger.h"
#include "lit/loggers/tensorboard_logger.h"
#include "serialize/python_text.h"
#include "testing.h"

namespace lit {
namespace {

namespace fs = std::filesystem;
using course::testing::bytes_of;
using course::testing::TemporaryFolder;
using course::testing::with_file_limit;
using ::testing::ElementsAre;
using testing::error_of;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Line;
using testing::Messages;
using testing::numbers;
using testing::quiet;

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator(folder, missing)) {
    const std::string name = entry.path().filename().string();
    names.push_back(name.find("tfevents") == std::string::npos ? name : "events");
  }
  std::sort(names.begin(), names.end());
  return names;
}

// --- The Trainer's option ---------------------------------------------------------------------

class Loggers : public ::testing::Test {
 protected:
  // A Trainer that says nothing, with the option as it is.
  TrainerOptions in_folder(LoggerChoice logger) {
    TrainerOptions options = quiet({.max_epochs = 1, .log_every_n_steps = 1});
    options.logger = std::move(logger);
    options.default_root_dir = folder_.path();
    return options;
  }

  Messages messages_;
  TemporaryFolder folder_;
  std::shared_ptr<Line> module_ = std::make_shared<Line>();
};

TEST_F(Loggers, TheDefaultIsTensorBoardInTheRootFolder) {
  for (int run = 0; run < 2; ++run) {
    TrainerOptions options = in_folder(true);
    options.enable_checkpointing = true;
    Trainer trainer(options);
    trainer.fit(module_, numbers(2));
    const fs::path folder = folder_.path() / "lightning_logs" / ("version_" + std::to_string(run));
    EXPECT_EQ(trainer.log_dir(), folder);
    EXPECT_THAT(names_in(folder), ElementsAre("checkpoints", "events", "hparams.yaml"));
    EXPECT_EQ(bytes_of(folder / "hparams.yaml"), "{}\n");
  }
}

TEST_F(Loggers, FalseAndNoneAreNone) {
  for (const LoggerChoice& none : {LoggerChoice(false), LoggerChoice(LoggerChoice::List{})}) {
    Trainer trainer(in_folder(none));
    EXPECT_EQ(trainer.logger(), nullptr);
    trainer.fit(module_, numbers(2));
    EXPECT_EQ(trainer.log_dir(), folder_.path());
  }
  EXPECT_THAT(names_in(folder_.path()), IsEmpty());
}

TEST_F(Loggers, AFastDevRunHasNone) {
  TrainerOptions options = in_folder(true);
  options.fast_dev_run = 1;
  Trainer(options).fit(module_, numbers(2));
  EXPECT_THAT(names_in(folder_.path()), IsEmpty());
}

TEST_F(Loggers, ARunThatLogsNothingMakesNoFolder) {
  Trainer(in_folder(true)).predict(module_, numbers(2));
  EXPECT_THAT(names_in(folder_.path()), IsEmpty());
}

TEST_F(Loggers, AllGetEverythingAndTheFirstHasTheCheckpoints) {
  module_->on_step = [](Line& self, const Batch&, int64_t, const torch::Tensor& loss) {
    self.log("loss", loss);
  };
  const auto table = std::make_shared<CSVLogger>(
      CSVLoggerOptions{.save_dir = folder_.path(), .name = "table", .version = "mine"});
  const auto memory = std::make_shared<testing::MemoryLogger>();
  TrainerOptions options = in_folder({table, memory});
  options.callbacks = {callback<ModelCheckpoint>()};
  options.enable_checkpointing = true;
  Trainer(options).fit(module_, numbers(2));
  EXPECT_EQ(memory->rows.size(), 2U);
  EXPECT_EQ(bytes_of(folder_.path() / "table/mine/metrics.csv").substr(0, 17),
            "epoch,loss,step\n0");
  EXPECT_THAT(names_in(folder_.path() / "table/mine"), ElementsAre("checkpoints", "metrics.csv"));
}

TEST_F(Loggers, NullIsRefused) {
  EXPECT_EQ(error_of([&] { Trainer trainer(in_folder({std::shared_ptr<Logger>()})); }),
            "logger has one that is null");
}

TEST_F(Loggers, HyperparametersOfModuleAndDataModuleUnlessTheySayNo) {
  const auto logged = [&](bool module, bool automatic) {
    const auto memory = std::make_shared<testing::MemoryLogger>();
    module_->save_hyperparameters({{"lr", 0.5}}, /*logger=*/module);
    TrainerOptions options = in_folder(memory);
    options.enable_autolog_hparams = automatic;
    Trainer(options).fit(module_, numbers(1));
    return memory->hyperparams.size();
  };
  EXPECT_EQ(logged(true, true), 1U);
  EXPECT_EQ(logged(false, true), 0U);
  EXPECT_EQ(logged(true, false), 0U);
}

// A logger of one's own: a line for each row, into a program that reads them.
// region pipe
class PipeLogger : public Logger {
 public:
  explicit PipeLogger(const std::string& command) : pipe_(popen(command.c_str(), "w")) {}
  ~PipeLogger() override { pclose(pipe_); }

  void log_metrics(const std::map<std::string, double>& metrics, int64_t step) override {
    std::fprintf(pipe_, "step %lld", static_cast<long long>(step));
    for (const auto& [name, value] : metrics) std::fprintf(pipe_, " %s=%g", name.c_str(), value);
    std::fputc('\n', pipe_);
  }
  void save() override { std::fflush(pipe_); }

 private:
  std::FILE* pipe_;
};
// endregion

TEST_F(Loggers, OneOfYourOwnPostsLinesToAPipe) {
  module_->on_step = [](Line& self, const Batch& batch, int64_t, const torch::Tensor&) {
    self.log("x", batch[0].mean());
  };
  const std::string heard = folder_.path() / "heard";
  {
    Trainer trainer(in_folder(std::make_shared<PipeLogger>("sed s/^/heard:/ > " + heard)));
    trainer.fit(module_, numbers(2));
  }
  EXPECT_EQ(bytes_of(heard), "heard:step 0 epoch=0 x=1\nheard:step 1 epoch=0 x=2\n");
}

// --- Folders ----------------------------------------------------------------------------------

TEST_F(Loggers, VersionsCountOnFromTheHighestNumber) {
  for (const char* name : {"version_3", "version_10", "version_x", "version_12b", "other"}) {
    fs::create_directories(folder_.path() / "logs" / name);
  }
  RunVersion run(folder_.path(), "logs", {});
  EXPECT_EQ(run.version(), "version_11");
  EXPECT_EQ(run.folder(), folder_.path() / "logs/version_11");
  EXPECT_EQ(RunVersion(folder_.path(), "logs", 3).version(), "version_3");
  EXPECT_EQ(RunVersion(folder_.path(), "logs", "best").folder(), folder_.path() / "logs/best");
  EXPECT_EQ(RunVersion(folder_.path(), "", {}).folder(), folder_.path() / "version_0");
  EXPECT_EQ(error_of([] { RunVersion("", "", -1); }), "version is -1, but must be at least 0");
}

TEST_F(Loggers, AFolderThatCannotBeMadeIsAnError) {
  std::ofstream(folder_.path() / "file") << "in the way";
  const std::string error =
      error_of([&] { CSVLogger({.save_dir = folder_.path() / "file"}).log_dir(); });
  EXPECT_THAT(error,
              HasSubstr("cannot be made: Not a directory; give the logger another save_dir"));
}

// --- CSVLogger --------------------------------------------------------------------------------

TEST_F(Loggers, CsvRowsAndTheirHeader) {
  CSVLogger logger({.save_dir = folder_.path(), .prefix = "a"});
  logger.log_metrics({{"loss", 0.1}, {"epoch", 0}}, 0);
  logger.log_metrics({{"acc", 1}, {"nan", std::nan("")}}, 1);
  EXPECT_FALSE(fs::exists(folder_.path() / "lightning_logs/version_0/metrics.csv"));
  logger.save();
  const fs::path file = folder_.path() / "lightning_logs/version_0/metrics.csv";
  EXPECT_EQ(bytes_of(file),
            "a-acc,a-epoch,a-loss,a-nan,step\n"
            ",0,0.1,,0\n"
            "1.0,,,nan,1\n");
  logger.log_metrics({{"zz", 1e-7}}, 2);
  logger.save();
  EXPECT_EQ(bytes_of(file),
            "a-acc,a-epoch,a-loss,a-nan,a-zz,step\n"
            ",0,0.1,,,0\n"
            "1.0,,,nan,,1\n"
            ",,,,1e-07,2\n");
}

TEST_F(Loggers, CsvIsWrittenEveryNSteps) {
  CSVLogger logger({.save_dir = folder_.path(), .version = 0, .flush_logs_every_n_steps = 2});
  const fs::path file = folder_.path() / "lightning_logs/version_0/metrics.csv";
  logger.log_metrics({{"x", 1}}, 0);
  EXPECT_FALSE(fs::exists(file));
  logger.log_metrics({{"x", 2}}, 1);
  EXPECT_EQ(bytes_of(file), "step,x\n0,1.0\n1,2.0\n");
  EXPECT_EQ(error_of([] { CSVLogger({.save_dir = "x", .flush_logs_every_n_steps = 0}); }),
            "flush_logs_every_n_steps is 0, but must be at least 1");
}

TEST_F(Loggers, AnOldTableInAGivenVersionMakesRoom) {
  const fs::path file = folder_.path() / "lightning_logs/version_7/metrics.csv";
  fs::create_directories(file.parent_path());
  std::ofstream(file) << "old\n1\n";
  CSVLogger logger({.save_dir = folder_.path(), .version = 7});
  logger.log_metrics({{"x", 1}}, 0);
  logger.save();
  EXPECT_EQ(bytes_of(file), "step,x\n0,1.0\n");
  ASSERT_EQ(messages_.warnings.size(), 1U);
  EXPECT_THAT(messages_.warnings[0], HasSubstr("version_7 is not empty; its metrics.csv"));
}

TEST_F(Loggers, WhatCannotBeWrittenLeavesWholeRecords) {
  CSVLogger table({.save_dir = folder_.path(), .version = 0});
  SummaryWriter board(folder_.path() / "board");
  for (int step = 0; step < 100; ++step) {
    table.log_metrics({{"x", 0.5}}, step);
    board.add_scalar("x", 0.5, step);
  }
  board.flush();
  const fs::path file = folder_.path() / "lightning_logs/version_0/metrics.csv";
  table.save();
  const std::string rows = bytes_of(file), events = bytes_of(board.path());
  with_file_limit(events.size() + 10, [&] {
    board.add_scalar("x", 0.5, 100);
    EXPECT_THAT(error_of([&] { board.flush(); }),
                HasSubstr("could not be written: File too large; what was there before is "
                          "unchanged"));
  });
  EXPECT_EQ(bytes_of(board.path()), events);
  with_file_limit(rows.size() + 3, [&] {
    table.log_metrics({{"x", 0.25}}, 100);
    EXPECT_THAT(error_of([&] { table.save(); }), HasSubstr("File too large"));
  });
  EXPECT_EQ(bytes_of(file), rows);
  table.save();  // the row was not lost
  EXPECT_EQ(bytes_of(file), rows + "100,0.25\n");
}

// --- TensorBoardLogger ------------------------------------------------------------------------

TEST_F(Loggers, TensorBoardsFolderAndItsParts) {
  TensorBoardLogger logger({.save_dir = folder_.path(), .name = "mine", .sub_dir = "part"});
  EXPECT_EQ(logger.log_dir(), folder_.path() / "mine/version_0/part");
  EXPECT_EQ(logger.root_dir(), folder_.path() / "mine");
  EXPECT_EQ(logger.version(), "version_0");
  logger.log_hyperparams({{"lr", 0.1}});
  logger.save();
  EXPECT_THAT(names_in(logger.log_dir()), ElementsAre("events", "hparams.yaml"));
  logger.log_hyperparams({{"lr", 0.2}});
  logger.save();
  EXPECT_EQ(bytes_of(fs::path(logger.log_dir()) / "hparams.yaml"), "lr: 0.1\n");
}

// RFC 3720, B.4.
TEST(EventFiles, TheChecksumOfTheStandard) {
  EXPECT_EQ(crc32c("123456789"), 0xe3069283U);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aaU);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43U);
}

TEST(EventFiles, AMessageIsTheBytesOfTheEncodingGuide) {
  EXPECT_EQ(Message().whole(1, 150).bytes(), "\x08\x96\x01");
  EXPECT_EQ(Message().bytes(2, "testing").bytes(), "\x12\x07testing");
}

// --- Texts ------------------------------------------------------------------------------------

TEST(PythonText, WhatYamlWouldMistakeIsQuoted) {
  const course::Dict dict{{"a", "plain-text_1.0/x"},
                          {"b", "1e3"},
                          {"c", "No"},
                          {"d", ""},
                          {"e", "a: b # c"},
                          {"f", "line\nend \"q\""},
                          {"g", course::List{true, course::Value(), course::Dict{{"k", 0.5}}}},
                          {"h", course::Tuple{{1}}},
                          {"i", INFINITY},
                          {"j", course::Dict{}},
                          {"k", torch::tensor({3})},
                          {"l", torch::ones({2})},
                          {7, 1e20}};
  EXPECT_EQ(course::yaml(dict),
            "a: plain-text_1.0/x\n"
            "b: \"1e3\"\n"
            "c: \"No\"\n"
            "d: \"\"\n"
            "e: \"a: b # c\"\n"
            "f: \"line\\x0aend \\\"q\\\"\"\n"
            "g: [true, null, {k: 0.5}]\n"
            "h: [1]\n"
            "i: .inf\n"
            "j: {}\n"
            "k: 3\n"
            "7: 1.0e+20\n");
}

TEST(PythonText, ValuesAsPythonPrintsThem) {
  const course::List list{
      1, 2.0, "it's", course::Value(), true, course::Tuple{{1}}, course::Dict{{"a", 1e-5}}};
  EXPECT_EQ(course::python_str(list), "[1, 2.0, 'it\\'s', None, True, (1,), {'a': 1e-05}]");
}

}  // namespace
}  // namespace lit
