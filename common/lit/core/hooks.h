// The hooks by name: for the trace, for errors, and for what may be logged where.
#pragma once

#include <bitset>
#include <cstddef>
#include <string_view>
#include <type_traits>

namespace lit {

// Every hook and every method of a module or data module that the Trainer calls.
// clang-format off
#define LIT_HOOKS(X) \
  X(prepare_data) X(setup) X(teardown) X(configure_callbacks) X(configure_model) \
  X(configure_optimizers) X(train_dataloader) X(val_dataloader) X(test_dataloader) \
  X(predict_dataloader) X(on_before_batch_transfer) X(transfer_batch_to_device) \
  X(on_after_batch_transfer) X(on_fit_start) X(on_fit_end) X(on_sanity_check_start) \
  X(on_sanity_check_end) X(on_train_start) X(on_train_end) X(on_train_epoch_start) \
  X(on_train_epoch_end) X(on_train_batch_start) X(on_train_batch_end) X(training_step) \
  X(on_validation_model_zero_grad) X(on_validation_model_eval) X(on_validation_model_train) \
  X(on_validation_start) X(on_validation_end) X(on_validation_epoch_start) \
  X(on_validation_epoch_end) X(on_validation_batch_start) X(on_validation_batch_end) \
  X(validation_step) X(on_test_model_eval) X(on_test_model_train) X(on_test_start) \
  X(on_test_end) X(on_test_epoch_start) X(on_test_epoch_end) X(on_test_batch_start) \
  X(on_test_batch_end) X(test_step) X(on_predict_model_eval) X(on_predict_model_train) \
  X(on_predict_start) X(on_predict_end) X(on_predict_epoch_start) X(on_predict_epoch_end) \
  X(on_predict_batch_start) X(on_predict_batch_end) X(predict_step) X(optimizer_step) \
  X(on_before_zero_grad) X(optimizer_zero_grad) X(on_before_backward) X(backward) \
  X(on_after_backward) X(on_before_optimizer_step) X(configure_gradient_clipping) \
  X(lr_scheduler_step) X(on_exception) X(on_save_checkpoint) X(on_load_checkpoint)
// clang-format on

// Those that callbacks have, too.
// clang-format off
#define LIT_CALLBACK_HOOKS(X) \
  X(setup) X(teardown) X(on_fit_start) X(on_fit_end) X(on_sanity_check_start) X(on_sanity_check_end) \
  X(on_train_start) X(on_train_end) X(on_train_epoch_start) X(on_train_epoch_end) \
  X(on_train_batch_start) X(on_train_batch_end) X(on_validation_start) X(on_validation_end) \
  X(on_validation_epoch_start) X(on_validation_epoch_end) X(on_validation_batch_start) \
  X(on_validation_batch_end) X(on_test_start) X(on_test_end) X(on_test_epoch_start) \
  X(on_test_epoch_end) X(on_test_batch_start) X(on_test_batch_end) X(on_predict_start) \
  X(on_predict_end) X(on_predict_epoch_start) X(on_predict_epoch_end) X(on_predict_batch_start) \
  X(on_predict_batch_end) X(on_before_zero_grad) X(on_before_backward) X(on_after_backward) \
  X(on_before_optimizer_step) X(on_exception) X(on_save_checkpoint) X(on_load_checkpoint)
// clang-format on

enum class Hook {
#define LIT_ENUMERATOR(name) name,
  LIT_HOOKS(LIT_ENUMERATOR)
#undef LIT_ENUMERATOR
      none  ///< outside of any hook
};

constexpr size_t kHooks = static_cast<size_t>(Hook::none);

/// "on_train_start"; of Hook::none "no hook".
std::string_view name_of(Hook hook);
/// The reverse; Hook::none for an unknown name.
Hook hook_of(std::string_view name);

/// Some of the hooks.
class HookSet {
 public:
  HookSet& set(Hook hook) {
    bits_.set(static_cast<size_t>(hook));
    return *this;
  }
  bool has(Hook hook) const { return bits_.test(static_cast<size_t>(hook)); }

 private:
  std::bitset<kHooks> bits_;
};

/// Where log() may be called, and what it does there unless told otherwise (Lightning's table).
struct LogRule {
  bool allowed = false;
  bool on_step = false;          ///< default
  bool on_epoch = false;         ///< default
  bool step_is_allowed = false;  ///< may on_step be true?
};
LogRule log_rule(Hook hook);

}  // namespace lit
