// A number that was logged, wherever it is.
#include "lit/core/log_value.h"

#include <c10/util/StringUtil.h>
#include <torch/torch.h>

#include "lit/error.h"
#include "serialize/checked.h"

namespace lit {

LogValue::LogValue(const torch::Tensor& tensor) {
  if (tensor.defined() && tensor.numel() == 1 && tensor.is_cpu()) {
    single_ = tensor.scalar_type() == torch::kFloat32;
    number_ = single_ ? *tensor.detach().data_ptr<float>() : tensor.item<double>();
  } else {
    *this = left_there(tensor);
  }
}

LogValue LogValue::left_there(const torch::Tensor& tensor) {
  if (!tensor.defined() || tensor.numel() != 1) {
    throw Error("log() takes a number or a tensor with one element, but got " +
                (tensor.defined() ? "one of shape " + c10::str(tensor.sizes())
                                  : std::string("an undefined one")) +
                "; take its mean(), or log its elements one by one");
  }
  LogValue value;
  value.single_ = tensor.scalar_type() == torch::kFloat32;
  value.tensor_ = tensor.detach().reshape({});
  const bool is_parameter = tensor.is_leaf() && tensor.requires_grad();
  if (is_parameter || value.shares_memory()) value.tensor_ = value.tensor_.clone();
  value.version_ = value.tensor_.is_inference() ? 0 : value.tensor_._version();
  return value;
}

// Is it a part of something larger, or of something that changes? Of tensors of the inference mode
// that is unknown.
bool LogValue::shares_memory() const {
  return tensor_.is_inference() || tensor_._version() > 0 ||
         tensor_.storage().nbytes() > tensor_.nbytes();
}

const torch::Tensor& LogValue::tensor() const {
  if (!tensor_.is_inference() && tensor_._version() != version_) {
    throw Error("a tensor on " + tensor_.device().str() +
                " was written to after it was logged, and before its number was needed; log a copy "
                "of it: log(name, tensor.clone())");
  }
  return tensor_;
}

double LogValue::value() const {
  return is_tensor() ? tensor().item<double>() : number_;
}

// --- For a checkpoint -------------------------------------------------------------------------

course::Dict state_of(const LogValue& value) {
  return {{"value", value.value()}, {"single", value.single()}};
}

// A loss may have been NaN or infinite.
LogValue log_value(const course::Value& state, const std::string& name) {
  const course::Dict& of = course::dict(state, name);
  return course::within(name, [&] {
    const double number = course::number(of, "value", course::kAnyNumber);
    return course::flag(of, "single") ? LogValue(static_cast<float>(number)) : LogValue(number);
  });
}

course::Dict state_of(const LoggedMetrics& metrics) {
  course::Dict state;
  for (const auto& [name, value] : metrics) state.set(name, state_of(value));
  return state;
}

LoggedMetrics metrics_of(const course::Dict& state) {
  LoggedMetrics metrics;
  for (const auto& [key, value] : state) {
    const std::string& name = course::text(key, "the name of a metric");
    metrics.emplace(name, log_value(value, name));
  }
  return metrics;
}

}  // namespace lit
