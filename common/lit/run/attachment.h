// While one is alive, a module, those inside of it, and a data module know the run that they are
// in.
#pragma once

#include <memory>
#include <vector>

#include "lit/core/data_module.h"
#include "lit/core/module.h"

namespace lit {

class Attachment {
 public:
  /// @param outer  the run that they are in again afterwards; nullptr: none
  Attachment(ModuleRun& run, const std::shared_ptr<LightningModule>& module,
             const std::shared_ptr<LightningDataModule>& data, ModuleRun* outer)
      : run_(&run), outer_(outer), module_(module), data_(data) {
    for (LightningModule* part : parts()) part->run_ = run_;
    if (data_ != nullptr) data_->run_ = run_;
  }
  ~Attachment() {
    for (LightningModule* part : parts()) {
      if (part->run_ == run_) part->run_ = outer_;
    }
    if (data_ != nullptr && data_->run_ == run_) data_->run_ = outer_;
  }
  Attachment(const Attachment&) = delete;
  Attachment& operator=(const Attachment&) = delete;

 private:
  std::vector<LightningModule*> parts() const {
    std::vector<LightningModule*> found;
    for (const auto& part : module_->modules()) {  // itself and those inside of it
      if (auto* one = dynamic_cast<LightningModule*>(part.get())) found.push_back(one);
    }
    return found;
  }

  ModuleRun *run_, *outer_;
  std::shared_ptr<LightningModule> module_;
  std::shared_ptr<LightningDataModule> data_;
};

}  // namespace lit
