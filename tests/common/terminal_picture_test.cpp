// Pictures, compared with glyphs and escape sequences worked out by hand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <limits>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "terminal/picture.h"

namespace course {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const Terminal kPlain{.width = 80};
const Terminal kAnsi{.width = 80, .color = Color::ansi256};
const Terminal kTruecolor{.width = 80, .color = Color::truecolor};

torch::Tensor bytes(std::vector<std::vector<int>> rows) {
  const auto height = static_cast<int64_t>(rows.size());
  const auto width = static_cast<int64_t>(rows[0].size());
  torch::Tensor image = torch::zeros({height, width}, torch::kUInt8);
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) image[y][x] = rows[y][x];
  }
  return image;
}

/// The one character drawn for these two pixels, one above the other.
std::string glyph(double upper, double lower) {
  return picture(torch::tensor({{upper}, {lower}}), kPlain).at(0);
}

TEST(PlainPicture, DrawsEachGlyphForItsOwnIntensities) {
  EXPECT_EQ(glyph(0, 0), "") << "a space at the end of a line";
  EXPECT_EQ(glyph(0.25, 0.25), "░");
  EXPECT_EQ(glyph(0.5, 0.5), "▒");
  EXPECT_EQ(glyph(0.75, 0.75), "▓");
  EXPECT_EQ(glyph(1, 1), "█");
  EXPECT_EQ(glyph(1, 0), "▀");
  EXPECT_EQ(glyph(0, 1), "▄");
}

TEST(PlainPicture, TakesTheLeastSquares) {
  EXPECT_EQ(glyph(0.9, 0.2), "▀");  // 0.05; ▓ 0.325, ▒ 0.25
  EXPECT_EQ(glyph(1, 0.6), "▓");    // 0.085; █ 0.16, ▀ 0.36
  EXPECT_EQ(glyph(0.7, 0.1), "▀");  // 0.10; ▒ 0.20, ░ 0.225
  EXPECT_EQ(glyph(0.6, 0.2), "▒");  // 0.10; ░ 0.125, ▀ 0.20
  EXPECT_EQ(glyph(0.1, 0.13), "");  // 0.0269; ░ 0.0369
  EXPECT_EQ(glyph(0.2, 0.1), "░");  // 0.025; a space 0.05
}

TEST(PlainPicture, PutsTwoRowsInALine) {
  EXPECT_THAT(picture(bytes({{0, 255, 255}, {255, 255, 0}, {0, 0, 255}, {0, 0, 255}}), kPlain),
              ElementsAre("▄█▀", "  █"));
}

TEST(PlainPicture, LeavesTheMissingHalfOfAnOddRowBlank) {
  EXPECT_THAT(picture(bytes({{0}, {0}, {255}}), kPlain), ElementsAre("", "▀"));
}

TEST(PlainPicture, ReadsBytesAndFloatsOfEveryKind) {
  const torch::Tensor image = bytes({{0, 255}, {255, 0}});
  for (const auto dtype : {torch::kFloat32, torch::kFloat64, torch::kFloat16, torch::kBFloat16}) {
    EXPECT_THAT(picture(image.to(dtype) / 255, kPlain), ElementsAre("▄▀")) << dtype;
  }
  EXPECT_THAT(picture((image.to(torch::kFloat32) / 255).requires_grad_(), kPlain),
              ElementsAre("▄▀"));
  EXPECT_THAT(picture(bytes({{0, 0, 255, 255}}).view({2, 2}).t(), kPlain), ElementsAre(" █"))
      << "not contiguous";
}

TEST(PlainPicture, ClampsWhatIsOutside0To1) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(glyph(7, 1e9), "█");
  EXPECT_EQ(glyph(-3, 7), "▄");
  EXPECT_EQ(glyph(nan, 1), "▄") << "not a number is drawn as nothing";
}

TEST(PlainPicture, ShrinksByAveragingToTheTerminal) {
  const torch::Tensor image =
      bytes({{0, 0, 255, 255}, {0, 0, 255, 255}, {255, 255, 0, 255}, {255, 255, 255, 0}});
  EXPECT_THAT(picture(image, {.width = 4}), ElementsAre("  ██", "██▄▀"));
  // Averages of the four quarters: 0, 1, 1, 1/2.
  EXPECT_THAT(picture(image, {.width = 2}), ElementsAre("▄▓"));
  EXPECT_THAT(picture(image, {.width = 1}), ElementsAre("▀")) << "0.625 above the missing half";
}

