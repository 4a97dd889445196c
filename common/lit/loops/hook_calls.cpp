// The hooks that are more than a pair.
#include "lit/loops/hook_calls.h"

namespace lit {

void HookCalls::on_train_epoch_end() {
  LightningModule& module = trainer_.module();
  const auto run = [&](bool monitors) {
    const Scope scope(trainer_, "cb", Hook::on_train_epoch_end);
    for (const auto& callback : trainer_.callbacks_) {
      if (callback->is_monitor() == monitors) callback->on_train_epoch_end(trainer_, module);
    }
  };
  const auto has = [&](bool monitors) {
    return std::any_of(trainer_.callbacks_.begin(), trainer_.callbacks_.end(),
                       [&](const auto& callback) { return callback->is_monitor() == monitors; });
  };
  if (has(false)) run(false);
  {
    const Scope scope(trainer_, "lm", Hook::on_train_epoch_end);
    module.on_train_epoch_end();
  }
  if (has(true)) run(true);
}

int HookCalls::on_train_batch_start(const Batch& batch, int64_t batch_idx) {
  callbacks(Hook::on_train_batch_start, &Callback::on_train_batch_start, batch, batch_idx);
  const Scope scope(trainer_, "lm", Hook::on_train_batch_start);
  return trainer_.module().on_train_batch_start(batch, batch_idx);
}

}  // namespace lit
