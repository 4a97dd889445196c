// PyTorchProfiler: what libtorch did, operator by operator, as a table and as a trace.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "lit/profilers/profiler.h"

namespace lit {

struct PyTorchProfilerOptions {
  std::filesystem::path dirpath = {};  ///< for the files; by default the run's log_dir
  std::string filename = "";           ///< DIRPATH/STAGE-FILENAME.txt; by default told by info()
  int64_t row_limit = 20;              ///< operators in the table; -1: all
  std::string sort_by_key = "cpu_time_total";  ///< or self_cpu_time_total, count
  bool export_to_chrome = true;                ///< DIRPATH/STAGE-trace.json
  /// Batches that are passed over, measured and forgotten, measured and kept; of each stage. The
  /// first ones of a process are slower than all others.
  int64_t wait = 1, warmup = 1, active = 3;
};

/// Listens to libtorch's record functions, which every version has: operators, those of the
/// backward pass, and scopes of RECORD_USER_SCOPE; and adds the Trainer's actions and
/// "ProfilerStep#N". The trace is for chrome://tracing and ui.perfetto.dev. Times are the host's:
/// of a kernel on an accelerator it sees the launch. One at a time can listen in a process.
class PyTorchProfiler : public Profiler {
 public:
  using Options = PyTorchProfilerOptions;

  /// @throws Error for options out of range
  explicit PyTorchProfiler(Options options = {});
  ~PyTorchProfiler() override;

  void setup(const std::string& stage, const std::filesystem::path& log_dir) override;
  void start(const std::string& action) override;
  void stop(const std::string& action) override;
  void step() override;
  std::string summary() override;
  /// The table, and the trace's file.
  void describe() override;
  void teardown() override;

  /// Something with a begin and an end, in microseconds from the start of the recording.
  struct Event {
    std::string name;
    const char* category;  ///< cpu_op, user_annotation
    uint64_t thread;
    double begin, duration, self;
  };
  /// What was kept, in the order in which it ended.
  const std::vector<Event>& events() const;
  /// The trace as JSON.
  std::string trace() const;

 private:
  struct Recorder;
  void listen();
  void stop_listening();
  void next_phase();

  Options options_;
  std::unique_ptr<Recorder> recorder_;
  int64_t batches_ = 0;
};

}  // namespace lit
