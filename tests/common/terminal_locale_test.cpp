// A program that has called setlocale for its users: pictures and messages keep their points.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <clocale>
#include <cstdlib>
#include <locale>
#include <string>
#include <vector>

#include "config/flags.h"
#include "config/range.h"
#include "plot/curves.h"
#include "plot/scatter.h"
#include "temporary_folder.h"
#include "terminal/format.h"

namespace course {
namespace {

// What depends on how numbers are written, of every part.
std::vector<std::string> texts() {
  const Terminal plain{.interactive = false, .width = 60, .color = Color::none};
  const Plot plot{.title = "loss",
                  .x_label = "epoch",
                  .curves = {{"train", {0, 1234.5, 2000}, {0.125, 0.25, 0.0625}}},
                  .marks = {{1.5, "best"}}};
  const Scatter scatter{
      .x = {0.25, 1234567.5}, .y = {0.5, 1.5e-7}, .groups = {0, 0}, .names = {"a"}};
  double rate = 0.5;
  int64_t count = 12345;
  Flags flags("step99_main", "A program for tests.");
  flags.add("rate", rate, "a share", between(0, 0.999)).add("count", count, "a number");
  std::string help;
  try {
    const char* const arguments[] = {"step99_main", "--help"};
    flags.parse(2, arguments);
  } catch (const HelpRequested& request) {
    help = request.text;
  }
  return {svg_curves(plot),
          draw_curves(plot, plain),
          svg_scatter({scatter}),
          draw_scatter(scatter, plain),
          help,
          between(0.5, 123456).describe("a number"),
          decimal(1234.5, 2),
          percent(0.8123),
          grouped(1234567),
          format_duration(0.0123) + format_duration(12.5) + format_duration(7300),
          format_rate(12345, 10, "images"),
          format_bytes(1234567),
          short_number(1234.5) + short_number(1e-5)};
}

// Sets a locale whose numbers have commas; where the system has none, one is made.
class Comma {
 public:
  Comma() {
    for (const char* name : {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE.utf8", "nl_NL.UTF-8"}) {
      if (is_set(name)) return;
    }
    const std::string made = (folder_.path() / "xx_YY.UTF-8").string();
    const std::string command = "localedef -i de_DE -f UTF-8 '" + made + "' > /dev/null 2>&1";
    if (std::system(command.c_str()) != 0) return;
    setenv("LOCPATH", folder_.path().c_str(), 1);
    is_set("xx_YY.UTF-8");
  }
  ~Comma() {
    std::setlocale(LC_ALL, "C");
    unsetenv("LOCPATH");
  }
  Comma(const Comma&) = delete;
  Comma& operator=(const Comma&) = delete;

  bool is_there() const { return is_there_; }

 private:
  bool is_set(const char* name) {
    is_there_ = std::setlocale(LC_ALL, name) != nullptr &&
                std::string(std::localeconv()->decimal_point) == ",";
    return is_there_;
  }

  testing::TemporaryFolder folder_;
  bool is_there_ = false;
};

TEST(TerminalLocale, SetlocaleChangesNothingThatIsWritten) {
  const std::vector<std::string> expected = texts();
  const Comma comma;
  if (!comma.is_there()) GTEST_SKIP() << "no locale with a decimal comma (Debian: locales)";
  EXPECT_THAT(texts(), ::testing::ElementsAreArray(expected));
}

TEST(TerminalLocale, NeitherDoesAGlobalLocaleOfStreams) {
  struct Commas : std::numpunct<char> {
    char do_decimal_point() const override { return ','; }
    char do_thousands_sep() const override { return '.'; }
    std::string do_grouping() const override { return "\3"; }
  };
  const std::vector<std::string> expected = texts();
  const std::locale before = std::locale::global(std::locale(std::locale(), new Commas));
  const std::vector<std::string> found = texts();
  std::locale::global(before);
  EXPECT_THAT(found, ::testing::ElementsAreArray(expected));
}

}  // namespace
}  // namespace course
