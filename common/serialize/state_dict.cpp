// A module's parameters and buffers as a dict with Python's names, and back.
#include "serialize/state_dict.h"

#include <torch/torch.h>

#include "error.h"
#include "printable.h"
#include "shape_text.h"

namespace course {
namespace {

void collect(const torch::nn::Module& module, const std::string& prefix, Dict& state) {
  for (const auto& item : module.named_parameters(/*recurse=*/false)) {
    if (item.value().defined()) state.set(prefix + item.key(), item.value().detach());
  }
  for (const auto& item : module.named_buffers(/*recurse=*/false)) {
    if (item.value().defined()) state.set(prefix + item.key(), item.value().detach());
  }
  for (const auto& child : module.named_children()) {
    collect(*child.value(), prefix + child.key() + ".", state);
  }
}

std::string describe(const torch::Tensor& tensor) {
  return shape_text(tensor.sizes()) + " of " + c10::toString(tensor.scalar_type());
}

// "missing: a, b, c, d, e and 3 more"
class Names {
 public:
  explicit Names(std::string what) : what_(std::move(what)) {}
  void add(const std::string& name) {
    if (++count_ <= 5) text_ += (text_.empty() ? "" : ", ") + printable(name);
  }
  std::string text() const {
    if (count_ == 0) return "";
    return "; " + what_ + ": " + text_ +
           (count_ > 5 ? " and " + std::to_string(count_ - 5) + " more" : "");
  }

 private:
  std::string what_, text_;
  int64_t count_ = 0;
};

}  // namespace

Dict state_dict(const torch::nn::Module& module) {
  Dict state;
  collect(module, "", state);
  return state;
}

Value cloned(const Value& value) {
  if (value.is<torch::Tensor>()) return value.as_tensor().clone();
  if (value.is<Dict>()) {
    Dict copy;
    for (const auto& [key, item] : value.as_dict()) copy.set(key, cloned(item));
    return copy;
  }
  if (value.is<List>() || value.is<Tuple>()) {
    List copy;
    for (const Value& item : value.is<List>() ? value.as_list() : value.as_tuple()) {
      copy.push_back(cloned(item));
    }
    return value.is<List>() ? Value(copy) : Value(Tuple{copy});
  }
  return value;
}

namespace {

// Batch norms of PyTorch before 0.4.1, which nobody has taught to count their batches, are loaded
// as Python loads them: the count begins at 0.
bool may_be_missing(const std::string& name, const Dict& own) {
  constexpr std::string_view kCount = "num_batches_tracked";
  if (!std::string_view(name).ends_with(kCount)) return false;
  const std::string prefix = name.substr(0, name.size() - kCount.size());
  return own.find(prefix + "running_mean") != nullptr &&
         own.find(prefix + "running_var") != nullptr;
}

struct Differences {
  Names missing{"missing"}, surplus{"not in the model"}, other{"other than in the model"};
};

Differences compare(const Dict& own, const Dict& state) {
  Differences found;
  for (const auto& [name, tensor] : own) {
    const Value* saved = state.find(name);
    if (saved == nullptr && may_be_missing(name.as_string(), own)) continue;
    if (saved == nullptr || !saved->is<torch::Tensor>()) {
      found.missing.add(name.as_string());
      continue;
    }
    const torch::Tensor& there = saved->as_tensor();
    const torch::Tensor& here = tensor.as_tensor();
    if (there.sizes() == here.sizes() && there.scalar_type() == here.scalar_type()) continue;
    found.other.add(name.as_string() + " (" + describe(there) + " instead of " + describe(here) +
                    ")");
  }
  for (const auto& [name, tensor] : state) {
    if (own.find(name) == nullptr) {
      found.surplus.add(name.is<std::string>() ? name.as_string() : name.kind());
    }
  }
  return found;
}

[[noreturn]] void refuse(const std::string& differences) {
  throw Error("the weights are not those of this model" + differences);
}

void copy(const Dict& own, const Dict& state) {
  const torch::NoGradGuard no_grad;
  for (const auto& [name, tensor] : own) {
    const Value* saved = state.find(name);
    torch::Tensor target = tensor.as_tensor();
    if (saved == nullptr && may_be_missing(name.as_string(), own)) target.zero_();
    if (saved == nullptr || !saved->is<torch::Tensor>()) continue;
    target.copy_(saved->as_tensor());
  }
}

}  // namespace

void load_state_dict(torch::nn::Module& module, const Dict& state) {
  const Dict own = state_dict(module);
  const Differences found = compare(own, state);
  const std::string text = found.missing.text() + found.surplus.text() + found.other.text();
  if (!text.empty()) refuse(text);
  copy(own, state);
}

std::string load_matching(torch::nn::Module& module, const Dict& state) {
  const Dict own = state_dict(module);
  const Differences found = compare(own, state);
  if (!found.other.text().empty()) refuse(found.other.text());
  copy(own, state);
  return found.missing.text() + found.surplus.text();
}

}  // namespace course
