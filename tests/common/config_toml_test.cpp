// Configs from anywhere: what no config has is refused before it costs anything.
#include "config/toml_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "config/choice.h"
#include "config/range.h"
#include "error.h"
#include "nearest.h"
#include "printable.h"
#include "temporary_folder.h"

namespace course {
namespace {

using ::testing::HasSubstr;

std::string refusal(const std::string& text) {
  try {
    parse_toml(text, "x.toml");
  } catch (const UsageError& error) {
    return error.what();
  }
  return "none";
}

std::string repeated(const std::string& text, int count) {
  std::string result;
  for (int i = 0; i < count; ++i) result += text;
  return result;
}

TEST(ConfigToml, ReadsWhatIsThere) {
  const testing::TemporaryFolder folder;
  const toml::table table = read_toml(folder.write(
      "x.toml", "a = 1\n[t]\nb.c = [0.5, \"x.y.z\"] # [[[\n[[many]]\nd = '''\n[.[.\n'''\n"));
  EXPECT_EQ(table["t"]["b"]["c"][0].value<double>(), 0.5);
  EXPECT_EQ(table["many"][0]["d"].value<std::string>(), "[.[.\n");
  EXPECT_EQ(refusal("a = [" + repeated("0.5, ", 1000) + "]"), "none") << "points of numbers";
  EXPECT_EQ(refusal("a = [" + repeated("\n[1.5, 2.5], # .[\n", 1000) + "]"), "none");
  EXPECT_EQ(refusal("a = \"" + repeated(".[{\\\"", 1000) + "\""), "none");
  EXPECT_EQ(refusal("a = \"\"\"" + repeated(".[{\"\n", 1000) + "\"\"\"\nb = '" +
                    repeated("[.", 100) + "'"),
            "none");
  EXPECT_EQ(refusal(repeated("[a]\n", 1) + repeated("# it's [\n", 100)), "none");
}

TEST(ConfigToml, DepthHasAnEnd) {
  const std::string deep = "is nested more than 32 deep";
  EXPECT_THAT(refusal("x = 1\na" + repeated(".a", 30'000) + " = 1"),
              HasSubstr("x.toml:2: " + deep));
  EXPECT_THAT(refusal("[a" + repeated(".a", 30'000) + "]"), HasSubstr(deep));
  EXPECT_THAT(refusal("[\"a\"" + repeated(" . 'a'", 30'000) + "]"), HasSubstr(deep));
  EXPECT_THAT(refusal("a = " + repeated("[", 30'000)), HasSubstr(deep));
  EXPECT_THAT(refusal("a = " + repeated("[\n{a=", 30'000)), HasSubstr(deep));
  EXPECT_EQ(refusal("a = " + repeated("[", 30) + repeated("]", 30)), "none");
  EXPECT_EQ(refusal("a" + repeated(".a", 30) + " = 1"), "none");
}

// toml++ 3.3 takes it for granted, and without NDEBUG ends the process.
TEST(ConfigToml, ATablesNameBeginsAsOne) {
  for (const char* header : {"[}", "a = 1\n\t[ \x01x]", "[[ *]]", "[.a]", "[[ }", "[=]", "[[["}) {
    EXPECT_THAT(refusal(header), HasSubstr("the name of a table begins with a letter")) << header;
  }
  EXPECT_THAT(refusal("[]"), ::testing::Not(HasSubstr("begins with a letter")));
  EXPECT_EQ(refusal("[\"}\"]\n[-a]\n[ 1 ]\n[[_]]\nb = [\n[1.5], [\n]]"), "none");
}

// In others toml++ 3.3 reaches what it calls unreachable.
TEST(ConfigToml, LettersBeyondAsciiStandInTextsAndComments) {
  const std::string message = "letters beyond ASCII stand in quotes and comments alone";
  for (const char* text : {"\xc3\xbc", "a = 1\xd0\x80", "a\xc2\xa0= 1", "a = \"\\\xc3\xbc\"",
                           "a = \"\"\"x\\ \n\n  \xc3\xbc\"\"\"", "a = {\xc3\xbc = 1}"}) {
    EXPECT_THAT(refusal(text), HasSubstr(message)) << text;
  }
  EXPECT_EQ(refusal("# ü\na = 'ü\\' # \xe2\x80\xa8\n\"ü\" = \"\"\"\nü \\\" ü \\\n   x ü\"\"\""),
            "none");
  EXPECT_EQ(refusal("\xef\xbb\xbf"
                    "a = 1"),
            "none");
}

TEST(ConfigToml, TextsThatDoNotEnd) {
  for (const char* text :
       {"a = \"", "a = \"\"\"", "a = \"\"\"x\"", "a = '''x''", "a = \"x\\", "a = \"\"\"x\\",
        "a = \"\"\"x\\ \n", "a = \"\"\"x\\\"\"\"", "a = \"x\\\n[[[["}) {
    EXPECT_THAT(refusal(text), ::testing::StartsWith("x.toml:")) << text;
  }
}

TEST(ConfigToml, ALongTextMayEndWithQuotes) {
  EXPECT_THAT(refusal("a = [ \"\"\"x\"\"\"\", {a" + repeated(".a", 30'000) + " = 1}]"),
              HasSubstr("is nested more than 32 deep"));
  EXPECT_THAT(refusal("a = [ '''x''''', {a" + repeated(".a", 30'000) + " = 1}]"),
              HasSubstr("is nested more than 32 deep"));
}

TEST(ConfigToml, SizesHaveAnEnd) {
  EXPECT_THAT(refusal("# " + std::string(2'000'000, 'x')), HasSubstr("larger than 1 MiB"));
  const testing::TemporaryFolder folder;
  try {
    read_toml(folder.write("x.toml", "a = '" + std::string(2'000'000, 'x') + "'"));
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), HasSubstr("x.toml is larger than 1 MiB"));
  }
  const std::string message = refusal("a = 1\n" + std::string(500'000, 'k') + " = 1");
  EXPECT_THAT(message, HasSubstr("is no key that a config has"));
  EXPECT_LT(message.size(), 300);
  EXPECT_THROW(read_toml((folder.path() / "none").string()), UsageError);
}

TEST(ConfigToml, NothingOfAFileReachesTheTerminalAsItIs) {
  EXPECT_THAT(
      refusal("a = 1\n[b]\n\"\\u001b[31m\" = 1"),
      ::testing::AllOf(HasSubstr("'\\x1b[31m' is no key"), ::testing::Not(HasSubstr("\x1b"))));
  EXPECT_EQ(refusal("a = \"\x1b\"").find('\x1b'), std::string::npos);
  EXPECT_THAT(refusal("a = \n"), HasSubstr("x.toml:1: "));
  EXPECT_THAT(refusal("a = \"\xe9\""), HasSubstr("x.toml:1: "));
  try {
    checked_number<int64_t>("x", "1\x1b" + std::string(1'000'000, '2'), {});
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), HasSubstr("not '1\\x1b222"));
    EXPECT_LT(std::string(error.what()).size(), 200);
  }
}

TEST(ConfigToml, TextIsUtf8) {
  EXPECT_EQ(checked_text("x", "Grüße"), "Grüße");
  try {
    checked_text("--run-dir", "caf\xe9");
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_STREQ(error.what(), "--run-dir takes text in UTF-8, not 'caf\\xe9'");
  }
}

TEST(ConfigToml, NobodyLooksForLongForWhatWasMeant) {
  const auto begin = std::chrono::steady_clock::now();
  const std::string word(10'000'000, 'x');
  EXPECT_EQ(nearest(word, std::vector<std::string>(50, "batch_size")), "");
  EXPECT_EQ(nearest("epoch", {"epochs"}), "epochs");
  EXPECT_EQ(nearest("batch", {"batch_size"}), "batch_size");
  EXPECT_EQ(nearest("epoochs", {"epochs"}), "epochs");
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  EXPECT_LT(seconds.count(), 1);
}

TEST(Printable, ShowsWhatATerminalWouldActOn) {
  EXPECT_EQ(printable("Grüße, 'x' 漢字"), "Grüße, 'x' 漢字");
  EXPECT_EQ(printable("a\nb\tc\x1b[0m\x7f"), "a\\nb\\x09c\\x1b[0m\\x7f");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "\\x9b31m")
      << "C1: an escape of one character";
  EXPECT_EQ(printable("\xe2\x80\xae\xe2\x80\xa8"), "\\u202e\\u2028");
  EXPECT_EQ(printable("caf\xe9 \xff\xed\xa0\x80\xf8\xc0\x80"),
            "caf\\xe9 \\xff\\xed\\xa0\\x80\\xf8\\xc0\\x80");
  EXPECT_EQ(printable("\xe6\xbc"), "\\xe6\\xbc") << "cut in a character";
  EXPECT_EQ(printable("äöü", 2), "äö…");
  EXPECT_EQ(printable("äöü", 3), "äöü");
  EXPECT_EQ(printable(std::string("a\0b", 3)), "a\\x00b");
}

}  // namespace
}  // namespace course
