// The options of one run, as resolved.
#include "lit/run/run_config.h"

#include "lit/core/hooks.h"

namespace lit {

bool is_zero(const Limit& limit) {
  return std::visit([](auto number) { return number == 0; }, limit);
}

TrainerOptions resolved(const TrainerOptions& given) {
  TrainerOptions options = given;
  if (options.fast_dev_run > 0) {
    options.max_steps = options.fast_dev_run;
    options.max_epochs = 1;
    options.num_sanity_val_steps = 0;
    options.val_check_interval = 1.0;
    options.check_val_every_n_epoch = 1;
  }
  return options;
}

bool RunConfig::validates(const HookSet& hooks) const {
  return hooks.has(Hook::validation_step) &&
         (!is_zero(options.limit_val_batches) || fast_dev_run());
}

RunConfig::NamedLimit RunConfig::limit_of(const std::string& kind) const {
  const bool learns = kind == "train" || kind == "val";
  if (learns && !is_zero(options.overfit_batches)) {
    return {"overfit_batches", options.overfit_batches};
  }
  if (kind == "train") return {"limit_train_batches", options.limit_train_batches};
  if (kind == "val") return {"limit_val_batches", options.limit_val_batches};
  if (kind == "test") return {"limit_test_batches", options.limit_test_batches};
  return {"limit_predict_batches", options.limit_predict_batches};
}

}  // namespace lit
