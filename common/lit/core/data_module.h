// LightningDataModule: where the data of an experiment come from, apart from the model.
#pragma once

#include <concepts>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <typeinfo>

#include "lit/core/batch.h"
#include "lit/core/hooks.h"
#include "lit/core/loader.h"
#include "serialize/value.h"

namespace lit {

class ModuleRun;
class Trainer;

/// Makes loaders for any model. Names and order are those of Lightning's LightningDataModule.
class LightningDataModule {
 public:
  virtual ~LightningDataModule() = default;

  /// Download and unpack; called by one process only, so keep nothing in members.
  virtual void prepare_data() {}
  /// Read and split. @param stage "fit", "validate", "test" or "predict"; may be called several
  /// times
  virtual void setup(const std::string& stage);
  virtual void teardown(const std::string& stage);
  virtual Loaders train_dataloader() { return {}; }
  virtual Loaders val_dataloader() { return {}; }
  virtual Loaders test_dataloader() { return {}; }
  virtual Loaders predict_dataloader() { return {}; }

  /// A batch on its way to the device; when overridden the module's are not called.
  virtual Batch on_before_batch_transfer(Batch batch, int64_t dataloader_idx);
  virtual Batch transfer_batch_to_device(Batch batch, torch::Device device, int64_t dataloader_idx);
  virtual Batch on_after_batch_transfer(Batch batch, int64_t dataloader_idx);

  /// A run ends by an exception.
  virtual void on_exception(const std::exception& exception);

  /// What a checkpoint shall keep of it, if anything.
  virtual course::Dict state_dict() const { return {}; }
  virtual void load_state_dict(const course::Dict& state);

  /// As in LightningModule.
  virtual std::optional<HookSet> overridden_hooks() const { return std::nullopt; }

  /// Keeps `hparams` for checkpoints and, with `logger`, for loggers.
  void save_hyperparameters(const course::Dict& hparams, bool logger = true,
                            const std::string& name = "kwargs");
  bool logs_hparams() const { return logs_hparams_; }
  const course::Dict& hparams() const { return hparams_; }
  const std::string& hparams_name() const { return hparams_name_; }

  /// The Trainer that uses it. @throws Error outside of a run
  Trainer& trainer() const;
  /// Where the model of the run computes, for loaders that bring their batches there themselves
  /// (course::InMemoryLoader); the CPU outside of a run.
  torch::Device device() const;

 private:
  friend class Attachment;
  course::Dict hparams_;
  std::string hparams_name_ = "kwargs";
  bool logs_hparams_ = true;
  ModuleRun* run_ = nullptr;
};

/// The hooks that D overrides.
template <typename D>
HookSet overridden_data_hooks() {
  HookSet hooks;
#define LIT_OVERRIDDEN(hook)                                                     \
  if constexpr (!requires {                                                      \
                  requires std::is_same_v<decltype(&D::hook),                    \
                                          decltype(&LightningDataModule::hook)>; \
                }) {                                                             \
    hooks.set(Hook::hook);                                                       \
  }
  LIT_OVERRIDDEN(prepare_data)
  LIT_OVERRIDDEN(train_dataloader)
  LIT_OVERRIDDEN(val_dataloader)
  LIT_OVERRIDDEN(test_dataloader)
  LIT_OVERRIDDEN(predict_dataloader)
  LIT_OVERRIDDEN(on_before_batch_transfer)
  LIT_OVERRIDDEN(transfer_batch_to_device)
  LIT_OVERRIDDEN(on_after_batch_transfer)
#undef LIT_OVERRIDDEN
  return hooks;
}

/// A data module, and which hooks it overrides: made from a shared_ptr by itself.
class DataModuleRef {
 public:
  DataModuleRef() = default;
  template <std::derived_from<LightningDataModule> D>
  DataModuleRef(const std::shared_ptr<D>& data_module) : data_module_(data_module) {
    if (data_module == nullptr) return;
    if (typeid(*data_module) == typeid(D)) {
      hooks_ = overridden_data_hooks<D>();
    } else if (const std::optional<HookSet> told = data_module->overridden_hooks()) {
      hooks_ = *told;
    } else {
      is_known_ = false;
    }
  }

  const std::shared_ptr<LightningDataModule>& data_module() const { return data_module_; }
  const HookSet& hooks() const { return hooks_; }
  /// false: it was passed as a base class, and has no overridden_hooks().
  bool is_known() const { return is_known_; }

 private:
  std::shared_ptr<LightningDataModule> data_module_;
  HookSet hooks_;
  bool is_known_ = true;
};

}  // namespace lit
