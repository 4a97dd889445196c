// Curves as text and as SVG, compared with ticks, dots and places worked out by hand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "plot/braille.h"
#include "plot/curves.h"
#include "plot/layout.h"
#include "plot/scale.h"
#include "terminal/format.h"

namespace course {
namespace {

using ::testing::DoubleEq;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;
using Kind = Scale::Kind;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();
// Inside the frame, with numbers of one digit, 8 columns: 16 dots.
const Terminal kTiny{.width = 12};

std::vector<std::string> labels(const Scale& scale, int64_t count) {
  std::vector<std::string> texts;
  for (const Tick& tick : scale.ticks(count)) texts.push_back(tick.label);
  return texts;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

Plot one_curve(std::vector<double> x, std::vector<double> y) {
  return {.curves = {{"c", std::move(x), std::move(y)}}};
}

/// A training loss that falls and a validation loss that turns.
Plot losses() {
  Plot plot{.title = "Learning curves", .x_label = "epoch", .y_label = "loss"};
  Curve train{"train", {}, {}}, validation{"validation", {}, {}};
  for (int epoch = 1; epoch <= 30; ++epoch) {
    train.x.push_back(epoch);
    train.y.push_back(0.1 + std::exp(-epoch / 7.0));
    validation.x.push_back(epoch);
    validation.y.push_back(0.3 + 0.8 * std::exp(-epoch / 4.0) + 0.0003 * epoch * epoch);
  }
  plot.curves = {train, validation};
  plot.marks = {{13, "best"}};
  return plot;
}

TEST(PlotScale, PutsTicksAtMultiplesOf1And2And5) {
  EXPECT_THAT(labels({0, 1, Kind::linear}, 6),
              ElementsAre("0.0", "0.2", "0.4", "0.6", "0.8", "1.0"));
  EXPECT_THAT(labels({0, 1, Kind::linear}, 5), ElementsAre("0.0", "0.5", "1.0"));
  EXPECT_THAT(labels({0, 1, Kind::linear}, 2), ElementsAre("0", "1"));
  EXPECT_THAT(labels({-30, 50, Kind::linear}, 5), ElementsAre("-20", "0", "20", "40"));
  EXPECT_THAT(labels({1.07, 1.22, Kind::linear}, 4), ElementsAre("1.10", "1.15", "1.20"));
  EXPECT_THAT(labels({0, 1, Kind::linear}, 0), IsEmpty());
}

TEST(PlotScale, KeepsTicksThatRoundingPutsOutside) {
  // 0.3 / 0.1 is 2.9999999999999996 and 0.6 / 0.2 is 2.9999999999999996.
  EXPECT_THAT(labels({0.1, 0.3, Kind::linear}, 3), ElementsAre("0.1", "0.2", "0.3"));
  EXPECT_THAT(labels({0.2, 0.6, Kind::linear}, 3), ElementsAre("0.2", "0.4", "0.6"));
  EXPECT_EQ(Scale(0, 0.5, Kind::linear).ticks(6).at(3).value, 0.3) << "and not 3 * 0.1";
}

TEST(PlotScale, WritesWholeNumbersWhereAllAre) {
  EXPECT_THAT(labels({1, 3, Kind::linear}, 8), ElementsAre("1.0", "1.5", "2.0", "2.5", "3.0"));
  EXPECT_THAT(labels({1, 3, Kind::whole}, 8), ElementsAre("1", "2", "3"));
  EXPECT_THAT(labels({1, 20, Kind::whole}, 5), ElementsAre("5", "10", "15", "20"));
  EXPECT_THAT(labels({7, 7, Kind::whole}, 5), ElementsAre("7"));
}

TEST(PlotScale, WritesLargeAndSmallNumbersShort) {
  EXPECT_THAT(labels({0, 20000, Kind::linear}, 3), ElementsAre("0", "10,000", "20,000"));
  EXPECT_THAT(labels({0, 2e6, Kind::linear}, 5), ElementsAre("0", "5e5", "1e6", "1.5e6", "2e6"));
  EXPECT_THAT(labels({-2e-5, 1e-5, Kind::linear}, 4), ElementsAre("-2e-5", "-1e-5", "0", "1e-5"));
  EXPECT_THAT(labels({0, 4e-4, Kind::linear}, 3), ElementsAre("0.0000", "0.0002", "0.0004"));
}

TEST(PlotScale, PutsLogTicksAt1And2And5OfEachDecade) {
  EXPECT_THAT(labels({0.02, 2.3, Kind::log}, 7),
              ElementsAre("0.02", "0.05", "0.1", "0.2", "0.5", "1", "2"));
  EXPECT_THAT(labels({0.02, 2.3, Kind::log}, 6), ElementsAre("0.1", "1"));
  EXPECT_THAT(labels({1e-8, 1, Kind::log}, 5), ElementsAre("1e-8", "1e-6", "0.0001", "0.01", "1"));
  EXPECT_THAT(labels({0.15, 6, Kind::log}, 2), ElementsAre("0.2", "5"));
  EXPECT_THAT(labels({0.3, 0.9, Kind::log}, 7),
              ElementsAre("0.3", "0.4", "0.5", "0.6", "0.7", "0.8", "0.9"))
      << "1, 2 and 5 alone would be one tick";
}

TEST(PlotScale, NeverExceedsTheCountNorTheStretch) {
  for (const Kind kind : {Kind::linear, Kind::whole, Kind::log}) {
    for (const auto& [least, most] : std::vector<std::pair<double, double>>{
             {1, 2}, {1, 1e9}, {3e-300, 7e299}, {0.11, 0.1100001}, {5, 5}, {1e300, 1e300}}) {
      const Scale scale(least, most, kind);
      for (int64_t count = 1; count < 30; ++count) {
        const std::vector<Tick> ticks = scale.ticks(count);
        ASSERT_LE(static_cast<int64_t>(ticks.size()), count) << least << " " << most;
        for (std::size_t i = 0; i < ticks.size(); ++i) {
          EXPECT_GT(scale.fraction(ticks[i].value), -1e-6) << least << " " << most;
          EXPECT_LT(scale.fraction(ticks[i].value), 1 + 1e-6) << least << " " << most;
          EXPECT_TRUE(i == 0 || ticks[i - 1].value < ticks[i].value);
        }
      }
    }
  }
}

TEST(PlotScale, MeasuresFractions) {
  EXPECT_THAT(Scale(10, 30, Kind::linear).fraction(15), DoubleEq(0.25));
  EXPECT_THAT(Scale(1, 100, Kind::log).fraction(10), DoubleEq(0.5));
  EXPECT_THAT(Scale(1, 100, Kind::log).fraction(1000), DoubleEq(1.5));
}

TEST(PlotScale, MakesRoomAroundAConstant) {
  const auto ends = [](const Scale& scale) { return std::pair(scale.least(), scale.most()); };
  EXPECT_EQ(ends({4, 4, Kind::linear}), std::pair(2.0, 6.0));
  EXPECT_EQ(ends({-4, -4, Kind::linear}), std::pair(-6.0, -2.0));
  EXPECT_EQ(ends({0, 0, Kind::linear}), std::pair(-1.0, 1.0));
  EXPECT_EQ(ends({4, 4, Kind::whole}), std::pair(3.5, 4.5));
  EXPECT_EQ(ends({6, 6, Kind::log}), std::pair(2.0, 18.0));
  EXPECT_THAT(Scale(0.1 + 0.2, 0.3, Kind::linear).least(), DoubleEq(0.15))
      << "a difference by rounding only";
}

TEST(PlotLayout, LeavesOutWhatIsNotFiniteAndBreaksTheLineThere) {
  const Layout layout = lay_out(
      one_curve({0, 1, 2, 3, 4, kInfinity, 6, 8}, {5, 7, kNan, 6, -kInfinity, 9, 5, 1e301}));
  ASSERT_THAT(layout.curves, SizeIs(1));
  const std::vector<Stroke>& strokes = layout.curves[0];
  ASSERT_THAT(strokes, SizeIs(3));
  EXPECT_THAT(strokes[0], SizeIs(2));
  EXPECT_THAT(strokes[1], SizeIs(1));
  EXPECT_THAT(strokes[2], SizeIs(1));
  EXPECT_EQ(layout.x.most(), 6);
  EXPECT_EQ(layout.y.least(), 5);
  EXPECT_EQ(layout.y.most(), 7);
  EXPECT_THAT(strokes[1][0].x, DoubleEq(0.5));
  EXPECT_THAT(strokes[1][0].y, DoubleEq(0.5));
}

TEST(PlotLayout, LeavesOutWhatIsNotPositiveOnALogAxis) {
  Plot plot = one_curve({1, 2, 3, 4}, {1, 0, -1, 10});
  EXPECT_THAT(lay_out(plot).curves[0], SizeIs(1));
  EXPECT_EQ(lay_out(plot).y.least(), -1);
  plot.log_y = true;
  EXPECT_THAT(lay_out(plot).curves[0], SizeIs(2));
  EXPECT_EQ(lay_out(plot).y.least(), 1);
}

TEST(PlotLayout, PutsWholeNumbersUnderWholeNumbersOnly) {
  EXPECT_THAT(labels(lay_out(one_curve({1, 2}, {0, 0})).x, 4), ElementsAre("1", "2"));
  EXPECT_THAT(labels(lay_out(one_curve({1, 1.5, 2}, {0, 0, 0})).x, 4),
              ElementsAre("1.0", "1.5", "2.0"));
}

TEST(PlotLayout, RefusesCurvesOfUnequalLength) {
  const Plot plot = one_curve({1, 2, 3}, {1, 2});
  const auto message = [](const auto& draw) -> std::string {
    try {
      draw();
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "accepted";
  };
  const std::string expected = "a curve needs as many x as y, but 'c' has 3 x and 2 y";
  EXPECT_EQ(message([&] { draw_curves(plot, kTiny); }), expected);
  EXPECT_EQ(message([&] { svg_curves(plot); }), expected);
  EXPECT_EQ(message([&] { draw_curves({}, kTiny, 0); }),
            "a plot needs a height of at least 1 row, not 0");
}

TEST(PlotLayout, SpreadsLabelsApartAsLittleAsPossible) {
  EXPECT_THAT(spread_apart({10, 10, 10}, 5, 0, 100), ElementsAre(5, 10, 15));
  EXPECT_THAT(spread_apart({12, 30, 10}, 4, 0, 100), ElementsAre(13, 30, 9)) << "in their order";
  EXPECT_THAT(spread_apart({0, 1, 6}, 4, 0, 100), ElementsAre(0, 4, 8));
  EXPECT_THAT(spread_apart({99, 99}, 4, 0, 100), ElementsAre(96, 100));
  EXPECT_THAT(spread_apart({7, 7, 7}, 20, 0, 10), ElementsAre(0, 5, 10)) << "no room for 20";
  EXPECT_THAT(spread_apart({-3}, 4, 0, 10), ElementsAre(0));
  EXPECT_THAT(spread_apart({}, 4, 0, 10), IsEmpty());
}

TEST(PlotLayout, StacksLabelsThatWouldTouch) {
  EXPECT_THAT(stacked_rows({{0, 4}, {3, 6}, {10, 12}, {5, 8}, {6, 8}}, 2),
              ElementsAre(0, 1, 0, 2, 0));
}

TEST(PlotCurves, DrawsALineAlongTheDiagonal) {
  EXPECT_EQ(draw_curves(one_curve({0, 1}, {0, 1}), kTiny, 4),
            "  ┌────────┐\n"
            "1 ┤      ⡠⠊│\n"
            "  │    ⡠⠊  │\n"
            "  │  ⡠⠊    │\n"
            "0 ┤⡠⠊      │\n"
            "  └┬──────┬┘\n"
            "   0      1\n"
            "   ⠒⠒⠒⠒⠒⠒ c\n");
  EXPECT_THAT(draw_curves(one_curve({1, 0, 0}, {0, 1, 1}), kTiny, 4), HasSubstr("1 ┤⠑⢄      │\n"
                                                                                "  │  ⠑⢄    │\n"
                                                                                "  │    ⠑⢄  │\n"
                                                                                "0 ┤      ⠑⢄│\n"))
      << "downward, and drawn from right to left";
}

TEST(PlotCurves, WritesTitleLabelsAndMarks) {
  // Columns 0, 4 and 7 of 8 for x = 0, 1, 2: dots 0, round(7.5) = 8 and 15 of 16.
  const Plot plot{.title = "Up",
                  .x_label = "step",
                  .y_label = "y",
                  .curves = {{"", {0, 2}, {0, 1}}},
                  .marks = {{1, "mid"}, {2, "end"}, {2.5, "not seen"}, {0, ""}}};
  EXPECT_EQ(draw_curves(plot, kTiny, 2),
            "      Up\n"
            "         end\n"
            "y     mid\n"
            "  ┌┬───┬──┬┐\n"
            "1 ┤┊   ⣀⠤⠒⠉│\n"
            "0 ┤⣀⠤⠒⠉┊  ┊│\n"
            "  └┼───┴──┼┘\n"
            "   0      2\n"
            "     step\n");
}

TEST(PlotCurves, TellsCurvesApartWithoutColor) {
  const Plot plot{.curves = {{"a", {0, 1}, {0, 0}}, {"b", {0, 1}, {1, 1}}}};
  // b: of 16 dots 4 drawn, 2 not, and so on; two dots are a character.
  EXPECT_EQ(draw_curves(plot, kTiny, 2),
            "  ┌────────┐\n"
            "1 ┤⠉⠉ ⠉⠉ ⠉⠉│\n"
            "0 ┤⣀⣀⣀⣀⣀⣀⣀⣀│\n"
            "  └┬──────┬┘\n"
            "   0      1\n"
            "   ⠒⠒⠒⠒⠒⠒ a\n"
            "   ⠒⠒ ⠒⠒  b\n");
  EXPECT_THAT(draw_curves(plot, {.width = 40}, 2), HasSubstr("\n   ⠒⠒⠒⠒⠒⠒ a   ⠒⠒ ⠒⠒  b\n"));
}

TEST(PlotCurves, GivesSixCurvesSixPatterns) {
  Plot plot;
  for (int i = 0; i < 6; ++i) plot.curves.push_back({std::string(1, 'a' + i), {0, 1}, {0, 0}});
  EXPECT_THAT(draw_curves(plot, {.width = 36}, 1),
              HasSubstr("   ⠒⠒⠒⠒⠒⠒ a   ⠒⠒ ⠒⠒  b   ⠂ ⠂ ⠂  c\n"
                        "   ⠒⠒⠒ ⠒  d   ⠒⠒⠒⠒⠒  e   ⠂  ⠂   f\n"));
}

TEST(PlotCurves, PaintsEachCurveInItsColorTheLaterOneOnTop) {
  const Plot plot{.curves = {{"a", {0, 1, 1}, {0, 0, 1}}, {"b", {0, 1}, {0, 0}}}};
  const std::string blue = "\033[38;2;0;114;178m", orange = "\033[38;2;230;159;0m";
  EXPECT_EQ(draw_curves(plot, {.width = 12, .color = Color::truecolor}, 2),
            "  ┌────────┐\n"
            "1 ┤       " +
                blue + "⢸\033[0m│\n" + "0 ┤" + orange + "⣀⣀⣀⣀⣀⣀⣀⣸\033[0m│\n" +
                "  └┬──────┬┘\n"
                "   0      1\n"
                "   " +
                blue + "⠒⠒⠒⠒⠒⠒\033[0m a\n" + "   " + orange + "⠒⠒⠒⠒⠒⠒\033[0m b\n");
  EXPECT_THAT(draw_curves(plot, {.width = 12, .color = Color::ansi256}, 2),
              HasSubstr("1 ┤       \033[38;5;25m⢸\033[0m│\n"));
}

TEST(PlotCurves, LeavesMarksUnpainted) {
  Plot plot = one_curve({0, 1}, {0, 0});
  plot.curves.push_back({"d", {0}, {1}});
  plot.marks = {{1, ""}};
  EXPECT_THAT(draw_curves(plot, {.width = 12, .color = Color::ansi256}, 2),
              HasSubstr("1 ┤\033[38;5;178m⠁      \033[0m┊│\n"));
}

TEST(PlotCurves, DrawsALonePoint) {
  // The axes span 0.5 to 1.5 and 2 to 6: dot round(7.5) = 8 of 16, and from below dot
  // round(5.5) = 6 of 12, the second in its row; 5 is at dot round(8.25) = 8, the lowest in its.
  EXPECT_EQ(draw_curves(one_curve({1}, {4}), kTiny, 3),
            "  ┌────────┐\n"
            "5 ┤        │\n"
            "  │    ⠂   │\n"
            "  │        │\n"
            "  └────┬───┘\n"
            "       1\n"
            "   ⠒⠒⠒⠒⠒⠒ c\n");
}

TEST(PlotCurves, BreaksTheLineAtNan) {
  EXPECT_THAT(draw_curves(one_curve({0, 3, 6, 9, 12, 15}, {0, 0, kNan, 1, 1, 1}), kTiny, 2),
              HasSubstr("1 ┤    ⠈⠉⠉⠉│\n"
                        "0 ┤⣀⣀      │\n"));
}

TEST(PlotCurves, SaysThatThereIsNothingToDraw) {
  EXPECT_EQ(draw_curves({}, {.width = 21}, 3),
            "┌───────────────────┐\n"
            "│                   │\n"
            "│  nothing to draw  │\n"
            "│                   │\n"
            "└───────────────────┘\n");
  Plot plot = one_curve({1, 2}, {kNan, -1});
  plot.log_y = true;
  plot.marks = {{1, "best"}};
  EXPECT_THAT(draw_curves(plot, {.width = 30}, 3), HasSubstr("nothing to draw"));
  EXPECT_THAT(draw_curves(plot, {.width = 30}, 3), HasSubstr("⠒⠒⠒⠒⠒⠒ c (no values)\n"));
  EXPECT_THAT(draw_curves(plot, {.width = 30}, 3), Not(HasSubstr("best")));
  EXPECT_THAT(svg_curves(plot), HasSubstr(">nothing to draw</text>"));
}

TEST(PlotCurves, DrawsAnExponentialAsALineOnALogAxis) {
  // 1, 10, 100 is y = x in decades.
  Plot plot = one_curve({0, 1, 2}, {1, 10, 100});
  plot.log_y = true;
  EXPECT_THAT(draw_curves(plot, {.width = 14}, 4), HasSubstr("100 ┤      ⡠⠊│\n"
                                                             "    │    ⡠⠊  │\n"
                                                             "    │  ⡠⠊    │\n"
                                                             "  1 ┤⡠⠊      │\n"));
}

/// Some of all that can be in a plot.
std::vector<Plot> many_plots() {
  std::vector<Plot> plots{losses(),
                          {},
                          one_curve({1}, {1}),
                          one_curve({0, 1e9}, {1, 1.000001}),
                          one_curve({-1e300, 1e300}, {-1e300, 1e300})};
  plots.push_back(losses());
  plots.back().log_y = true;
  plots.back().title = "A title that is longer than most terminals are wide, with ± and 画像 in it";
  plots.back().curves[0].name = "a name that is longer than a legend should be made to hold";
  plots.back().curves.push_back({"数字", {1, 40}, {kNan, 7}});
  plots.back().marks = {{1, "first"}, {2, "second & more"}, {3, "third"}, {30, "last <one>"}};
  plots.back().y_label = "a long label\nfor y";
  return plots;
}

TEST(PlotCurves, KeepsToTheWidthAndEndsNoLineInASpace) {
  const std::regex escapes("\033\\[[0-9;]*m");
  for (const Plot& plot : many_plots()) {
    for (const Color color : {Color::none, Color::ansi256, Color::truecolor}) {
      for (int64_t width = 1; width < 110; ++width) {
        const std::string text = draw_curves(plot, {.width = width, .color = color}, 5);
        ASSERT_EQ(text.back(), '\n');
        int64_t widest = 0;
        for (const std::string& line : lines_of(std::regex_replace(text, escapes, ""))) {
          ASSERT_FALSE(line.empty() || line.back() == ' ') << '"' << line << '"';
          widest = std::max(widest, display_width(line));
        }
        ASSERT_EQ(widest, std::clamp<int64_t>(width, 10, 100)) << text;
        const std::size_t last = text.rfind('\033');
        ASSERT_TRUE(last == std::string::npos || text.compare(last, 4, "\033[0m") == 0);
      }
    }
  }
}

TEST(PlotCurves, NeverWritesNumbersIntoEachOther) {
  for (int64_t width = 10; width < 110; ++width) {
    const std::vector<std::string> lines =
        lines_of(draw_curves(one_curve({0, 12000}, {0, 1}), {.width = width}, 3));
    const std::string& numbers = lines.at(lines.size() - 2);
    EXPECT_TRUE(std::regex_match(numbers, std::regex(" *[0-9]+(,000)?(  +[0-9]+(,[05]00)?)*")))
        << numbers;
  }
}

/// What is wrong with the XML, as far as this program writes it: tags that do not match, attributes
/// without quotes, stray & and <.
std::string xml_error(const std::string& xml) {
  static const std::regex tag(
      "<(/?)([a-z]+)((?: [a-z0-9A-Z-]+=\"(?:[^<>&\"]|&(?:amp|lt|gt|quot);)*\")*)(/?)>");
  static const std::regex text("(?:[^<>&]|&(?:amp|lt|gt|quot);)*");
  std::vector<std::string> open;
  auto position = xml.begin();
  for (std::smatch match; position != xml.end(); position = match[0].second) {
    const auto next = std::find(position, xml.end(), '<');
    if (!std::regex_match(position, next, text)) return "text: " + std::string(position, next);
    if (next == xml.end()) break;
    if (!std::regex_search(next, xml.end(), match, tag, std::regex_constants::match_continuous)) {
      return "tag: " + std::string(next, std::min(next + 80, xml.end()));
    }
    if (match[1].length() > 0) {
      if (open.empty() || open.back() != match[2]) return "closes " + match[2].str();
      open.pop_back();
    } else if (match[4].length() == 0) {
      if (open.empty() && next != xml.begin()) return "a second root";
      open.push_back(match[2]);
    }
  }
  return open.empty() ? "" : "not closed: " + open.back();
}

std::vector<double> numbers_in(const std::string& text, const std::string& pattern) {
  std::vector<double> numbers;
  const std::regex regex(pattern);
  for (std::sregex_iterator i(text.begin(), text.end(), regex), end; i != end; ++i) {
    numbers.push_back(std::stod((*i)[1]));
  }
  return numbers;
}

int64_t count_of(const std::string& text, const std::string& word) {
  int64_t count = 0;
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
    ++count;
  }
  return count;
}

TEST(PlotSvg, TheCheckOfThisTestFindsFaults) {
  EXPECT_EQ(xml_error("<a b=\"c\"><d/>e &amp; f</a>\n"), "");
  for (const char* xml : {"<a>", "<a></b>", "</a>", "<a b=c/>", "<a>x & y</a>", "<a b=\"<\"/>",
                          "<a>1 < 2</a>", "<a/><a></a>"}) {
    EXPECT_NE(xml_error(xml), "") << xml;
  }
}

TEST(PlotSvg, IsWellFormedAndInsideItsViewBox) {
  for (const Plot& plot : many_plots()) {
    const std::string svg = svg_curves(plot);
    EXPECT_EQ(xml_error(svg), "");
    for (const double x : numbers_in(svg, "\\b(?:x|x1|x2|cx)=\"([^\"]*)\"")) {
      EXPECT_TRUE(x >= 0 && x <= 760) << x;
    }
    for (const double y : numbers_in(svg, "\\b(?:y|y1|y2|cy)=\"([^\"]*)\"")) {
      EXPECT_TRUE(y >= 0 && y <= 420) << y;
    }
    for (const double x : numbers_in(svg, "[\" ]([0-9.-]+),[0-9.-]+")) {
      EXPECT_TRUE(x >= 0 && x <= 760) << x;
    }
    for (const double y : numbers_in(svg, "[\" ][0-9.-]+,([0-9.-]+)")) {
      EXPECT_TRUE(y >= 0 && y <= 420) << y;
    }
    EXPECT_FALSE(std::regex_search(svg, std::regex("=\"[^\"]*\\.[0-9]{3}")))
        << "more digits than two";
    EXPECT_FALSE(std::regex_search(svg, std::regex("=\"[^\"]*\\b(nan|inf)\\b")));
  }
}

TEST(PlotSvg, BeginsOnAWhiteGround) {
  EXPECT_THAT(lines_of(svg_curves({})).at(0),
              StartsWith("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"760\" height=\"420\" "
                         "viewBox=\"0 0 760 420\""));
  EXPECT_EQ(lines_of(svg_curves({})).at(1),
            "<rect width=\"760\" height=\"420\" fill=\"#FFFFFF\"/>");
}

TEST(PlotSvg, EscapesTexts) {
  const Plot plot{.title = "a < b & \"c\"",
                  .x_label = "x > 0",
                  .curves = {{"<b>", {0, 1}, {0, 1}}},
                  .marks = {{1, "A&B\tC"}}};
  const std::string svg = svg_curves(plot);
  EXPECT_THAT(svg, HasSubstr(">a &lt; b &amp; &quot;c&quot;</text>"));
  EXPECT_THAT(svg, HasSubstr(">x &gt; 0</text>"));
  EXPECT_THAT(svg, HasSubstr(">&lt;b&gt;</text>"));
  EXPECT_THAT(svg, HasSubstr(">A&amp;B C</text>"));
}

TEST(PlotSvg, CirclesUpTo60Points) {
  std::vector<double> x(60);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<double>(i);
  EXPECT_EQ(count_of(svg_curves(one_curve(x, x)), "<circle "), 60);
  std::vector<double> y = x;
  x.push_back(60);
  y.push_back(60);
  EXPECT_EQ(count_of(svg_curves(one_curve(x, y)), "<circle "), 0);
  for (int i = 0; i < 2; ++i) {
    x.push_back(61 + i);
    y.push_back(i == 0 ? kNan : 3);
  }
  EXPECT_EQ(count_of(svg_curves(one_curve(x, y)), "<circle "), 1) << "a lone point is drawn";
}

TEST(PlotSvg, PutsPointsWhereTheyBelong) {
  const std::string svg = svg_curves(one_curve({0, 1, 4}, {0, 1, 4}));
  const std::vector<double> x = numbers_in(svg, "cx=\"([^\"]*)\"");
  const std::vector<double> y = numbers_in(svg, "cy=\"([^\"]*)\"");
  ASSERT_THAT(x, SizeIs(3));
  EXPECT_NEAR(x[1] - x[0], (x[2] - x[0]) / 4, 0.02);
  EXPECT_NEAR(y[0] - y[1], (y[0] - y[2]) / 4, 0.02);
  EXPECT_GT(y[0], y[2]) << "upwards";
  EXPECT_GT(x[2] - x[0], 500);
  EXPECT_GT(y[0] - y[2], 300);
  // The tick "2" stands at 2.
  const std::vector<double> tick =
      numbers_in(svg, "<text x=\"([^\"]*)\"[^>]*\"middle\"[^>]*>2</text>");
  ASSERT_THAT(tick, SizeIs(1));
  EXPECT_NEAR(tick[0], (x[0] + x[2]) / 2, 0.02);
}

TEST(PlotSvg, WritesNamesBesideTheEndsWithoutOverlap) {
  Plot plot;
  for (int i = 0; i < 8; ++i) plot.curves.push_back({"run", {0, 1}, {i / 8.0, 5 + i / 100.0}});
  plot.curves.push_back({"low", {0, 0.5}, {0, 0}});
  const std::string svg = svg_curves(plot);
  std::vector<double> places = numbers_in(svg, "<text x=[^>]* y=\"([^\"]*)\"[^>]*>run</text>");
  ASSERT_THAT(places, SizeIs(8));
  for (std::size_t i = 1; i < places.size(); ++i) {
    EXPECT_GE(places[i - 1] - places[i], 15.98) << "a higher end has the higher name";
  }
  const std::vector<double> low = numbers_in(svg, "y=\"([^\"]*)\"[^>]*>low</text>");
  const std::vector<double> ends = numbers_in(svg, "cy=\"([^\"]*)\"");
  ASSERT_THAT(low, SizeIs(1));
  EXPECT_NEAR(low[0], ends.back() + 4, 0.02) << "undisturbed: its baseline is 4 below its end";
}

TEST(PlotSvg, DrawsMarksAsDashedLines) {
  Plot plot = one_curve({0, 2}, {0, 1});
  plot.marks = {{1, "best"}, {3, "unseen"}};
  const std::string svg = svg_curves(plot);
  EXPECT_EQ(count_of(svg, "stroke-dasharray=\"4 3\""), 1);
  EXPECT_THAT(svg, HasSubstr(">best</text>"));
  EXPECT_THAT(svg, Not(HasSubstr("unseen")));
}

TEST(PlotSvg, UsesTheColorsOfOkabeAndItoThenDashes) {
  Plot plot;
  for (int i = 0; i < 7; ++i) plot.curves.push_back({"", {0, 1}, {0.0, 1.0 * i}});
  const std::string svg = svg_curves(plot);
  for (const char* color : {"#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9"}) {
    EXPECT_EQ(count_of(svg, std::string("stroke=\"") + color + "\" stroke-width=\"2\""), 1);
  }
  EXPECT_EQ(count_of(svg, "stroke=\"#0072B2\" stroke-width=\"2\""), 2);
  EXPECT_EQ(count_of(svg, "stroke-dasharray=\"8 4 8 4\""), 1);
}

TEST(PlotSvg, StaysSmallAndKeepsThePeaks) {
  std::vector<double> x(200000), y(200000);
  for (std::size_t i = 0; i < x.size(); ++i) {
    x[i] = static_cast<double>(i);
    y[i] = std::sin(static_cast<double>(i) / 7.0);
  }
  y[123456] = 50;
  const std::string svg = svg_curves(one_curve(x, y));
  EXPECT_LT(svg.size(), 60000U);
  // The frame's upper edge and the inset: the peak is the top of the axis.
  const std::vector<double> heights = numbers_in(svg, "[\" ][0-9.]+,([0-9.]+)");
  EXPECT_EQ(*std::min_element(heights.begin(), heights.end()), 16 + 8);
}

}  // namespace
}  // namespace course
