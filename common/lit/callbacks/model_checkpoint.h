// ModelCheckpoint: keeps the best states of a run, or the last ones, as files.
#pragma once

#include <cmath>
#include <filesystem>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lit/callbacks/callback.h"
#include "lit/core/choices.h"
#include "lit/core/logging.h"
#include "lit/trainer/options.h"

namespace lit {

/// Whether "last.ckpt" is written, whenever there is an opportunity to save and whatever the
/// metric: as a file, or as a link where a file of this very step was kept.
enum class SaveLast { no, yes, link };

/// How files are called.
struct CheckpointNames {
  std::string join_char = "-";
  std::string equals_char = "=";
  std::string name_last = "last";
  std::string file_extension = ".ckpt";
  int64_t starting_version = 1;
};

/// Lightning's arguments, in its order.
struct ModelCheckpointOptions {
  /// The folder; by default checkpoints/ in the first logger's, else in the Trainer's
  /// default_root_dir. A run may resume after it was renamed or copied, or through a link to it.
  std::filesystem::path dirpath = {};
  /// A name with logged values in it, "{epoch}-{val_loss:.2f}"; by default "{epoch}-{step}". Each
  /// becomes name=value, see auto_insert_metric_name.
  std::string filename = "";
  std::string monitor = "";  ///< logged metric that tells which are the best; "": the newest are
  bool verbose = false;      ///< reports what is saved by info()
  SaveLast save_last = SaveLast::no;
  int64_t save_top_k = 1;          ///< how many are kept; -1: all; 0: none
  bool save_on_exception = false;  ///< also when the run ends by an exception, Ctrl-C among them
  bool save_weights_only = false;  ///< files that no run can go on from
  Choice<MonitorMode> mode = MonitorMode::min;
  bool auto_insert_metric_name = true;  ///< false: {val_loss:.2f} becomes the value alone
  // When it saves. At most one of the three; by default after every epoch. 0: never by that.
  std::optional<int64_t> every_n_train_steps = std::nullopt;
  std::optional<Duration> train_time_interval = std::nullopt;
  std::optional<int64_t> every_n_epochs = std::nullopt;
  /// After training epochs, instead of after validations; by default where that comes to the same.
  std::optional<bool> save_on_train_epoch_end = std::nullopt;
  /// A name that is taken gets -v1, -v2, …; false: what is there is replaced.
  bool enable_version_counter = true;
  CheckpointNames names = {};  ///< Lightning's class attributes, CHECKPOINT_JOIN_CHAR and so on
};

/// The Trainer has one by default (enable_checkpointing). Several can be given, if they differ in
/// monitor, mode or when they save. A file that is no longer among the best is deleted when the one
/// in its place is complete; never one outside of dirpath, nor the one that the run goes on from,
/// nor a file of another kind that a checkpoint names.
class ModelCheckpoint : public Callback {
 public:
  using Options = ModelCheckpointOptions;
  /// @throws Error for options that are out of range, or contradict each other
  explicit ModelCheckpoint(Options options = {});
  ~ModelCheckpoint() override = default;

  const std::filesystem::path& dirpath() const { return dirpath_; }
  /// The best file, or without a monitor the newest; empty: nothing was saved.
  const std::filesystem::path& best_model_path() const { return best_model_path_; }
  /// The metric's value of that; none without a monitor.
  std::optional<double> best_model_score() const { return best_model_score_; }
  /// That of the file that was saved last.
  std::optional<double> current_score() const { return current_score_; }
  const std::filesystem::path& last_model_path() const { return last_model_path_; }
  /// The files that are kept, with their scores, in the order in which they were saved.
  const std::vector<std::pair<std::filesystem::path, double>>& best_k_models() const {
    return best_k_models_;
  }
  const std::filesystem::path& kth_best_model_path() const { return kth_best_model_path_; }
  double kth_value() const { return kth_value_; }
  const Options& options() const { return options_; }

