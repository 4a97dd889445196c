// Writes and reads files for the exchange with Python: exchange write FILE, exchange show FILE.
#include <spdlog/fmt/fmt.h>
#include <torch/torch.h>

#include <string>

#include "config/program.h"
#include "error.h"
#include "serialize/optimizer_state.h"
#include "serialize/safetensors.h"
#include "serialize/state_dict.h"
#include "serialize/torch_file.h"

namespace {

using course::Dict;
using course::List;
using course::Tuple;
using course::Value;

// What Python's repr() would say, a tensor as its dtype, shape and numbers.
std::string repr(const Value& value) {
  const auto join = [](const List& items) {
    std::string text;
    for (const Value& item : items) text += (text.empty() ? "" : ", ") + repr(item);
    return text;
  };
  if (value.is_none()) return "None";
  if (value.is<bool>()) return value.as_bool() ? "True" : "False";
  if (value.is<int64_t>()) return std::to_string(value.as_int());
  if (value.is<double>()) return fmt::format("float.fromhex('{:a}')", value.as_double());
  if (value.is<std::string>()) return "'" + value.as_string() + "'";
  if (value.is<List>()) return "[" + join(value.as_list()) + "]";
  if (value.is<Tuple>()) return "tuple([" + join(value.as_tuple()) + "])";
  if (value.is<torch::Tensor>()) {
    const torch::Tensor tensor = value.as_tensor();
    const torch::Tensor flat = tensor.to(torch::kFloat64).flatten().contiguous();
    std::string numbers;
    for (int64_t i = 0; i < flat.numel(); ++i) {
      numbers += fmt::format("float.fromhex('{:a}'), ", flat[i].item<double>());
    }
    return fmt::format("('{}', {}, [{}])", c10::toString(tensor.scalar_type()),
                       c10::str(tensor.sizes()), numbers);
  }
  if (value.is<course::Unusable>()) return "'<" + value.kind() + ">'";
  std::string text;
  for (const auto& [key, item] : value.as_dict()) text += repr(key) + ": " + repr(item) + ", ";
  return "{" + text + "}";
}

torch::nn::Sequential network() {
  torch::manual_seed(0);
  return torch::nn::Sequential{torch::nn::Conv2d(torch::nn::Conv2dOptions(1, 2, 3)),
                               torch::nn::BatchNorm2d(2), torch::nn::Flatten(),
                               torch::nn::Linear(8, 3)};
}

Value everything(bool with_floats) {
  const auto net = network();
  Dict root{{"state_dict", course::state_dict(*net)},
            {"epoch", 3},
            {"big", int64_t{1} << 40},
            {"name", "Grüße"},
            {"path", "/data/caf\xe9"},
            {"yes", true},
            {"none", Value()},
            {"list", List{1, "two", List{}}},
            {"tuple", Tuple{{1, 2}}},
            {"by_number", Dict{{0, Dict{{"step", torch::tensor(5.0)}}}}},
            {"half", torch::arange(4).to(torch::kFloat16)},
            {"view", torch::arange(12).view({3, 4}).t()}};
  if (with_floats) root.set("learning_rate", 0.1);
  return root;
}

// One layer under two names, and an optimizer that lists it under both.
struct Tied : torch::nn::Module {
  Tied() {
    register_module("encoder", layer);
    register_module("decoder", layer);
    torch::nn::init::ones_(layer->weight);
  }
  Value states() const {
    return Dict{{"state_dict", course::state_dict(*this)},
                {"optimizer", course::optimizer_state_dict(adam)}};
  }
  torch::nn::Linear layer{torch::nn::LinearOptions(2, 2).bias(false)};
  torch::optim::Adam adam{std::vector{layer->weight, layer->weight}, 0.1};
};

void write_tied(const std::string& file) {
  Tied net;
  net.layer(net.layer(torch::ones({1, 2}))).sum().backward();
  net.adam.step();
  course::write_torch_file(file, net.states());
}

void copy_tied(const std::string& file) {
  const Value states = course::read_torch_file(file);
  Tied net;
  course::load_state_dict(net, states.as_dict().at("state_dict").as_dict());
  course::load_optimizer_state_dict(net.adam, states.as_dict().at("optimizer").as_dict());
  course::write_torch_file(file + ".copy", net.states());
}

void run(const std::string& what, const std::string& file) {
  if (what == "write") return course::write_torch_file(file, everything(true));
  if (what == "write-without-floats") return course::write_torch_file(file, everything(false));
  if (what == "show") return fmt::print("{}\n", repr(course::read_torch_file(file)));
  if (what == "copy")
    return course::write_torch_file(file + ".copy", course::read_torch_file(file));
  if (what == "load") {
    return course::load_state_dict(*network(), course::read_torch_file(file).as_dict());
  }
  if (what == "safetensors") return course::write_safetensors(file, course::state_dict(*network()));
  if (what == "write-tied") return write_tied(file);
  if (what == "copy-tied") return copy_tied(file);
  throw course::UsageError(
      "exchange takes write, write-without-floats, write-tied, show, copy, copy-tied, load or "
      "safetensors");
}

}  // namespace

int main(int argc, char** argv) {
  return course::run_program([&] {
    if (argc != 3) throw course::UsageError("exchange takes what to do, and a file");
    run(argv[1], argv[2]);
  });
}
