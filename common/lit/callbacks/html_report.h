// HtmlReport: a run as one page.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "lit/callbacks/callback.h"
#include "lit/core/logging.h"

namespace lit {

struct HtmlReportOptions {
  std::filesystem::path path = {};            ///< by default report.html in the run's log_dir
  std::string title = "";                     ///< by default the module's class
  std::vector<std::string> class_names = {};  ///< for the confusion matrix and the samples
  int64_t max_samples = 24;                   ///< pictures; 0: none
};

/// Writes a run as one HTML page that needs nothing else, whenever an entry point of the Trainer
/// ends, also by an exception:
///   - results: what the last validation and the last test have logged;
///   - curves: every metric of an epoch, those that differ in train_, val_ and test_ side by side;
///   - the confusion matrix: of the first ConfusionMatrix that is a part of the module, as it is
///     when a test's epoch ends (or, until there is one, a validation's);
///   - samples: the first pictures of the first batch of the same, [B, C, H, W] or [B, H, W], with
///     their labels if the batch has a second tensor [B], and with what was predicted if the step
///     returns an output "preds": classes [B], or scores [B, C];
///   - config: the hyperparameters of module and data module; and the environment.
/// Not Lightning's. Its curves are in a checkpoint, so that a resumed run has all of them; a curve
/// of more than 2,000 epochs is thinned, peaks excepted, so that checkpoint and page stay small.
class HtmlReport : public Callback {
 public:
  using Options = HtmlReportOptions;
  /// @throws Error for an option out of range
  explicit HtmlReport(Options options = {});

  bool is_monitor() const override { return true; }
  course::Dict state_dict() const override;
  void load_state_dict(const course::Dict& state) override;

  void setup(Trainer& trainer, LightningModule& module, const std::string& stage) override;
  void on_train_epoch_end(Trainer& trainer, LightningModule& module) override;
  void on_validation_batch_end(Trainer& trainer, LightningModule& module, const StepOutput& outputs,
                               const Batch& batch, int64_t batch_idx,
                               int64_t dataloader_idx) override;
  void on_test_batch_end(Trainer& trainer, LightningModule& module, const StepOutput& outputs,
                         const Batch& batch, int64_t batch_idx, int64_t dataloader_idx) override;
  void on_validation_epoch_end(Trainer& trainer, LightningModule& module) override;
  void on_test_epoch_end(Trainer& trainer, LightningModule& module) override;
  void teardown(Trainer& trainer, LightningModule& module, const std::string& stage) override;
  void on_exception(Trainer& trainer, LightningModule& module,
                    const std::exception& error) override;

  /// The page as it would be written now.
  std::string page(Trainer& trainer, LightningModule& module) const;

 private:
  struct Sample {
    torch::Tensor image;  // uint8, on the CPU
    int64_t label, pred;  // -1: not known
  };
  void keep_samples(const Trainer& trainer, const StepOutput& outputs, const Batch& batch,
                    int64_t batch_idx, int64_t dataloader_idx);
  void keep_evaluation(Trainer& trainer, const LightningModule& module);
  void write(Trainer& trainer, LightningModule& module);
  std::string class_name_of(int64_t index) const;
  std::string curves() const;
  std::string confusion() const;
  std::string pictures() const;

  Options options_;
  std::map<std::string, std::vector<std::pair<int64_t, double>>> curves_;  // by name: epoch, value
  std::map<std::string, double> results_;
  torch::Tensor confusion_;
  std::vector<Sample> samples_;
  bool tested_ = false;
  double seconds_ = 0, started_ = 0;
  std::string outcome_;
};

}  // namespace lit
