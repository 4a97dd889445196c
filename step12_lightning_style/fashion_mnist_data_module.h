// The data of an experiment, whatever the model is.
#pragma once

#include <string>
#include <vector>

#include "config.h"
#include "data/find.h"
#include "data/image_set.h"
#include "lit/core/data_module.h"
#include "seed.h"

// region data_module
class FashionMnistDataModule : public lit::LightningDataModule {
 public:
  FashionMnistDataModule(Config::Data config, const Seeds& seeds);

  void setup(const std::string& stage) override;
  lit::Loaders train_dataloader() override;
  lit::Loaders val_dataloader() override;
  lit::Loaders test_dataloader() override;
  lit::Loaders predict_dataloader() override { return test_dataloader(); }
  lit::Batch on_after_batch_transfer(lit::Batch batch, int64_t dataloader_idx) override;

  const course::DataLocation& location() const { return location_; }
  const std::vector<std::string>& class_names() const { return test_.class_names; }
  /// As they are in the files: images [N, 28, 28] of bytes, labels [N].
  const course::ImageSet& test_set() const { return test_; }

 private:
  course::InMemoryLoader loader(const course::ImageSet& set, bool shuffle) const;

  Config::Data config_;
  Seeds seeds_;
  course::DataLocation location_;
  course::ImageSet train_, validation_, test_;
};
// endregion
