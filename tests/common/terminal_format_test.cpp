// Numbers, durations, rates, and the width of text on a screen.
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>

#include "terminal/format.h"

namespace course {
namespace {

TEST(Format, GroupsDigits) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1000), "1,000");
  EXPECT_EQ(grouped(1234567), "1,234,567");
  EXPECT_EQ(grouped(-123), "-123");
  EXPECT_EQ(grouped(-1234), "-1,234");
  EXPECT_EQ(grouped(std::numeric_limits<int64_t>::min()), "-9,223,372,036,854,775,808");
}

TEST(Format, WritesDecimalsAndPercentages) {
  EXPECT_EQ(decimal(0.52345, 3), "0.523");
  EXPECT_EQ(decimal(2.0, 0), "2");
  EXPECT_EQ(percent(0.8123), "81.2 %");
  EXPECT_EQ(percent(1, 0), "100 %");
  EXPECT_EQ(decimal(-std::numeric_limits<double>::max(), 1).size(), 312U)
      << "309 digits, '-', '.0'";
}

TEST(Format, ChoosesTheUnitOfADuration) {
  EXPECT_EQ(format_duration(0.00034), "0.34 ms");
  EXPECT_EQ(format_duration(0.0042), "4.2 ms");
  EXPECT_EQ(format_duration(0.84), "840 ms");
  EXPECT_EQ(format_duration(12.34), "12.3 s");
  EXPECT_EQ(format_duration(62), "1 min 02 s");
  EXPECT_EQ(format_duration(3599), "59 min 59 s");
  EXPECT_EQ(format_duration(7500), "2 h 05 min");
  EXPECT_EQ(format_duration(0), "0.00 ms");
}

TEST(Format, NeverRoundsADurationUpToTheNextUnit) {
  EXPECT_EQ(format_duration(0.000996), "1.0 ms") << "not 1.00 ms";
  EXPECT_EQ(format_duration(0.00996), "10 ms") << "not 10.0 ms";
  EXPECT_EQ(format_duration(0.9996), "1.0 s") << "not 1000 ms";
  EXPECT_EQ(format_duration(59.96), "1 min 00 s") << "not 60.0 s";
  EXPECT_EQ(format_duration(119.6), "2 min 00 s") << "not 1 min 60 s";
  EXPECT_EQ(format_duration(3599.6), "1 h 00 min") << "not 60 min 00 s";
  EXPECT_EQ(format_duration(7199), "2 h 00 min") << "not 1 h 60 min";
}

TEST(Format, WritesRates) {
  EXPECT_EQ(format_rate(41200, 10, "images"), "4,120 images/s");
  EXPECT_EQ(format_rate(7, 2, "steps"), "3.5 steps/s");
  EXPECT_EQ(format_rate(997, 100, "steps"), "10 steps/s") << "not 10.0";
  EXPECT_EQ(format_rate(7, 0, "steps"), "");
}

TEST(Format, WritesSizesInPowersOf1024) {
  EXPECT_EQ(format_bytes(512), "512 B");
  EXPECT_EQ(format_bytes(1023), "1023 B");
  EXPECT_EQ(format_bytes(1024), "1.0 KiB");
  EXPECT_EQ(format_bytes(1536), "1.5 KiB");
  EXPECT_EQ(format_bytes(1024 * 1024 - 1), "1.0 MiB") << "not 1024.0 KiB";
  EXPECT_EQ(format_bytes(int64_t{3} << 30), "3.0 GiB");
  EXPECT_EQ(format_bytes(-2048), "-2.0 KiB");
}

TEST(DisplayWidth, CountsColumnsNotBytes) {
  EXPECT_EQ(display_width("Pullover"), 8);
  EXPECT_EQ(display_width("Größe"), 5);
  EXPECT_EQ(display_width("░▒▓█▀▄…─━"), 9);
  EXPECT_EQ(display_width("衬衫"), 4);
  EXPECT_EQ(display_width("✅"), 2);
  EXPECT_EQ(display_width("👕"), 2);
  EXPECT_EQ(display_width("e\u0301"), 1) << "an e and a combining accent";
}

TEST(DisplayWidth, CountsEachByteThatIsNoUtf8) {
  EXPECT_EQ(display_width("\xff\xfe"), 2);
  EXPECT_EQ(display_width("a\xe2\x96"), 3) << "a character cut short";
  EXPECT_EQ(display_width("\xc3("), 2) << "a lead byte without its second";
}

TEST(CutToWidth, LeavesWhatFits) {
  EXPECT_EQ(cut_to_width("Shirt", 5), "Shirt");
  EXPECT_EQ(cut_to_width("衬衫", 4), "衬衫");
  EXPECT_EQ(cut_to_width("", 0), "");
}

TEST(CutToWidth, EndsInAnEllipsisWithinTheWidth) {
  EXPECT_EQ(cut_to_width("T-shirt/top", 7), "T-shir…");
  EXPECT_EQ(cut_to_width("Größe", 4), "Grö…");
  EXPECT_EQ(cut_to_width("Shirt", 1), "…");
  EXPECT_EQ(cut_to_width("Shirt", 0), "");
  EXPECT_EQ(cut_to_width("衬衫衫", 4), "衬…") << "two wide ones and the ellipsis would be 5";
}

}  // namespace
}  // namespace course
