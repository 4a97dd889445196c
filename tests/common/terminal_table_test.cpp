// Tables, compared with ones laid out by hand.
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include "terminal/table.h"

namespace course {
namespace {

const Terminal kWide{.width = 80};

TEST(Tables, AlignWordsLeftAndNumbersRight) {
  Table table({left("parameter"), right("count")});
  table.row({"fc1.weight", grouped(200704)}).row({"fc1.bias", "256"}).rule().row({"", "200,960"});
  EXPECT_EQ(table.text(kWide),
            "parameter     count\n"
            "──────────  ───────\n"
            "fc1.weight  200,704\n"
            "fc1.bias        256\n"
            "──────────  ───────\n"
            "            200,960\n");
}

TEST(Tables, MeasureColumnsNotBytes) {
  Table table({left("Größe"), left("衣"), right("n")});
  table.row({"ä", "衬衫", "1"}).row({"lang", "b", "20"});
  EXPECT_EQ(table.text(kWide),
            "Größe  衣     n\n"
            "─────  ────  ──\n"
            "ä      衬衫   1\n"
            "lang   b     20\n");
}

TEST(Tables, EndNoLineInASpace) {
  Table table({left("a"), left("a long heading")});
  table.row({"x", "y"}).row({"x", ""}).row({"", ""});
  EXPECT_EQ(table.text(kWide),
            "a  a long heading\n"
            "─  ──────────────\n"
            "x  y\n"
            "x\n"
            "\n");
}

TEST(Tables, AreHeadingsAndRuleWithoutRows) {
  EXPECT_EQ(Table({left("name"), right("n")}).text(kWide), "name  n\n────  ─\n");
}

TEST(Tables, CutTheWidestLeftColumnToFit) {
  Table table({left("name"), left("shape"), right("a long number")});
  table.row({"a very long name", "[10, 20]", "1"});
  // 16 + 8 + 13 columns and two gaps are 41; for 33 the names lose 8 of their 16.
  EXPECT_EQ(table.text({.width = 33}),
            "name      shape     a long number\n"
            "────────  ────────  ─────────────\n"
            "a very …  [10, 20]              1\n");
  // Both words at 6 of 16 and 8: from then on they are cut in turn. Numbers never are.
  EXPECT_EQ(table.text({.width = 29}),
            "name    shape   a long number\n"
            "──────  ──────  ─────────────\n"
            "a ver…  [10, …              1\n");
}

TEST(Tables, KeepFourColumnsOfWordsWhateverTheWidth) {
  Table table({left("name"), right("number")});
  table.row({"a very long name", "123,456"});
  EXPECT_EQ(table.text({.width = 1}),
            "name   number\n"
            "────  ───────\n"
            "a v…  123,456\n");
}

TEST(Tables, RefuseARowOfAnotherLength) {
  Table table({left("name"), right("n")});
  EXPECT_THROW(table.row({"x"}), std::invalid_argument);
  EXPECT_THROW(table.row({"x", "1", "2"}), std::invalid_argument);
  EXPECT_EQ(table.text(kWide), "name  n\n────  ─\n") << "a refused row leaves nothing behind";
}

}  // namespace
}  // namespace course
