// The files of loggers when something is wrong with them: nothing is lost, and what is in a file
// can be read.
#include <fstream>
#include <string>
#include <vector>

#include "../common/file_limit.h"
#include "../common/temporary_folder.h"
#include "lit/loggers/csv_logger.h"
#include "lit/loggers/event_file.h"
#include "lit/loggers/tensorboard_logger.h"
#include "remove_tree.h"
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
using ::testing::StartsWith;

class LoggerFiles : public ::testing::Test {
 protected:
  LoggerFiles() : table_({.save_dir = folder_.path(), .name = "", .version = 0}) {}

  void row(const std::map<std::string, double>& metrics, int64_t step) {
    table_.log_metrics(metrics, step);
    table_.save();
  }

  TemporaryFolder folder_;
  CSVLogger table_;
  fs::path file_ = folder_.path() / "version_0/metrics.csv";
  testing::Messages messages_;
};

// An old file has room for one more short row, and a wider one does not.
TEST_F(LoggerFiles, AColumnThatCannotBeAddedLeavesTheTableAsItWas) {
  std::string wider = "step,x,y\n";
  for (int step = 0; step < 50; ++step) {
    row({{"x", 0.5}}, step);
    wider += std::to_string(step) + ",0.5,\n";
  }
  const std::string before = bytes_of(file_);
  with_file_limit(before.size() + 40, [&] {
    for (int step = 50; step < 52; ++step) {  // the second attempt is no other than the first
      table_.log_metrics({{"y", 2}}, step);
      EXPECT_THAT(error_of([&] { table_.save(); }),
                  HasSubstr("metrics.csv could not be written: File too large"));
      EXPECT_EQ(bytes_of(file_), before);
    }
  });
  table_.save();
  EXPECT_EQ(bytes_of(file_), wider + "50,,2.0\n51,,2.0\n") << "no row was lost";
}

TEST_F(LoggerFiles, ATableThatIsRemovedIsBegunAnew) {
  row({{"loss", 0.5}}, 0);
  fs::remove(file_);
  row({{"loss", 0.25}}, 1);
  row({{"loss", 0.125}}, 2);
  EXPECT_EQ(bytes_of(file_), "loss,step\n0.25,1\n0.125,2\n");
  ASSERT_EQ(messages_.warnings.size(), 1U);
  EXPECT_EQ(messages_.warnings[0],
            file_.string() + " is gone; it is started again, without the rows that were in it");

  course::remove_tree(file_.parent_path());  // and once more, with all around it
  row({{"acc", 1}}, 3);
  EXPECT_EQ(bytes_of(file_), "acc,loss,step\n1.0,,3\n");
  std::ofstream(file_).close();  // emptied: the header is gone as well
  row({{"acc", 2}}, 4);
  EXPECT_EQ(bytes_of(file_), "acc,loss,step\n2.0,,4\n");
  EXPECT_EQ(messages_.warnings.size(), 3U);
}

TEST_F(LoggerFiles, ATableThatSomebodyHasChangedIsLeftAlone) {
  row({{"x", 1}}, 0);
  const std::string ours = bytes_of(file_), theirs = "step,other\n0,1.0\n";
  std::ofstream(file_) << theirs;
  for (const char* name : {"x", "y"}) {
    table_.log_metrics({{name, 2}}, 1);
    EXPECT_THAT(error_of([&] { table_.save(); }),
                StartsWith(file_.string() + " does not begin any more with the columns that this "
                                            "logger wrote"));
    EXPECT_EQ(bytes_of(file_), theirs);
  }
  std::ofstream(file_) << ours;
  table_.save();
  EXPECT_EQ(bytes_of(file_), "step,x,y\n0,1.0,\n1,2.0,\n1,,2.0\n") << "the rows have waited";
}

TEST_F(LoggerFiles, AnOldTableStaysUntilTheNewOneIsWritten) {
  fs::create_directories(file_.parent_path());
  std::ofstream(file_) << "old\n1\n";
  table_.log_metrics({{"x", 1}}, 0);
  with_file_limit(
      3, [&] { EXPECT_THAT(error_of([&] { table_.save(); }), HasSubstr("File too large")); });
  EXPECT_EQ(bytes_of(file_), "old\n1\n");
  table_.save();
  EXPECT_EQ(bytes_of(file_), "step,x\n0,1.0\n");
  EXPECT_EQ(messages_.warnings.size(), 1U);
}

TEST_F(LoggerFiles, ANewColumnKeepsTheRowsInTheirPlaces) {
  row({{"b", 1}, {"d", 2}}, 0);
  row({{"d", 3}}, 1);
  row({{"a", 4}, {"c,", 5}, {"z", 6}}, 2);
  EXPECT_EQ(bytes_of(file_),
            "a,b,\"c,\",d,step,z\n"
            ",1.0,,2.0,0,\n"
            ",,,3.0,1,\n"
            "4.0,,5.0,,2,6.0\n");
}

