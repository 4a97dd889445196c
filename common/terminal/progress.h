// A progress bar that costs a loop nothing: drawn by time on a terminal, silent in a pipe.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <utility>

#include "terminal/format.h"
#include "terminal/interrupt.h"
#include "terminal/terminal.h"

namespace course {

/// Where a bar is drawn and what time it is there; tests bring their own.
struct ProgressOutput {
  std::ostream* stream;
  Terminal terminal;
  double (*seconds)();  ///< a clock that never goes back
  /// Do signals (interrupt.h) wait for advance()? false: they are somebody else's business.
  bool takes_signals = true;

  /// std::cout, standard_output() and the steady clock.
  static ProgressOutput standard();
};

/// Shows how far a loop is:
///
///     ProgressBar progress("epoch 1", 60000, "images");
///     for (auto& batch : *loader) { ...; progress.advance(batch.data.size(0)); }
///     progress.finish("loss 0.5213");  // epoch 1  loss 0.5213  (12.3 s, 4,878 images/s)
///
/// On a terminal one line with bar, percentage, rate and time left is redrawn at most ten times a
/// second, first after 0.2 s. In a pipe nothing is written before finish(), but for a plain line
/// about every 10 s. While a bar is alive (that takes signals) Ctrl-C and the like wait for the
/// next advance(), which throws Interrupted: the loop ends between two batches, and not in the
/// middle of one.
class ProgressBar {
 public:
  /// @param total what advance() will sum up to; 0 if nobody knows (then there is no bar and no
  /// time left)
  /// @param unit  what is counted, in the plural: "images"
  ProgressBar(std::string label, int64_t total, std::string unit,
              ProgressOutput output = ProgressOutput::standard());
  /// Without finish(), as when an exception passes: wipes the line off the terminal.
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  /// Begins where so many are done already, which took no time of this bar's.
  void begin_at(int64_t done) { done_ = before_ = done; }
  /// Counts `n` more. Reads a clock; draws and allocates only when a redraw is due.
  /// @throws Interrupted after Ctrl-C
  void advance(int64_t n = 1) {
    done_ += n;
    if (guard_) throw_if_interrupted();
    if (output_.seconds() >= next_draw_) draw();
  }
  /// Will the next advance() draw? For text that is dear to make.
  bool is_due() const { return output_.seconds() >= next_draw_; }
  /// Text to show behind the bar from the next redraw on, such as "loss 0.52".
  void note(std::string text) { note_ = std::move(text); }
  /// Replaces the bar by the line `label  text  (time, rate)`. More calls do nothing.
  void finish(const std::string& text = "");
  /// Ends the bar and returns that line instead of writing it, for a log. After finish(): "".
  std::string close(const std::string& text = "");

 private:
  void draw();
  std::string line(double now) const;

  std::optional<InterruptGuard> guard_;
  std::string label_, unit_, note_;
  int64_t total_ = 0, done_ = 0, before_ = 0;
  ProgressOutput output_;
  double start_ = 0, next_draw_ = 0;
  bool drawn_ = false, finished_ = false;
};

}  // namespace course
