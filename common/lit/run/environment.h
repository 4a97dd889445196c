// What of the process a run changes, and puts back: algorithms, tiny numbers, signals.
#pragma once

#include <ATen/Context.h>

#include <cstdlib>
#include <optional>
#include <string>
#include <variant>

#include "device/denormals.h"
#include "lit/trainer/options.h"

namespace lit {

/// The options deterministic, benchmark and flush_denormal, while it is alive.
class RunEnvironment {
 public:
  explicit RunEnvironment(const TrainerOptions& options)
      : algorithms_(at::globalContext().deterministicAlgorithms()),
        warn_only_(at::globalContext().deterministicAlgorithmsWarnOnly()),
        cudnn_(at::globalContext().deterministicCuDNN()),
        benchmark_(at::globalContext().benchmarkCuDNN()) {
    at::Context& context = at::globalContext();
    const bool warn = std::holds_alternative<std::string>(options.deterministic);
    if (warn || std::get<bool>(options.deterministic)) {
      context.setDeterministicAlgorithms(true, warn);
      context.setDeterministicCuDNN(true);
      context.setBenchmarkCuDNN(options.benchmark.value_or(false));
      setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", /*overwrite=*/0);
    } else if (options.benchmark) {
      context.setBenchmarkCuDNN(*options.benchmark);
    }
    if (options.flush_denormal) flush_.emplace();
  }
  ~RunEnvironment() {
    at::Context& context = at::globalContext();
    context.setDeterministicAlgorithms(algorithms_, warn_only_);
    context.setDeterministicCuDNN(cudnn_);
    context.setBenchmarkCuDNN(benchmark_);
  }
  RunEnvironment(const RunEnvironment&) = delete;
  RunEnvironment& operator=(const RunEnvironment&) = delete;

 private:
  bool algorithms_, warn_only_, cudnn_, benchmark_;
  std::optional<course::FlushDenormals> flush_;
};

}  // namespace lit
