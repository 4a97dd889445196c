// ModelSummary: the parts of a module, and how many parameters each has.
#pragma once

#include <string>

#include "lit/callbacks/callback.h"

namespace lit {

/// The table by itself; a part with two names has one row, and a parameter of two parts counts once
/// in the totals. @param max_depth  levels of submodules; 0: totals only; -1: all levels
/// @throws Error for less than -1
std::string summarize(const torch::nn::Module& module, int64_t max_depth = 1);

struct ModelSummaryOptions {
  int64_t max_depth = 1;
};

/// Prints it when fit starts.
class ModelSummary : public Callback {
 public:
  using Options = ModelSummaryOptions;
  explicit ModelSummary(Options options = {});

  void on_fit_start(Trainer& trainer, LightningModule& module) override;

 private:
  Options options_;
};

}  // namespace lit