TEST(Picture, RefusesWhatIsNoGreyImage) {
  const auto message = [](const torch::Tensor& image) -> std::string {
    try {
      picture(image, kPlain);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_THAT(message(torch::zeros({1, 28, 28})), HasSubstr("not from Float [1, 28, 28]"));
  EXPECT_THAT(message(torch::zeros({28})), HasSubstr("[28]"));
  EXPECT_THAT(message(torch::zeros({2, 2}, torch::kInt64)), HasSubstr("not from Long [2, 2]"));
  EXPECT_THAT(message(torch::zeros({0, 4})), HasSubstr("[0, 4]"));
  EXPECT_THAT(message(torch::Tensor()), HasSubstr("undefined"));
}

TEST(ColoredPicture, PaintsHalfBlocksIn24Bit) {
  EXPECT_THAT(picture(bytes({{0, 255}, {128, 7}}), kTruecolor),
              ElementsAre("\033[38;2;0;0;0;48;2;128;128;128m▀"
                          "\033[38;2;255;255;255;48;2;7;7;7m▀\033[0m"));
}

TEST(ColoredPicture, SaysAColorOnceForNeighboursThatShareIt) {
  EXPECT_THAT(picture(bytes({{9, 9, 9, 8}, {9, 9, 9, 9}}), kTruecolor),
              ElementsAre("\033[38;2;9;9;9;48;2;9;9;9m▀▀▀\033[38;2;8;8;8;48;2;9;9;9m▀\033[0m"));
}

TEST(ColoredPicture, LeavesThePaperOfAMissingRowAlone) {
  EXPECT_THAT(picture(bytes({{5}, {5}, {7}}), kTruecolor),
              ElementsAre("\033[38;2;5;5;5;48;2;5;5;5m▀\033[0m", "\033[38;2;7;7;7m▀\033[0m"));
}

TEST(ColoredPicture, TakesTheNearestOf256Colors) {
  const auto index_of = [](int level) {
    const std::string line = picture(bytes({{level}}), kAnsi).at(0);
    return line.substr(0, line.find('m') + 1);
  };
  EXPECT_EQ(index_of(0), "\033[38;5;16m");     // black
  EXPECT_EQ(index_of(3), "\033[38;5;16m");     // 3 from black, 5 from the ramp's first, 8
  EXPECT_EQ(index_of(5), "\033[38;5;232m");    // 3 from 8
  EXPECT_EQ(index_of(12), "\033[38;5;232m");   // 4 from 8, 6 from 18
  EXPECT_EQ(index_of(14), "\033[38;5;233m");   // 4 from 18
  EXPECT_EQ(index_of(128), "\033[38;5;244m");  // 8 + 10 * 12
  EXPECT_EQ(index_of(238), "\033[38;5;255m");  // the ramp's last
  EXPECT_EQ(index_of(246), "\033[38;5;255m");  // 8 from 238, 9 from white
  EXPECT_EQ(index_of(247), "\033[38;5;231m");  // 9 from 238, 8 from white
  EXPECT_EQ(index_of(255), "\033[38;5;231m");
}

const torch::Tensor& block() {
  static const torch::Tensor image = torch::ones({4, 4});
  return image;
}

TEST(ContactSheet, PutsAsManyInARowAsFit) {
  const std::vector<CaptionedPicture> three{{block(), "a"}, {block(), "b"}, {block(), "c"}};
  EXPECT_EQ(contact_sheet(three, {.width = 10}),  // 4 + 2 + 4
            "████  ████\n"
            "████  ████\n"
            "a     b\n"
            "\n"
            "████\n"
            "████\n"
            "c\n");
  EXPECT_EQ(contact_sheet(three, {.width = 16}),
            "████  ████  ████\n"
            "████  ████  ████\n"
            "a     b     c\n");
  EXPECT_EQ(contact_sheet(three, {.width = 9}).find("████  "), std::string::npos);
}

TEST(ContactSheet, CutsLongCaptionsAndBreaksThemAtNewlines) {
  EXPECT_EQ(
      contact_sheet({{block(), "T-shirt"}, {block(), "Bag\nnot Coat"}, {block(), ""}}, kPlain),
      "████  ████  ████\n"
      "████  ████  ████\n"
      "T-s…  Bag\n"
      "      not…\n");
}

TEST(ContactSheet, ShrinksPicturesToANarrowTerminal) {
  EXPECT_EQ(contact_sheet({{block(), "Coat"}, {block(), "Bag"}}, {.width = 2}),
            "██\n"
            "C…\n"
            "\n"
            "██\n"
            "B…\n");
}

TEST(ContactSheet, LinesUpPicturesOfDifferentSizes) {
  EXPECT_EQ(contact_sheet({{torch::ones({2, 2}), "x"}, {block(), "y"}, {torch::ones({2, 1}), "z"}},
                          kPlain),
            "██    ████  █\n"
            "      ████\n"
            "x     y     z\n");
}

TEST(ContactSheet, KeepsColumnsWhereBlanksAreNotPrinted) {
  const torch::Tensor corner = bytes({{255, 0, 0}, {255, 0, 0}});
  EXPECT_EQ(contact_sheet({{corner, ""}, {corner, ""}}, kPlain), "█    █\n");
}

TEST(ContactSheet, EndsNoLineInASpaceOrWithAColorOn) {
  torch::Tensor image = torch::zeros({6, 5});
  image[2][1] = 1.0;
  for (const Terminal& terminal : {kPlain, kAnsi, kTruecolor}) {
    std::istringstream sheet(
        contact_sheet({{image, "x "}, {image, " "}, {image, "wide caption"}}, terminal));
    for (std::string line; std::getline(sheet, line);) {
      EXPECT_TRUE(line.empty() || line.back() != ' ') << '"' << line << '"';
      const std::size_t last = line.rfind('\033');
      EXPECT_TRUE(last == std::string::npos || line.compare(last, 4, "\033[0m") == 0);
      EXPECT_EQ(line.find("\033[0m ▀"), std::string::npos);
    }
  }
}

TEST(ContactSheet, MeasuresColoredPicturesByTheirPixels) {
  const Terminal narrow{.width = 4, .color = Color::truecolor};
  const std::string cell = "\033[38;2;0;0;0;48;2;0;0;0m▀\033[0m";
  const torch::Tensor dot = torch::zeros({2, 1});
  EXPECT_EQ(contact_sheet({{dot, "a"}, {dot, "b"}, {dot, "c"}}, narrow),
            cell + "  " + cell + "\na  b\n\n" + cell + "\nc\n");
}

TEST(ContactSheet, OfNothingIsEmpty) {
  EXPECT_EQ(contact_sheet({}, kPlain), "");
}

}  // namespace
}  // namespace course
