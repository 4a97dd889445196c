// The hooks by name, and what may be logged in which.
#include "lit/core/hooks.h"

#include <array>

namespace lit {

std::string_view name_of(Hook hook) {
  static constexpr std::array<std::string_view, kHooks + 1> kNames{
#define LIT_HOOK(name) #name,
#include "lit/core/hooks.def"
      "no hook"};
  return kNames[static_cast<size_t>(hook)];
}

Hook hook_of(std::string_view name) {
  size_t hook = 0;
  while (hook < kHooks && name_of(static_cast<Hook>(hook)) != name) ++hook;
  return static_cast<Hook>(hook);
}

LogRule log_rule(Hook hook) {
  constexpr LogRule kTrainingBatch{true, true, false, true};
  constexpr LogRule kEvaluationBatch{true, false, true, true};
  constexpr LogRule kEpoch{true, false, true, false};
  switch (hook) {
    case Hook::training_step:
    case Hook::on_train_batch_start:
    case Hook::on_train_batch_end:
    case Hook::on_before_zero_grad:
    case Hook::on_before_backward:
    case Hook::backward:
    case Hook::on_after_backward:
    case Hook::on_before_optimizer_step:
    case Hook::optimizer_step:
    case Hook::optimizer_zero_grad:
    case Hook::configure_gradient_clipping:
      return kTrainingBatch;
    case Hook::validation_step:
    case Hook::test_step:
    case Hook::on_validation_batch_start:
    case Hook::on_validation_batch_end:
    case Hook::on_test_batch_start:
    case Hook::on_test_batch_end:
      return kEvaluationBatch;
    case Hook::on_train_start:
    case Hook::on_train_epoch_start:
    case Hook::on_train_epoch_end:
    case Hook::on_validation_start:
    case Hook::on_validation_epoch_start:
    case Hook::on_validation_epoch_end:
    case Hook::on_test_start:
    case Hook::on_test_epoch_start:
    case Hook::on_test_epoch_end:
      return kEpoch;
    default:
      return {};
  }
}

}  // namespace lit
