// What a module, a data module or an optimizer can ask of the run that it is in: one small
// interface.
#pragma once

#include <torch/types.h>

#include <memory>
#include <string>

namespace lit {

class LightningOptimizer;
class LogValue;
class Logger;
class Metric;
class Trainer;
struct LogOptions;
struct OptimizerList;
struct Progress;

class ModuleRun {
 public:
  virtual ~ModuleRun() = default;

  virtual Trainer& trainer() = 0;
  virtual const Progress& progress() const = 0;
  virtual torch::Device device() const = 0;
  virtual Logger* logger() const = 0;  ///< the first; nullptr: there is none

  virtual void log(const std::string& name, const LogValue& value, const LogOptions& options) = 0;
  virtual void log(const std::string& name, const std::shared_ptr<Metric>& metric,
                   const LogOptions& options) = 0;

  virtual OptimizerList& optimizers() = 0;
  /// backward() with its hooks, for a module that optimizes by hand.
  virtual void manual_backward(const torch::Tensor& loss) = 0;

  /// Every submodule gets the mode back that it had before the evaluation.
  virtual void restore_modes() = 0;
};

}  // namespace lit
