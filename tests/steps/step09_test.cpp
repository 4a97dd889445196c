// step09: what is in the log and in metrics.csv, and what happens when they cannot be written.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>

#include "config.h"
#include "error.h"
#include "logging.h"
#include "models/classifier.h"
#include "remove_tree.h"

namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class Step09 : public testing::Test {
 protected:
  Step09() {
    std::string name = (fs::temp_directory_path() / "course-step09-XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~Step09() override {
    spdlog::set_default_logger(std::make_shared<spdlog::logger>("none"));
    course::remove_tree(folder_);
  }
  std::string read(const std::string& name) const {
    std::ostringstream text;
    text << std::ifstream(folder_ / name).rdbuf();
    return text.str();
  }
  static std::string message_of(const std::function<void()>& action) {
    try {
      action();
    } catch (const course::Error& error) {
      return error.what();
    }
    return "no error";
  }

  fs::path folder_;
};

TEST_F(Step09, MetricsHaveAllTheirDigitsAndAreThereAtOnce) {
  MetricsFile metrics(folder_, {"train_loss", "test_loss", "test_accuracy"});
  metrics.write(1, {{"train_loss", 0.1 + 0.2}});
  metrics.write(1, {{"test_accuracy", 0.5}, {"test_loss", 2}});
  EXPECT_EQ(read("metrics.csv"),
            "epoch,train_loss,test_loss,test_accuracy\n1,0.30000000000000004,,\n1,,2,0.5\n");
}

TEST_F(Step09, AFullDiskIsOneSentence) {
  fs::create_symlink("/dev/full", folder_ / "metrics.csv");
  EXPECT_THAT(message_of([&] { MetricsFile metrics(folder_, {}); }),
              HasSubstr("metrics.csv cannot be written: No space left on device"));
  fs::create_symlink("/dev/full", folder_ / "config.toml");
  EXPECT_THAT(message_of([&] { save_config(folder_, {}); }),
              HasSubstr("config.toml cannot be written: No space left on device"));
  fs::create_symlink("/dev/full", folder_ / "log.txt");
  start_logging(folder_, spdlog::level::off);
  EXPECT_THAT(message_of([] { spdlog::info("a line"); }), HasSubstr("No space left on device"));
}

TEST_F(Step09, AFolderThatIsNotThereIsOneSentence) {
  const fs::path file = folder_ / "file";
  std::ofstream(file) << "";
  EXPECT_THAT(message_of([&] { start_logging(file / "x", spdlog::level::off); }),
              HasSubstr("no log can be written in"));
}

TEST_F(Step09, TheFileHasAllAndTheConsoleWhatWasAskedFor) {
  start_logging(folder_, spdlog::level::warn);
  testing::internal::CaptureStdout();
  spdlog::debug("a detail");
  spdlog::info("a fact");
  spdlog::warn("a doubt");
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "a doubt\n");
  const std::string time = "20[0-9-]+ [0-9:.]+ [+-][0-9:]+  ";
  EXPECT_THAT(read("log.txt"),
              testing::MatchesRegex(time + "debug    a detail\n" + time + "info     a fact\n" +
                                    time + "warning  a doubt\n"));
}

TEST_F(Step09, TheLogHasTheModelAndTheEnvironment) {
  start_logging(folder_, spdlog::level::off);
  Config config;
  config.hidden = 10;
  log_environment();
  log_model("mlp", *create_model(config));
  const std::string log = read("log.txt");
  for (const char* words : {"git revision: ", "libtorch: ", "BLAS: ", "hidden.weight  [10, 784]"}) {
    EXPECT_THAT(log, HasSubstr(words));
  }
  EXPECT_THAT(log, testing::ContainsRegex("all +7,960\n"));  // 784 * 10 + 10 + 10 * 10 + 10
}

TEST_F(Step09, UnknownLevelsAreRefused) {
  Config config;
  config.log_level = "warn";
  EXPECT_EQ(message_of([&] { console_level(config); }),
            "log_level takes debug, error, info, off, trace or warning, not 'warn'; did you mean "
            "warning?");
}

}  // namespace
