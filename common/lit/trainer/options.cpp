// What can be said to a Trainer, and what not.
#include "lit/trainer/options.h"

#include <spdlog/fmt/fmt.h>

#include <cmath>
#include <cstdio>

#include "lit/error.h"

namespace lit {
namespace {

[[noreturn]] void refuse(const std::string& option, const std::string& value,
                         const std::string& expected) {
  throw Error(fmt::format("{} is {}, but must be {}", option, value, expected));
}

void at_least(const std::string& option, int64_t value, int64_t least,
              const std::string& more = "") {
  if (value < least) {
    refuse(option, std::to_string(value), fmt::format("at least {}{}", least, more));
  }
}

void at_least(const std::string& option, const std::optional<int64_t>& value, int64_t least,
              const std::string& more = "") {
  if (value) at_least(option, *value, least, more);
}

void limit(const std::string& option, const Limit& value) {
  if (const auto* count = std::get_if<int64_t>(&value)) {
    at_least(option, *count, 0, ", or a share from 0.0 to 1.0");
    return;
  }
  const double share = std::get<double>(value);
  if (!(share >= 0 && share <= 1)) {
    refuse(option, fmt::format("{}", share),
           "a share from 0.0 to 1.0, or a whole number of batches");
  }
}

}  // namespace

Duration::Duration(const std::string& text) {
  int days = 0, hours = 0, minutes = 0, seconds = 0, end = 0;
  const int found =
      std::sscanf(text.c_str(), "%2d:%2d:%2d:%2d%n", &days, &hours, &minutes, &seconds, &end);
  const bool whole = found == 4 && static_cast<size_t>(end) == text.size() && text.size() == 11;
  if (!whole || days < 0 || hours < 0 || hours > 23 || minutes < 0 || minutes > 59 || seconds < 0 ||
      seconds > 59) {
    throw Error(
        "a time span is given as DD:HH:MM:SS, as in 00:12:30:00 for twelve hours and a "
        "half, not '" +
        text + "'");
  }
  seconds_ = ((days * 24.0 + hours) * 60 + minutes) * 60 + seconds;
}

void check(const TrainerOptions& options) {
  at_least("fast_dev_run", options.fast_dev_run, 0);
  at_least("max_epochs", options.max_epochs, -1, ", where -1 is no end");
  at_least("min_epochs", options.min_epochs, 0);
  at_least("max_steps", options.max_steps, -1, ", where -1 is no end");
  at_least("min_steps", options.min_steps, 0);
  limit("limit_train_batches", options.limit_train_batches);
  limit("limit_val_batches", options.limit_val_batches);
  limit("limit_test_batches", options.limit_test_batches);
  limit("limit_predict_batches", options.limit_predict_batches);
  limit("overfit_batches", options.overfit_batches);
  if (const auto* batches = std::get_if<int64_t>(&options.val_check_interval)) {
    at_least("val_check_interval", *batches, 1, ", or a share from 0.0 to 1.0, or a time span");
  } else if (const auto* share = std::get_if<double>(&options.val_check_interval)) {
    if (!(*share > 0 && *share <= 1)) {
      refuse("val_check_interval", fmt::format("{}", *share),
             "a share above 0.0 and up to 1.0, a whole number of batches, or a time span");
    }
    if (!options.check_val_every_n_epoch) {
      throw Error(fmt::format(
          "check_val_every_n_epoch is none, so that val_check_interval counts batches across "
          "epochs, but it is the share {}; give a whole number of batches, or a time span",
          *share));
    }
  }
  at_least("check_val_every_n_epoch", options.check_val_every_n_epoch, 1);
  at_least("num_sanity_val_steps", options.num_sanity_val_steps, -1, ", where -1 is all batches");
  at_least("log_every_n_steps", options.log_every_n_steps, 0);
  at_least("accumulate_grad_batches", options.accumulate_grad_batches, 1);
  if (options.gradient_clip_val && !std::isfinite(*options.gradient_clip_val)) {
    refuse("gradient_clip_val", fmt::format("{}", *options.gradient_clip_val), "a finite number");
  }
  if (const auto* word = std::get_if<std::string>(&options.deterministic)) {
    if (*word != "warn") refuse("deterministic", '"' + *word + '"', "true, false or \"warn\"");
  }
  at_least("reload_dataloaders_every_n_epochs", options.reload_dataloaders_every_n_epochs, 0);
  for (const auto& callback : options.callbacks) {
    if (callback == nullptr) throw Error("callbacks has one that is null");
  }
  for (const auto& logger : options.logger.list()) {
    if (logger == nullptr) throw Error("logger has one that is null");
  }
}

}  // namespace lit
