// Scatter plots: every point in its place, each cell to those who are most there.
#include "plot/scatter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace course {
namespace {

using ::testing::HasSubstr;

const Terminal kPlain{.interactive = false, .width = 22, .color = Color::none};

// The rows inside the frame, from the top.
std::vector<std::string> rows_of(const std::string& text) {
  std::istringstream lines(text);
  std::vector<std::string> rows;
  const std::string bar = "│";
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind(bar, 0) != 0) continue;
    rows.push_back(line.substr(bar.size(), line.size() - 2 * bar.size()));
  }
  return rows;
}

int64_t count(const std::string& text, const std::string& word) {
  int64_t found = 0;
  for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++found;
  return found;
}

TEST(PlotScatter, CornersAreCorners) {
  const Scatter scatter{.title = "corners",
                        .x_label = "a",
                        .y_label = "b",
                        .x = {-1, 3, -1, 3},
                        .y = {10, 10, 20, 20},
                        .groups = {0, 1, 2, 3},
                        .names = {"low left", "low right", "up left", "up right"}};
  const std::string text = draw_scatter(scatter, kPlain, 4);
  const std::vector<std::string> rows = rows_of(text);
  ASSERT_EQ(rows.size(), 4U);
  EXPECT_EQ(rows[0], "2" + std::string(18, ' ') + "3");
  EXPECT_EQ(rows[1], std::string(20, ' '));
  EXPECT_EQ(rows[3], "0" + std::string(18, ' ') + "1");
  EXPECT_THAT(text, HasSubstr("corners\n┌"));
  EXPECT_THAT(text, HasSubstr("across a: -1 to 3; up b: 10 to 20\n"));
  EXPECT_THAT(text, HasSubstr("0 low left\n1 low right\n"));  // 22 columns hold one of them
}

TEST(PlotScatter, ACellIsTheMajoritys) {
  const Scatter scatter{.x = {0, 0, 0, 1, 1},
                        .y = {0, 0, 0, 1, 1},
                        .groups = {1, 0, 1, 0, 0},
                        .names = {"few", "many"}};
  const std::vector<std::string> rows = rows_of(draw_scatter(scatter, kPlain, 2));
  EXPECT_EQ(rows[1][0], '1');
  EXPECT_EQ(rows[0].back(), '0');
}

TEST(PlotScatter, WhatIsNoNumberIsLeftOut) {
  const Scatter scatter{
      .x = {0, NAN, 1, 0.5}, .y = {0, 0.5, 1, INFINITY}, .groups = {0, 0, 0, 0}, .names = {"all"}};
  int64_t points = 0;
  for (const std::string& row : rows_of(draw_scatter(scatter, kPlain, 3)))
    points += count(row, "0");
  EXPECT_EQ(points, 2);
  EXPECT_EQ(count(svg_scatter({scatter}), "r=\"1.6\""), 2);
  const Scatter none{.names = {"nobody"}};
  EXPECT_THAT(draw_scatter(none, kPlain, 3), HasSubstr(": nothing; up"));
}

TEST(PlotScatter, ColorsOnlyWhereThereAreColors) {
  const Scatter scatter{.x = {0}, .y = {0}, .groups = {0}, .names = {"one"}};
  EXPECT_EQ(draw_scatter(scatter, kPlain, 1).find('\033'), std::string::npos);
  const Terminal colored{.interactive = true, .width = 22, .color = Color::ansi256};
  EXPECT_THAT(draw_scatter(scatter, colored, 1), HasSubstr("\033[38;5;25m0\033[0m"));
}

TEST(PlotScatter, SvgHasPanelsDotsAndALegend) {
  const Scatter scatter{.title = "a < b",
                        .x_label = "x",
                        .y_label = "y",
                        .x = {0, 1, 2},
                        .y = {0, 1, 0},
                        .groups = {0, 1, 1},
                        .names = {"first", "second & last"}};
  const std::string svg = svg_scatter({scatter, scatter});
  EXPECT_EQ(count(svg, "r=\"1.6\""), 6);
  EXPECT_EQ(count(svg, "r=\"5\""), 2);
  EXPECT_EQ(count(svg, "<rect"), 3);
  EXPECT_THAT(svg, HasSubstr("a &lt; b"));
  EXPECT_THAT(svg, HasSubstr("second &amp; last"));
  EXPECT_THAT(svg, HasSubstr("x: 0 to 2"));

  Scatter many = scatter;
  many.x.assign(100000, 0.5);
  many.y.assign(100000, 0.5);
  many.groups.assign(100000, 0);
  EXPECT_LE(count(svg_scatter({many}), "r=\"1.6\""), 4000);
}

TEST(PlotScatter, WhatDoesNotFitTogetherIsRefused) {
  const Scatter shorter{.x = {0, 1}, .y = {0, 1}, .groups = {0}, .names = {"a"}};
  EXPECT_THROW(draw_scatter(shorter, kPlain), std::invalid_argument);
  const Scatter unnamed{.x = {0}, .y = {0}, .groups = {1}, .names = {"a"}};
  EXPECT_THROW(svg_scatter({unnamed}), std::invalid_argument);
  EXPECT_THROW(svg_scatter({}), std::invalid_argument);
  const Scatter one{.x = {0}, .y = {0}, .groups = {0}, .names = {"a"}};
  EXPECT_THROW(draw_scatter(one, kPlain, 0), std::invalid_argument);
  EXPECT_THROW(draw_scatter({.names = std::vector<std::string>(37, "a")}, kPlain),
               std::invalid_argument);
}

}  // namespace
}  // namespace course
