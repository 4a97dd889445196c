// A callback that ends a run when a file appears.
#pragma once

#include <filesystem>

#include "lit/trainer.h"

class StopFile : public lit::Callback {
 public:
  explicit StopFile(std::filesystem::path path) : path_(std::move(path)) {}

  void on_train_start(lit::Trainer&, lit::LightningModule&) override {
    std::filesystem::remove(path_);
  }

  void on_train_batch_end(lit::Trainer& trainer, lit::LightningModule&, const lit::StepOutput&,
                          const lit::Batch&, int64_t) override {
    if (std::filesystem::remove(path_)) trainer.should_stop = true;
  }

 private:
  std::filesystem::path path_;
};
