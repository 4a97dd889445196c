// What a loader hands out and a step takes: some tensors in their order.
#include "lit/core/batch.h"

#include <c10/util/StringUtil.h>

#include "device/device.h"

namespace lit {

std::string Batch::describe() const {
  if (items_.empty()) return "the batch is empty";
  std::string text =
      "it has " + std::to_string(items_.size()) + (items_.size() == 1 ? " tensor" : " tensors");
  for (size_t i = 0; i < items_.size(); ++i) {
    text += i == 0 ? ": " : ", ";
    if (!items_[i].name.empty()) text += items_[i].name + " ";
    text += items_[i].tensor.defined() ? c10::str(items_[i].tensor.sizes()) : "undefined";
  }
  return text;
}

void Batch::refuse_to_unpack(size_t wanted) const {
  throw Error("unpack<" + std::to_string(wanted) +
              ">() was called on a batch of another size: " + describe());
}

const torch::Tensor& Batch::operator[](int64_t index) const {
  if (index < 0 || index >= size()) {
    throw Error("a batch was asked for tensor number " + std::to_string(index) + ", but " +
                describe());
  }
  return items_[static_cast<size_t>(index)].tensor;
}

const torch::Tensor& Batch::operator[](const std::string& name) const {
  for (const Item& item : items_) {
    if (item.name == name) return item.tensor;
  }
  throw Error("a batch was asked for the tensor '" + name + "', but " + describe());
}

int64_t Batch::batch_size() const {
  for (const Item& item : items_) {
    if (item.tensor.defined()) return item.tensor.dim() == 0 ? 1 : item.tensor.size(0);
  }
  throw Error(
      "the batch_size could not be inferred, since the batch has no tensor; give it to log(), as "
      "in {.batch_size = 64}");
}

bool Batch::even() const {
  const int64_t first = batch_size();
  for (const Item& item : items_) {
    if (item.tensor.defined() && (item.tensor.dim() == 0 ? 1 : item.tensor.size(0)) != first) {
      return false;
    }
  }
  return true;
}

Batch Batch::to(torch::Device device, bool non_blocking) const {
  device = course::with_index(device);
  Batch moved = *this;
  for (Item& item : moved.items_) {
    if (item.tensor.defined() && item.tensor.device() != device) {
      item.tensor = item.tensor.to(device, non_blocking);
    }
  }
  return moved;
}

}  // namespace lit
