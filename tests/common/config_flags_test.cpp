// Flags: what is read, and that whatever is wrong is refused with a sentence that helps.
#include "config/flags.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <string>
#include <vector>

#include "config/program.h"
#include "error.h"
#include "nearest.h"

namespace course {
namespace {

struct Options {
  std::string data_dir;
  int64_t epochs = 10;
  double learning_rate = 0.1;
  bool drop_last = false;
};

Options parse(std::vector<const char*> arguments) {
  Options options;
  Flags flags("step99_main", "A program for tests.");
  flags.add("data-dir", options.data_dir, "where");
  flags.add("epochs", options.epochs, "how often", at_least(1));
  flags.add("learning-rate", options.learning_rate, "how far", greater_than(0));
  flags.add("drop-last", options.drop_last, "a switch");
  arguments.insert(arguments.begin(), "step99_main");
  flags.parse(static_cast<int>(arguments.size()), arguments.data());
  return options;
}

std::string refusal(const std::vector<const char*>& arguments) {
  try {
    parse(arguments);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "nothing was refused";
}

TEST(Flags, KeepsTheDefaultsWithoutArguments) {
  const Options options = parse({});
  EXPECT_EQ(options.data_dir, "");
  EXPECT_EQ(options.epochs, 10);
  EXPECT_EQ(options.learning_rate, 0.1);
  EXPECT_FALSE(options.drop_last);
}

TEST(Flags, ReadsBothSpellings) {
  const Options options =
      parse({"--epochs", "3", "--learning-rate=1e-3", "--data-dir", "/x y", "--drop-last"});
  EXPECT_EQ(options.epochs, 3);
  EXPECT_EQ(options.learning_rate, 1e-3);
  EXPECT_EQ(options.data_dir, "/x y");
  EXPECT_TRUE(options.drop_last);
}

TEST(Flags, UnknownFlagNamesTheNearest) {
  EXPECT_EQ(refusal({"--epoch", "3"}),
            "unknown flag --epoch, did you mean --epochs? (--help lists the flags of step99_main)");
  EXPECT_EQ(
      refusal({"--learning_rate=1"}),
      "unknown flag --learning_rate, did you mean --learning-rate? (--help lists the flags of "
      "step99_main)");
  EXPECT_EQ(refusal({"--momentum", "0.9"}),
            "unknown flag --momentum (--help lists the flags of step99_main)");
}

TEST(Flags, BadNumbersAreRefusedWithTheRange) {
  EXPECT_EQ(refusal({"--epochs", "three"}),
            "--epochs takes a whole number of at least 1, not 'three'");
  EXPECT_EQ(refusal({"--epochs", "3.5"}), "--epochs takes a whole number of at least 1, not '3.5'");
  EXPECT_EQ(refusal({"--epochs", "0"}), "--epochs takes a whole number of at least 1, not '0'");
  EXPECT_EQ(refusal({"--epochs", "-2"}), "--epochs takes a whole number of at least 1, not '-2'");
  EXPECT_EQ(refusal({"--epochs", "99999999999999999999"}),
            "--epochs takes a whole number of at least 1, not '99999999999999999999'");
  EXPECT_EQ(refusal({"--epochs="}), "--epochs takes a whole number of at least 1, not ''");
  EXPECT_EQ(refusal({"--learning-rate", "0"}),
            "--learning-rate takes a number greater than 0, not '0'");
  EXPECT_EQ(refusal({"--learning-rate", "nan"}),
            "--learning-rate takes a number greater than 0, not 'nan'");
  EXPECT_EQ(refusal({"--learning-rate", "inf"}),
            "--learning-rate takes a number greater than 0, not 'inf'");
}

TEST(Flags, StrayArgumentsAndMissingValuesAreRefused) {
  EXPECT_EQ(refusal({"3"}),
            "unexpected argument '3': step99_main takes flags alone (--help lists them)");
  const std::string missing = refusal({"--epochs"});
  EXPECT_NE(missing.find("epochs"), std::string::npos) << missing;
  EXPECT_NE(missing.find("missing an argument"), std::string::npos) << missing;
}

TEST(Flags, NothingIsAssignedWhenSomethingIsWrong) {
  int64_t first = 1;
  int64_t second = 2;
  Flags flags("step99_main", "A program for tests.");
  flags.add("first", first, "").add("second", second, "");
  const std::vector<const char*> arguments{"step99_main", "--first", "7", "--second", "x"};
  EXPECT_THROW(flags.parse(static_cast<int>(arguments.size()), arguments.data()), UsageError);
  EXPECT_EQ(first, 1);
}

TEST(Flags, HelpListsFlagsWithTheirDefaults) {
  try {
    parse({"--help"});
    FAIL() << "--help must throw HelpRequested";
  } catch (const HelpRequested& help) {
    EXPECT_NE(help.text.find("A program for tests."), std::string::npos);
    EXPECT_NE(help.text.find("--learning-rate"), std::string::npos);
    EXPECT_NE(help.text.find("0.1"), std::string::npos);
  }
}

TEST(RunProgram, ExitCodesAndOneLine) {
  const auto code_and_line = [](const std::function<void()>& body) {
    ::testing::internal::CaptureStderr();
    const int code = run_program(body);
    return std::to_string(code) + " " + ::testing::internal::GetCapturedStderr();
  };
  EXPECT_EQ(code_and_line([] {}), "0 ");
  EXPECT_EQ(code_and_line([] { throw UsageError("flag"); }), "2 error: flag\n");
  EXPECT_EQ(code_and_line([] { throw Error("file"); }), "1 error: file\n");
  EXPECT_EQ(code_and_line([] { TORCH_CHECK(false, "shape"); }), "1 error: shape\n");
  EXPECT_EQ(code_and_line([] { throw std::bad_alloc(); }),
            "1 error: the machine has no memory left; a smaller --batch-size needs less\n");
}

TEST(RunProgram, OutOfMemoryIsOneSentenceWithItsSizes) {
  const auto line = [](const std::function<void()>& body) {
    ::testing::internal::CaptureStderr();
    run_program(body);
    const std::string printed = ::testing::internal::GetCapturedStderr();
    return printed.substr(printed.find("error: "));  // the address sanitizer has a line before it
  };
  // As libtorch 2.6 says it, and as 1.13 does.
  EXPECT_EQ(
      line([] {
        TORCH_CHECK_WITH(OutOfMemoryError, false,
                         "CUDA out of memory. Tried to allocate 931.32 GiB. GPU 1 has a total "
                         "capacity of 79.11 GiB of which 78.22 GiB is free. Including "
                         "non-PyTorch memory, this process has 526.00 MiB memory in use.");
      }),
      "error: cuda:1 has no memory left for 931.32 GiB more: 78.22 GiB of 79.11 GiB are free; "
      "a smaller --batch-size needs less\n");
  EXPECT_EQ(
      line([] {
        TORCH_CHECK_WITH(OutOfMemoryError, false,
                         "CUDA out of memory. Tried to allocate 20.00 GiB (GPU 0; 10.76 GiB "
                         "total capacity; 4.52 GiB already allocated; 5.46 GiB free; 4.55 GiB "
                         "reserved in total by PyTorch)");
      }),
      "error: cuda:0 has no memory left for 20.00 GiB more: 5.46 GiB of 10.76 GiB are free; a "
      "smaller --batch-size needs less\n");
  // More than any machine has, so this is what libtorch itself says.
  EXPECT_EQ(line([] { (void)torch::empty({int64_t{1} << 47}, torch::kUInt8); }),
            "error: the machine has no memory left for 128.0 TiB more; a smaller --batch-size "
            "needs less\n");
}

TEST(RunProgram, NamesTheOptionOfTheProgram) {
  const auto line = [](const std::string& batch_size) {
    ::testing::internal::CaptureStderr();
    run_program([] { throw std::bad_alloc(); }, batch_size);
    return ::testing::internal::GetCapturedStderr();
  };
  EXPECT_EQ(line("data.batch_size"),
            "error: the machine has no memory left; a smaller data.batch_size needs less\n");
  EXPECT_EQ(line(""), "error: the machine has no memory left\n");
}

TEST(Nearest, WorkedByHand) {
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  EXPECT_EQ(edit_distance("same", "same"), 0U);
  EXPECT_EQ(nearest("batch", {"device", "batch-size"}), "batch-size");
  EXPECT_EQ(nearest("devise", {"device", "batch-size"}), "device");
  EXPECT_EQ(nearest("x", {"device", "batch-size"}), "");
}

}  // namespace
}  // namespace course
