// LightningDataModule: the defaults of its hooks.
#include "lit/core/data_module.h"

#include "lit/core/module_run.h"
#include "lit/error.h"

namespace lit {

void LightningDataModule::setup(const std::string&) {}
void LightningDataModule::teardown(const std::string&) {}

Batch LightningDataModule::on_before_batch_transfer(Batch batch, int64_t) {
  return batch;
}
Batch LightningDataModule::transfer_batch_to_device(Batch batch, torch::Device device, int64_t) {
  return batch.to(device, /*non_blocking=*/device.is_cuda());
}
Batch LightningDataModule::on_after_batch_transfer(Batch batch, int64_t) {
  return batch;
}

void LightningDataModule::on_exception(const std::exception&) {}
void LightningDataModule::load_state_dict(const course::Dict&) {}

void LightningDataModule::save_hyperparameters(const course::Dict& hparams, bool logger,
                                               const std::string& name) {
  hparams_name_ = name;
  logs_hparams_ = logger;
  for (const auto& [key, value] : hparams) hparams_.set(key, value);
}

Trainer& LightningDataModule::trainer() const {
  if (run_ == nullptr) throw Error("the data module was asked for its Trainer, but none uses it");
  return run_->trainer();
}

torch::Device LightningDataModule::device() const {
  return run_ == nullptr ? torch::Device(torch::kCPU) : run_->device();
}

}  // namespace lit
