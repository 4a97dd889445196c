// The train loader of a fit: requested when needed, limited, and iterated.
#include "lit/loops/training_data.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

#include "lit/checkpoint/errors.h"
#include "lit/core/messages.h"
#include "lit/error.h"
#include "serialize/checked.h"

namespace lit {

void TrainingData::load_if_needed() {
  const TrainerOptions& options = config_.options;
  const int64_t every = options.reload_dataloaders_every_n_epochs;
  const bool again = every > 0 && progress_.current_epoch - loaded_in_epoch_ >= every;
  if (loader_ != nullptr && !again) return;
  const Profiler::Scope timed = hooks_.timed("setup_train_dataloader");
  const Loaders loaders = data_.request(Hook::train_dataloader, given_);
  if (loaders.size() != 1) {
    throw Error(
        loaders.empty()
            ? "fit has no loader to train with; give it one, or a data module, or let the "
              "module have a train_dataloader()"
            : fmt::format("fit takes one loader to train with, not {}; a Loader of your own "
                          "can make one of several",
                          loaders.size()));
  }
  loader_ = loaders[0];
  loaded_in_epoch_ = progress_.current_epoch;
  batches_ = data_.limited("train", *loader_);
  fetcher_ = Fetcher(loader_, batches_);
  if (has_loggers_ && batches_ < options.log_every_n_steps && !config_.fast_dev_run()) {
    warn(fmt::format(
        "an epoch has {} batches, which is less than log_every_n_steps={}; set it lower "
        "to see the steps of every epoch",
        batches_, options.log_every_n_steps));
  }
  find_val_check_batches();
}

void TrainingData::find_val_check_batches() {
  const TrainerOptions& options = config_.options;
  val_check_batches_ = kUnlimited;
  if (const auto* count = std::get_if<int64_t>(&options.val_check_interval)) {
    if (*count > batches_ && options.check_val_every_n_epoch && data_.validates()) {
      throw Error(fmt::format(
          "val_check_interval is {} batches, but an epoch has only {}; make it less, or set "
          "check_val_every_n_epoch to none to count batches across epochs",
          *count, batches_));
    }
    val_check_batches_ = *count;
  } else if (const auto* share = std::get_if<double>(&options.val_check_interval)) {
    if (batches_ != kUnlimited) {
      val_check_batches_ =
          std::max<int64_t>(1, static_cast<int64_t>(static_cast<double>(batches_) * *share));
    } else if (*share != 1.0) {
      throw Error(fmt::format(
          "val_check_interval is the share {} of an epoch, but the train loader does not tell how "
          "many batches it has; give it 1.0, a whole number of batches, or a time span",
          *share));
    }
  }
}

void TrainingData::begin_epoch(bool keeps_state) {
  fetcher_.keep_state(keeps_state);
  loader_->begin_epoch(progress_.current_epoch);
  fetcher_.begin();
}

void TrainingData::resume_epoch(bool keeps_state, const course::Dict* position,
                                const std::filesystem::path& ckpt_path) {
  fetcher_.keep_state(keeps_state);
  go_on_with(ckpt_path, [&] {
    if (position != nullptr) {
      course::within("loader", [&] { loader_->load_state_dict(*position); });
    }
    loader_->begin_epoch(progress_.current_epoch);
    if (position == nullptr) pass_over_batches();
  });
  fetcher_.begin(progress_.batches_done);
}

// Lightning does not keep the loader's place.
void TrainingData::pass_over_batches() {
  const int64_t done = progress_.batches_done;
  const auto refuse = [&](int64_t there) {
    throw Error(fmt::format(
        "it was written in the middle of an epoch, after {} batches, but the loader has only {}; "
        "give it the same batch size and data, or resume from a checkpoint of an epoch's end",
        done, there));
  };
  const std::optional<int64_t> batches = loader_->batches();
  if (batches && *batches < done) refuse(*batches);
  const int64_t there = loader_->pass_over(done);
  if (there < done) refuse(there);
}

std::optional<Batch> TrainingData::next() {
  const Profiler::Scope timed = hooks_.timed("[_TrainingEpochLoop].train_dataloader_next");
  return fetcher_.next();
}

}  // namespace lit
