// Batches of a data set that is in memory: whole tensors are indexed, sample by sample nothing is.
//
// There is no prefetching thread, because it would not pay: gathering a shuffled batch takes a
// small part of one training step (./course bench). A thread pays where samples have to be decoded
// or transformed. To a GPU the copy of the next batch runs beside the step.
#include "data/in_memory_loader.h"

#include <torch/torch.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "data/gather.h"
#include "data/permutation.h"
#include "device/copy_stream.h"
#include "device/cuda_driver.h"
#include "device/device.h"
#include "error.h"

namespace course {
namespace {

void check_tensors(const torch::Tensor& data, const torch::Tensor& target) {
  if (!data.defined() || !target.defined() || data.dim() < 1 || target.dim() < 1) {
    throw Error(
        "data and target must be tensors whose first dimension counts samples, but one of "
        "them is empty or has no dimensions");
  }
  std::ostringstream text;
  text.imbue(std::locale::classic());
  if (data.size(0) != target.size(0)) {
    text << "data has " << data.size(0) << " samples, but target has " << target.size(0)
         << "; there must be one target for each sample";
  } else if (data.size(0) == 0) {
    text << "data has no samples, but at least one is needed to make batches";
  } else if (data.device() != target.device()) {
    text << "data is on " << data.device() << ", but target is on " << target.device()
         << "; move both to the same device";
  } else {
    return;
  }
  throw Error(text.str());
}

void check_options(const InMemoryLoaderOptions& options, int64_t samples) {
  std::ostringstream text;
  text.imbue(std::locale::classic());
  if (options.batch_size < 1) {
    text << "batch_size is " << options.batch_size << ", but must be at least 1";
  } else if (options.drop_last && options.batch_size > samples) {
    text << "batch_size is " << options.batch_size << " with drop_last, which leaves no batch of "
         << samples << " samples; it must be at most " << samples;
  } else if (options.device && options.device->is_cuda() && !torch::cuda::is_available()) {
    text << "device is " << *options.device << ", but there is no CUDA device that this libtorch "
         << "can use; leave device out, or name cpu";
  } else if (!(options.keep_on_device >= 0 && options.keep_on_device <= 1)) {
    text << "keep_on_device is " << options.keep_on_device
         << ", but is a share of a GPU's free memory, from 0 to 1";
  } else if (options.to_float && !(options.to_float->divisor != 0 && options.to_float->std != 0)) {
    text << "to_float has a divisor of " << options.to_float->divisor << " and a std of "
         << options.to_float->std << ", but neither can be 0";
  } else {
    return;
  }
  throw UsageError(text.str());
}

// Can rows be picked by plain copies?
bool is_plain(const torch::Tensor& tensor) {
  return tensor.is_cpu() && tensor.layout() == torch::kStrided && tensor.is_contiguous();
}

bool fits(int64_t bytes, torch::Device device, double share) {
  if (share == 0 || !device.is_cuda()) return false;
  const auto free = free_gpu_memory(with_index(device).index());
  return free && static_cast<double>(bytes) <= share * static_cast<double>(*free);
}

torch::Tensor as_float(const torch::Tensor& bytes, const ToFloat& how) {
  torch::Tensor numbers = bytes.to(torch::kFloat32).div_(how.divisor);
  return how.mean == 0 && how.std == 1 ? numbers : numbers.sub_(how.mean).div_(how.std);
}

}  // namespace

InMemoryLoader::InMemoryLoader(torch::Tensor data, torch::Tensor target,
                               InMemoryLoaderOptions options)
    : data_(std::move(data)), target_(std::move(target)), options_(options) {
  check_tensors(data_, target_);
  check_options(options_, samples());
  if (options_.to_float && data_.scalar_type() != torch::kUInt8) {
    std::ostringstream text;
    text.imbue(std::locale::classic());
    text << "to_float makes numbers of bytes, but the data are " << data_.dtype()
         << "; leave it out";
    throw UsageError(text.str());
  }
  const auto bytes = static_cast<int64_t>(data_.nbytes() + target_.nbytes());
  if (options_.device && data_.is_cpu() && fits(bytes, *options_.device, options_.keep_on_device)) {
    data_ = data_.to(*options_.device);
    target_ = target_.to(*options_.device);
  }
}

int64_t InMemoryLoader::batches() const {
  const bool rest = samples() % options_.batch_size != 0;
  return samples() / options_.batch_size + (rest && !options_.drop_last ? 1 : 0);
}

InMemoryLoader::Epoch InMemoryLoader::epoch(int64_t epoch, int64_t first_batch) const {
  if (epoch < 0) {
    throw UsageError("epoch is " + std::to_string(epoch) + ", but epochs count from 0");
  }
  if (first_batch < 0 || first_batch > batches()) {
    throw UsageError("first_batch is " + std::to_string(first_batch) + ", but must be from 0 to " +
                     std::to_string(batches()) + ", the number of batches in an epoch");
  }
  return Epoch(*this, epoch, first_batch);
}

// The batch that comes next, copied on a stream of its own.
struct InMemoryLoader::Epoch::Ahead {
  CopyStream copies;
  torch::data::Example<> batch;
  int64_t number = -1;  // which one it is
};

InMemoryLoader::Epoch::Epoch(const InMemoryLoader& loader, int64_t epoch, int64_t first_batch)
    : loader_(loader), position_(first_batch) {
  const torch::Device there = loader.device(), wanted = loader.options_.device.value_or(there);
  if (there.is_cpu() && wanted.is_cuda()) {
    ahead_ = std::make_shared<Ahead>(Ahead{CopyStream(wanted), {}, -1});
  }
  if (!loader.options_.shuffle) return;
  order_ = permutation(loader.options_.seed, epoch, loader.samples());
  // From pinned memory the copy runs beside the program.
  if (there.is_cuda()) order_ = order_.pin_memory();
  order_ = order_.to(there, /*non_blocking=*/there.is_cuda());
}

InMemoryLoader::Epoch::Iterator InMemoryLoader::Epoch::begin() {
  advance();
  return Iterator(this);
}

// Memory for a batch: that of one before, if nobody else holds it any more. What is handed out is
// another tensor in the same memory, so that nothing a user sets on it comes back.
torch::Tensor InMemoryLoader::Epoch::buffer(std::vector<int64_t> sizes, torch::ScalarType dtype) {
  constexpr size_t kMost = 8;
  for (const torch::Tensor& one : buffers_) {
    const bool free = one.storage().use_count() == 1 && one.scalar_type() == dtype &&
                      one.sizes() == at::IntArrayRef(sizes);
    if (free) return one.detach();
  }
  if (buffers_.size() == kMost) buffers_.erase(buffers_.begin());
  buffers_.push_back(torch::empty(sizes, dtype));
  return buffers_.back().detach();
}

// Rows [start, start + size) of `all`, in the epoch's order if it has one.
torch::Tensor InMemoryLoader::Epoch::rows(const torch::Tensor& all, int64_t start, int64_t size,
                                          bool is_data) {
  const InMemoryLoaderOptions& options = loader_.options_;
  const torch::Device device = options.device.value_or(all.device());
  const auto& to_float = is_data ? options.to_float : std::nullopt;
  std::vector<int64_t> sizes = all.sizes().vec();
  sizes[0] = size;
  const bool pinned = ahead_ != nullptr;
  const bool by_copies = order_.defined() && is_plain(all) && (device.is_cpu() || pinned);
  torch::Tensor some;
  if (by_copies) {
    const bool here = to_float && device.is_cpu();  // else the GPU makes numbers of the bytes
    const int64_t* order = order_.data_ptr<int64_t>() + start;
    const int64_t length = all.numel() / all.size(0);
    some = pinned ? torch::empty(sizes, all.options().pinned_memory(true))
                  : buffer(sizes, here ? torch::kFloat32 : all.scalar_type());
    if (here) {
      gather_bytes_as_float(all.data_ptr<uint8_t>(), order, size, length,
                            static_cast<float>(to_float->divisor),
                            static_cast<float>(to_float->mean), static_cast<float>(to_float->std),
                            some.data_ptr<float>());
      return some;
    }
    gather_rows(all.data_ptr(), order, size, static_cast<size_t>(length) * all.element_size(),
                some.data_ptr());
    if (!pinned) return some;
  } else {
    some = order_.defined() ? all.index_select(0, order_.narrow(0, start, size))
                            : all.narrow(0, start, size);
    if (pinned) some = some.pin_memory();
  }
  some = some.to(device, /*non_blocking=*/pinned);
  return to_float ? as_float(some, *to_float) : some;
}

torch::data::Example<> InMemoryLoader::Epoch::make(int64_t number) {
  const int64_t start = number * loader_.options_.batch_size;
  const int64_t size = std::min(loader_.options_.batch_size, loader_.samples() - start);
  return {rows(loader_.data_, start, size, /*is_data=*/true),
          rows(loader_.target_, start, size, /*is_data=*/false)};
}

void InMemoryLoader::Epoch::advance() {
  batch_ = {};  // its memory is free, if nobody has kept it
  if (position_ == loader_.batches()) {
    done_ = true;
    return;
  }
  if (ahead_ == nullptr) {
    batch_ = make(position_);
  } else {
    const auto fetch = [this](int64_t number) {
      ahead_->copies.start([&] { ahead_->batch = make(number); });
      ahead_->number = number;
    };
    if (ahead_->number != position_) fetch(position_);
    ahead_->copies.join({ahead_->batch.data, ahead_->batch.target});
    batch_ = std::exchange(ahead_->batch, {});
    if (position_ + 1 < loader_.batches()) fetch(position_ + 1);
  }
  ++position_;
  // The order is as large as the data set has samples.
  if (position_ == loader_.batches()) order_ = torch::Tensor();
}

}  // namespace course
