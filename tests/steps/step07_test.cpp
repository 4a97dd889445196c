// step07: which source wins, what is refused and with which words, and that printed configs read
// back.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <string>
#include <vector>

#include "config.h"
#include "config/flags.h"
#include "error.h"
#include "models/classifier.h"

namespace {

CommandLine read(std::initializer_list<std::string> arguments) {
  std::vector<const char*> argv{"step07_main"};
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  return read_command_line(static_cast<int>(argv.size()), argv.data());
}

std::string refusal(std::initializer_list<std::string> arguments) {
  try {
    read(arguments);
  } catch (const course::UsageError& error) {
    return error.what();
  }
  return "nothing refused";
}

// A TOML file of its own, gone after the test.
class TomlFile {
 public:
  explicit TomlFile(const std::string& text)
      : path_(std::filesystem::temp_directory_path() /
              ("course-step07-" + std::to_string(getpid()) + ".toml")) {
    std::ofstream(path_) << text;
  }
  ~TomlFile() { std::filesystem::remove(path_); }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

TEST(Step07, FlagsWinOverTheFileAndTheFileOverTheDefaults) {
  const TomlFile file("epochs = 3\nlearning_rate = 0.5\n");
  const Config config = read({"--epochs", "7", "--config", file.path()}).config;
  EXPECT_EQ(config.epochs, 7);           // flag
  EXPECT_EQ(config.learning_rate, 0.5);  // file
  EXPECT_EQ(config.batch_size, 64);      // default
}

TEST(Step07, PrintedConfigReadsBackToTheSameValues) {
  const TomlFile odd("learning_rate = 0.30000000000000004\ndata_dir = \"a \\\"b\\\" \\\\ c\"\n");
  const std::string text = to_toml(read({"--config", odd.path()}).config);
  const TomlFile file(text);
  const Config config = read({"--config", file.path()}).config;
  EXPECT_EQ(config.learning_rate, 0.1 + 0.2);
  EXPECT_EQ(config.data_dir, "a \"b\" \\ c");
  EXPECT_EQ(to_toml(config), text);
}

TEST(Step07, WholeNumbersAreNumbers) {
  const TomlFile file("learning_rate = 1\n");
  EXPECT_EQ(read({"--config", file.path()}).config.learning_rate, 1.0);
}

TEST(Step07, FlagsAreRefusedWithWhatTheyTake) {
  EXPECT_EQ(refusal({"--epochs", "0"}), "--epochs takes a whole number of at least 1, not '0'");
  EXPECT_EQ(refusal({"--epochs", "2.5"}), "--epochs takes a whole number of at least 1, not '2.5'");
  EXPECT_EQ(refusal({"--dropout", "1.5"}), "--dropout takes a number from 0 to 1, not '1.5'");
  EXPECT_EQ(refusal({"--learning-rate", "nan"}),
            "--learning-rate takes a number greater than 0, not 'nan'");
  EXPECT_EQ(refusal({"--epoch", "3"}), "unknown argument --epoch; did you mean --epochs?");
  EXPECT_EQ(refusal({"--batch_size", "3"}),
            "unknown argument --batch_size; did you mean --batch-size?");
  EXPECT_EQ(refusal({"stray"}), "unknown argument stray");
  EXPECT_NE(refusal({"--epochs"}).find("epochs"), std::string::npos);
}

TEST(Step07, FilesAreRefusedWithTheirLine) {
  const auto refused = [](const std::string& text) {
    const TomlFile file(text);
    const std::string message = refusal({"--config", file.path()});
    return message.substr(message.find(".toml") + 5);
  };
  EXPECT_EQ(refused("model = \"mlp\"\nbatch_sise = 3\n"),
            ":2: batch_sise is no known key; did you mean batch_size?");
  EXPECT_EQ(refused("epochs = \"3\"\n"),
            ":1: epochs takes a whole number of at least 1, not '\"3\"'");
  EXPECT_EQ(refused("\nepochs = 3.0\n"),
            ":2: epochs takes a whole number of at least 1, not '3.0'");
  EXPECT_EQ(refused("model = 3\n"), ":1: model takes text in quotes, not 3");
  EXPECT_EQ(refused("[model]\nname = 3\n"), ":1: model takes text in quotes, not name = 3");
  EXPECT_EQ(refused("epochs = 1\nepochs = 2\n").substr(0, 3), ":2:");
  EXPECT_EQ(refusal({"--config", "no/such.toml"}),
            "--config takes a TOML file, but 'no/such.toml' is none");
  EXPECT_EQ(refusal({"--config", "/"}), "--config takes a TOML file, but '/' is none");
}

TEST(Step07, PrintConfigAndHelp) {
  EXPECT_FALSE(read({}).print_config);
  EXPECT_TRUE(read({"--print-config"}).print_config);
  try {
    read({"--help"});
    FAIL();
  } catch (const course::HelpRequested& help) {
    EXPECT_NE(help.text.find("samples in a batch (64)"), std::string::npos);
    EXPECT_NE(help.text.find("length of a step (0.1)"), std::string::npos);
  }
}

TEST(Step07, TheConfigReachesTheModels) {
  Config config;
  config.hidden = 7;
  config.channels = 3;
  const auto mlp = create_model(config)->named_parameters();
  EXPECT_EQ(mlp["hidden.weight"].sizes(), (std::vector<int64_t>{7, 784}));
  config.model = "cnn";
  const auto cnn = create_model(config)->named_parameters();
  EXPECT_EQ(cnn["conv2.weight"].sizes(), (std::vector<int64_t>{6, 3, 3, 3}));
  EXPECT_EQ(cnn["hidden.weight"].sizes(), (std::vector<int64_t>{7, 6 * 49}));
}

}  // namespace
