// SimpleProfiler: how often, and how long, for each action.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "lit/profilers/profiler.h"

namespace lit {

struct SimpleProfilerOptions {
  std::filesystem::path dirpath = {};  ///< for the file; by default the run's log_dir
  std::string filename = "";           ///< DIRPATH/STAGE-FILENAME.txt; by default told by info()
  bool extended = true;                ///< with calls and shares, the largest share first
};

/// Measures by the clock of the machine: what an accelerator does later is not in it. Actions nest,
/// so that shares add up to more than 100 %.
class SimpleProfiler : public Profiler {
 public:
  using Options = SimpleProfilerOptions;

  explicit SimpleProfiler(Options options = {});

  /// @throws Error if the action runs already, or does not run
  void start(const std::string& action) override;
  void stop(const std::string& action) override;
  std::string summary() override;

  struct Recorded {
    int64_t calls = 0;
    double seconds = 0;
  };
  const std::map<std::string, Recorded>& recorded() const { return recorded_; }

 private:
  Options options_;
  double start_;
  std::map<std::string, double> running_;
  std::map<std::string, Recorded> recorded_;
};

}  // namespace lit
