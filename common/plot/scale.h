// An axis: where a value lies on it, and which numbers stand beside it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace course {

/// A value worth marking on an axis, and the number to write there.
struct Tick {
  double value;
  std::string label;
};

/// A stretch of an axis.
class Scale {
 public:
  enum class Kind {
    linear,
    whole,  ///< linear, for values that are whole numbers: no ticks between them
    log,
  };

  /// Whether an axis of this kind has a place for `value`: not for NaN and what is beyond +-1e300,
  /// and on a log axis not for what is below 1e-300.
  static bool has_place(double value, Kind kind);

  /// The stretch from `least` to `most`, or, should they be equal, one around them. Both must have
  /// a place.
  Scale(double least, double most, Kind kind);

  double least() const { return least_; }
  double most() const { return most_; }

  /// 0 for least(), 1 for most(), in proportion between and outside.
  double fraction(double value) const;

  /// At most `count` ticks within the stretch, in rising order. Linear: the multiples of 1, 2 or 5
  /// times a power of ten, all labels with the same digits after the point. Log: 1, 2 and 5 in
  /// every decade; of too many only powers of ten, or the outermost two if that leaves fewer; and
  /// of fewer than three those of a linear axis. Labels beyond a million or below 1/10,000 are
  /// written as "2e-5".
  std::vector<Tick> ticks(int64_t count) const;

 private:
  std::vector<Tick> linear_ticks(int64_t count) const;
  std::vector<Tick> log_ticks(int64_t count) const;

  double least_, most_;
  Kind kind_;
};

}  // namespace course