TEST_F(LoggerFiles, HyperparametersThatCouldNotBeWrittenComeLater) {
  table_.log_hyperparams({{"lr", 0.5}});
  TensorBoardLogger board({.save_dir = folder_.path(), .name = "board", .version = 0});
  board.log_hyperparams({{"lr", 0.5}});
  board.experiment().flush();
  with_file_limit(3, [&] {
    EXPECT_THAT(error_of([&] { table_.save(); }), HasSubstr("hparams.yaml could not be written"));
    EXPECT_THAT(error_of([&] { board.save(); }), HasSubstr("hparams.yaml could not be written"));
  });
  table_.save();
  board.save();
  EXPECT_EQ(bytes_of(file_.parent_path() / "hparams.yaml"), "lr: 0.5\n");
  EXPECT_EQ(bytes_of(folder_.path() / "board/version_0/hparams.yaml"), "lr: 0.5\n");
}

#ifdef __linux__
// Kilobytes of memory, of this process: "VmRSS" now, "VmHWM" at most.
int64_t kilobytes(const std::string& what) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind(what + ":", 0) == 0) return std::stoll(line.substr(what.size() + 1));
  }
  return 0;
}

TEST_F(LoggerFiles, ANewColumnOfALargeTableTakesLittleMemory) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer keeps what is freed";
#endif
  row({{"train_loss", 0.5}, {"val_loss", 0.25}}, 0);
  {
    std::ofstream more(file_, std::ios::app);  // as a long run would
    for (int step = 1; more.tellp() < (8 << 20); ++step) more << step << ",0.123456789,\n";
  }
  const auto size = fs::file_size(file_);
  std::ofstream("/proc/self/clear_refs") << 5;  // the most so far is what it is now
  const int64_t before = kilobytes("VmRSS");
  if (kilobytes("VmHWM") > before + 1024) GTEST_SKIP() << "the system does not let us measure";
  row({{"test_loss", 1}}, 1);
  EXPECT_LT(kilobytes("VmHWM") - before, 16 << 10) << "for a file of 8 MiB";
  EXPECT_GT(fs::file_size(file_), size + size / 30);
  const std::string text = bytes_of(file_);
  EXPECT_THAT(text,
              StartsWith("step,test_loss,train_loss,val_loss\n0,,0.5,0.25\n1,,0.123456789,\n"));
  EXPECT_TRUE(text.ends_with("\n1,1.0,,\n"));
}
#endif

// The record that says what the file is comes first, and once.
void expect_whole(const fs::path& file, const std::vector<std::string>& tags) {
  const std::string bytes = bytes_of(file);
  EXPECT_EQ(bytes.find("brain.Event:2"), 23U);
  EXPECT_EQ(bytes.rfind("brain.Event:2"), 23U);
  size_t at = 0;
  for (const std::string& tag : tags) {
    at = bytes.find(tag, at);
    EXPECT_NE(at, std::string::npos) << tag;
  }
}

TEST_F(LoggerFiles, AnEventFileThatIsRemovedIsBegunAnew) {
  EventFile events(folder_.path() / "events");
  const auto add = [&](const std::string& tag) {
    events.add(Message().bytes(1, tag).single(2, 0.5F), 0);
    events.flush();
  };
  add("first");
  expect_whole(events.path(), {"first"});
  fs::remove(events.path());
  add("second");
  add("third");
  expect_whole(events.path(), {"second", "third"});
  ASSERT_EQ(messages_.warnings.size(), 1U);
  EXPECT_EQ(
      messages_.warnings[0],
      events.path().string() + " is gone; it is started again, without the events that were in it");
  course::remove_tree(events.path().parent_path());
  add("fourth");
  std::ofstream(events.path()).close();  // emptied
  with_file_limit(10,
                  [&] { EXPECT_THAT(error_of([&] { add("fifth"); }), HasSubstr("too large")); });
  add("sixth");
  expect_whole(events.path(), {"fifth", "sixth"});
}

// What a run is told that cannot write what it logs.
TEST_F(LoggerFiles, AnErrorEndsTheFit) {
  const auto module = std::make_shared<testing::Line>();
  const auto table = std::make_shared<CSVLogger>(
      CSVLoggerOptions{.save_dir = folder_.path(), .name = "", .version = 0});
  module->on_step = [&](testing::Line& self, const Batch&, int64_t index,
                        const torch::Tensor& loss) {
    if (index == 2) std::ofstream(file_) << "mine\n";
    self.log("loss", loss);
  };
  TrainerOptions options;
  options.logger = table;
  options.max_epochs = 1;
  options.log_every_n_steps = 1;
  Trainer trainer(testing::quiet(options));
  EXPECT_THAT(error_of([&] { trainer.fit(module, testing::numbers(4)); }),
              HasSubstr("metrics.csv does not begin any more"));
  EXPECT_EQ(bytes_of(file_), "mine\n");
}

}  // namespace
}  // namespace lit
