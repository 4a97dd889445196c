// Where a fit goes on, and what it gets back there.
#pragma once

#include <torch/types.h>

#include <filesystem>
#include <optional>

#include "lit/run/progress.h"
#include "serialize/value.h"

namespace lit {

class LightningModule;

struct ResumePoint {
  Place from = Place::epoch_start;
  bool by_counters_alone = false;    ///< Lightning's, which do not tell all of the place
  std::optional<course::Dict> kept;  ///< what Lightning does not keep
  std::filesystem::path path;        ///< of the checkpoint, for errors; empty: there is no file

  /// The loader's own place in the epoch; nullptr: it was not kept.
  const course::Dict* loader() const;
  /// Of a window of accumulated gradients, those that were there.
  void restore_gradients(LightningModule& module) const;
  /// The generators go on as if the run had not been left.
  void restore_random_streams(torch::Device device) const;
};

}  // namespace lit