  /// The name of a file for these values, with its folder and extension.
  /// @param version  for the suffix -v1; 0: none
  /// @throws Error for a template that is not valid
  std::filesystem::path format_checkpoint_name(const LoggedMetrics& metrics,
                                               const std::string& filename = "",
                                               int64_t version = 0) const;
  /// Writes "path: score" lines, to best_k_models.yaml in dirpath by default.
  void to_yaml(std::filesystem::path path = {}) const;
  /// The files last*.ckpt in its folder (for ckpt_path "last").
  std::vector<std::filesystem::path> last_checkpoints(const Trainer& trainer) const;

  std::string state_key() const override;
  course::Dict state_dict() const override;
  void load_state_dict(const course::Dict& state) override;
  bool is_checkpoint() const override { return true; }
  void setup(Trainer& trainer, LightningModule& module, const std::string& stage) override;
  void on_train_start(Trainer& trainer, LightningModule& module) override;
  void on_train_batch_end(Trainer& trainer, LightningModule& module, const StepOutput& outputs,
                          const Batch& batch, int64_t batch_idx) override;
  void on_validation_end(Trainer& trainer, LightningModule& module) override;
  void on_train_epoch_end(Trainer& trainer, LightningModule& module) override;
  void on_train_end(Trainer& trainer, LightningModule& module) override;
  void on_exception(Trainer& trainer, LightningModule& module, const std::exception& what) override;

 private:
  bool minimizes() const { return options_.mode == MonitorMode::min; }
  bool better(double a, double b) const { return minimizes() ? a < b : a > b; }
  std::filesystem::path resolve_dirpath(const Trainer& trainer) const;
  static bool saves_nothing(const Trainer& trainer);
  bool saves_on_train_epoch_end(const Trainer& trainer) const;
  // An opportunity to save: what is among the best, and the last.
  void save_for_epoch(Trainer& trainer);
  void save(Trainer& trainer, const LoggedMetrics& metrics);
  LoggedMetrics candidates(Trainer& trainer) const;
  void refuse_monitor(const LoggedMetrics& metrics) const;
  void save_top_k(Trainer& trainer, const LoggedMetrics& metrics);
  void save_monitored(Trainer& trainer, const LoggedMetrics& metrics, double current);
  void save_newest(Trainer& trainer, const LoggedMetrics& metrics);
  void keep_at_most_k();
  void save_last(Trainer& trainer, const LoggedMetrics& metrics);
  bool link_last() const;
  void save_file(Trainer& trainer, const std::filesystem::path& path);
  void tell_loggers(const Trainer& trainer) const;
  void is_written(const std::filesystem::path& path);
  bool may_go(const std::filesystem::path& path);
  void remove(const Trainer& trainer, const std::filesystem::path& previous,
              const std::filesystem::path& current);
  bool has_moved_from(const std::filesystem::path& saved) const;
  void find_leftovers(const Trainer& trainer);
  std::filesystem::path free_name(const LoggedMetrics& metrics, const std::string& filename,
                                  const std::filesystem::path& replaced);
  const std::pair<std::filesystem::path, double>* extreme(bool best) const;

  Options options_;
  int64_t every_n_train_steps_ = 0, every_n_epochs_ = 0;
  std::filesystem::path dirpath_, dirpath_in_python_;

  std::optional<double> best_model_score_, current_score_;
  std::filesystem::path best_model_path_, kth_best_model_path_, last_model_path_;
  std::vector<std::pair<std::filesystem::path, double>> best_k_models_;
  double kth_value_;

  std::filesystem::path last_saved_;
  int64_t last_global_step_saved_ = 0;  // of the best or newest
  int64_t last_step_of_last_ = 0;       // of last.ckpt
  double last_time_checked_ = 0;
  bool deferred_ = false;   // a save that waits for its metric
  bool validated_ = false;  // since this fit began

  // Of a fit that resumes.
  std::filesystem::path ckpt_path_;  // without links
  bool same_folder_ = false;         // is dirpath the folder that the checkpoint lists?
  std::set<std::string> leftovers_;  // names that may be used again
  // Files that the checkpoint names, and this run has not written; was there a look at them?
  std::map<std::filesystem::path, bool> named_;
};

}  // namespace lit
