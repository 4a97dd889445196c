// The file that metrics_log.h writes, read while it is written.
#include "metrics_log.h"

#include <gmock/gmock.h>

#include <optional>
#include <sstream>

namespace {

namespace fs = std::filesystem;

class LogFile : public ::testing::Test {
 protected:
  void SetUp() override { fs::remove(path_); }
  void TearDown() override { fs::remove(path_); }
  std::string text() const {
    std::ostringstream text;
    text << std::ifstream(path_).rdbuf();
    return text.str();
  }
  const fs::path path_ = fs::current_path() / "metrics.csv";
};

TEST_F(LogFile, BeginsWithTheNames) {
  { MetricsLog log(path_); }
  EXPECT_EQ(text(), "epoch,loss,accuracy\n");
}

TEST_F(LogFile, ALineForEachEpoch) {
  {
    MetricsLog log(path_);
    log.write(1, 0.5, 0.75);
    log.write(2, 0.25, 0.875);
  }
  EXPECT_EQ(text(), "epoch,loss,accuracy\n1,0.5,0.75\n2,0.25,0.875\n");
}

TEST_F(LogFile, IsThereAtOnce) {
  MetricsLog log(path_);
  log.write(1, 0.5, 0.75);
  EXPECT_THAT(text(), ::testing::HasSubstr("1,0.5,0.75"))
      << "Read while the file is still open: a killed run would leave this";
}

TEST_F(LogFile, KeepsAllDigits) {
  {
    MetricsLog log(path_);
    log.write(1, 0.1 + 0.2, 1.0 / 3);
  }
  std::istringstream lines(text());
  std::string names, epoch, loss, accuracy;
  std::getline(lines, names);
  std::getline(lines, epoch, ',');
  std::getline(lines, loss, ',');
  std::getline(lines, accuracy);
  ASSERT_FALSE(accuracy.empty()) << "There is no line with three values";
  EXPECT_EQ(std::stod(loss), 0.1 + 0.2)
      << "0.1 + 0.2 was written, which is not 0.3, and is in the file as " << loss;
  EXPECT_EQ(std::stod(accuracy), 1.0 / 3) << "1/3 was written, and is in the file as " << accuracy;
}

TEST_F(LogFile, GoesOnWhereItEnded) {
  {
    MetricsLog log(path_);
    log.write(1, 0.5, 0.75);
  }
  {
    MetricsLog resumed(path_);
    resumed.write(2, 0.25, 0.875);
  }
  EXPECT_EQ(text(), "epoch,loss,accuracy\n1,0.5,0.75\n2,0.25,0.875\n")
      << "A run, and another that goes on with its file";
}

TEST_F(LogFile, SaysWhenItCannotWrite) {
  const fs::path nowhere = fs::current_path() / "no" / "such" / "folder" / "metrics.csv";
  std::string message = "nothing was thrown";
  try {
    MetricsLog log(nowhere);
    log.write(1, 0.5, 0.75);
  } catch (const std::runtime_error& error) {
    message = error.what();
  }
  EXPECT_THAT(message, ::testing::HasSubstr(nowhere.string())) << "There is no such folder";
}

}  // namespace
