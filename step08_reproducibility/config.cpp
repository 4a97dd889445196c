// Every knob of an experiment: its name, its range, and how it is read and written.
#include "config.h"

#include <spdlog/fmt/fmt.h>

#include <toml++/toml.h>
#include <cxxopts.hpp>
#include <filesystem>
#include <sstream>
#include <variant>
#include <vector>

#include "config/flags.h"
#include "config/range.h"
#include "config/toml_file.h"
#include "error.h"
#include "nearest.h"
#include "printable.h"

namespace {

// region fields
// A knob is called batch_size in a file and --batch-size on the command line.
struct Field {
  std::string key;
  std::variant<std::string Config::*, int64_t Config::*, double Config::*> member;
  std::string help;
  course::Range range = {};
};

const std::vector<Field> kFields{
    {"dataset", &Config::dataset, "fashion-mnist or mnist"},
    {"data_dir", &Config::data_dir, "folder with the IDX files; empty: looked for"},
    {"batch_size", &Config::batch_size, "samples in a batch", course::at_least(1)},
    {"limit_train_batches", &Config::limit_train_batches, "in an epoch; 0: all",
     course::at_least(0)},
    {"flip", &Config::flip, "chance of a training picture to be mirrored", course::between(0, 1)},
    {"workers", &Config::workers, "threads that make batches; 0: none", course::between(0, 64)},
    {"model", &Config::model, "mlp or cnn"},
    {"hidden", &Config::hidden, "width of the hidden layer", course::at_least(1)},
    {"channels", &Config::channels, "of the cnn's first convolution", course::at_least(1)},
    {"dropout", &Config::dropout, "share of features left out", course::between(0, 1)},
    {"optimizer", &Config::optimizer, "sgd or adam"},
    {"learning_rate", &Config::learning_rate, "length of a step", course::greater_than(0)},
    {"momentum", &Config::momentum, "of sgd", course::between(0, 1)},
    {"weight_decay", &Config::weight_decay, "pull of the weights to 0", course::at_least(0)},
    {"epochs", &Config::epochs, "times through the training set", course::at_least(1)},
    {"seed", &Config::seed, "of all that is random", course::at_least(0)},
    {"device", &Config::device, "auto, cpu, cuda, cuda:N or mps"},
    {"threads", &Config::threads, "of the CPU; 0: half of its cores", course::between(0, 1024)},
};
// endregion

std::string flag_of(const Field& field) {
  std::string flag = field.key;
  std::replace(flag.begin(), flag.end(), '_', '-');
  return flag;
}

// region assign
// Text in, checked value out, wherever the text comes from; `name` says where that was.
void assign(Config& config, const Field& field, const std::string& name, const std::string& text) {
  std::visit(
      [&](auto member) {
        using Value = std::remove_reference_t<decltype(config.*member)>;
        if constexpr (std::is_same_v<Value, std::string>) {
          config.*member = course::checked_text(name, text);
        } else {
          config.*member = course::checked_number<Value>(name, text, field.range);
        }
      },
      field.member);
}
// endregion

// "; did you mean epochs?", or nothing.
std::string did_you_mean(const std::string& key, const std::string& dashes,
                         std::string (*spelled)(const Field&)) {
  std::vector<std::string> known;
  for (const Field& field : kFields) known.push_back(spelled(field));
  const std::string meant = course::nearest(key, known);
  return meant.empty() ? "" : "; did you mean " + dashes + meant + "?";
}

std::string text_of(const toml::node& node) {
  std::ostringstream text;
  text << toml::toml_formatter(node, toml::format_flags::none);
  return text.str();
}

// The value as TOML spells it: 64, 0.1, "mlp".
std::string value_text(const Config& config, const Field& field) {
  const auto write = [&](auto member) {
    using Value = std::decay_t<decltype(config.*member)>;
    if constexpr (std::is_same_v<Value, std::string>) {
      return text_of(toml::value(config.*member));
    } else {
      std::string text = fmt::format("{}", config.*member);
      const bool is_whole = text.find_first_of(".e") == std::string::npos;
      if (std::is_floating_point_v<Value> && is_whole) text += ".0";
      return text;
    }
  };
  return std::visit(write, field.member);
}

// region file
void read_file(Config& config, const std::string& path) {
  if (!std::filesystem::is_regular_file(path)) {
    throw course::UsageError("--config takes a TOML file, but '" + path + "' is none");
  }
  const toml::table table = course::read_toml(path);
  for (const auto& [toml_key, node] : table) {
    const std::string key(toml_key.str());
    const std::string name = fmt::format("{}:{}: {}", path, node.source().begin.line, key);
    const auto field = std::find_if(kFields.begin(), kFields.end(),
                                    [&](const Field& one) { return one.key == key; });
    if (field == kFields.end()) {
      const auto spelled = [](const Field& one) { return one.key; };
      throw course::UsageError(name + " is no known key" + did_you_mean(key, "", spelled));
    }
    std::string text = text_of(node);
    if (std::holds_alternative<std::string Config::*>(field->member)) {
      if (!node.is_string()) {
        throw course::UsageError(name + " takes text in quotes, not " + course::printable(text));
      }
      text = node.ref<std::string>();
    }
    assign(config, *field, name, text);
  }
}
// endregion

// region flags
cxxopts::ParseResult parse_flags(int argc, const char* const* argv) {
  cxxopts::Options options("step08", "Train, then evaluate on the test set.");
  auto add = options.custom_help("[flags]").allow_unrecognised_options().add_options();
  add("help", "show this text and leave");
  add("config", "TOML file with values for the flags below", cxxopts::value<std::string>(), "FILE");
  add("print-config", "print all values as such a file and leave");
  for (const Field& field : kFields) {
    const std::string help = fmt::format("{} ({})", field.help, value_text({}, field));
    add(flag_of(field), help, cxxopts::value<std::string>(), "VALUE");
  }
  try {
    cxxopts::ParseResult parsed = options.parse(argc, argv);
    if (parsed.count("help") > 0) throw course::HelpRequested{options.help()};
    return parsed;
  } catch (const std::exception& error) {  // cxxopts' own, whose names changed with its versions
    throw course::UsageError(std::string(error.what()) + " (--help lists the flags)");
  }
}
// endregion

}  // namespace

// region precedence
CommandLine read_command_line(int argc, const char* const* argv) {
  const cxxopts::ParseResult flags = parse_flags(argc, argv);
  for (const std::string& word : flags.unmatched()) {
    const std::string key = word.substr(std::min(word.find_first_not_of('-'), word.size()));
    throw course::UsageError("unknown argument " + word + did_you_mean(key, "--", flag_of));
  }
  CommandLine result;
  result.print_config = flags.count("print-config") > 0;
  if (flags.count("config") > 0) read_file(result.config, flags["config"].as<std::string>());
  for (const Field& field : kFields) {
    const std::string flag = flag_of(field);
    if (flags.count(flag) > 0) {
      assign(result.config, field, "--" + flag, flags[flag].as<std::string>());
    }
  }
  return result;
}
// endregion

// region to_toml
std::string to_toml(const Config& config) {
  std::string text;
  for (const Field& field : kFields) {
    const std::string line = fmt::format("{} = {}", field.key, value_text(config, field));
    text += fmt::format("{:26} # {}\n", line, field.help);
  }
  return text;
}
// endregion
