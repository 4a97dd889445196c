// Every knob of an experiment: its name, its range, and how it is read, composed and written.
#include "config.h"

#include <spdlog/fmt/fmt.h>

#include <toml++/toml.h>
#include <cxxopts.hpp>
#include <filesystem>
#include <map>
#include <sstream>
#include <variant>
#include <vector>

#include "config/choice.h"
#include "config/flags.h"
#include "config/range.h"
#include "config/toml_file.h"
#include "error.h"
#include "nearest.h"
#include "printable.h"

namespace {

const std::filesystem::path kConfigs = STEP12_CONFIGS;

// region fields
// A knob is called optimizer.lr on the command line, and lr in the table [optimizer] of a file.
using Knob = std::variant<std::string*, int64_t*, double*, bool*, lit::Limit*>;

struct Field {
  std::string key;
  Knob (*of)(Config&);
  std::string help;
  course::Range range = {};
};

#define KNOB(member) #member, [](Config & config) -> Knob { return &config.member; }
const std::vector<Field> kFields{
    {KNOB(seed), "of all that is random", course::at_least(0)},
    {KNOB(threads), "of the CPU; 0: half of its cores", course::between(0, 1024)},
    {KNOB(run_dir), "where run folders are made; empty: $COURSE_RUNS or runs"},
    {KNOB(data.name), "fashion-mnist or mnist"},
    {KNOB(data.dir), "folder with the IDX files; empty: looked for"},
    {KNOB(data.validation),
     "share of the training set that is held out; 0: the test set is watched",
     course::between(0, 0.999)},
    {KNOB(data.batch_size), "samples in a batch", course::at_least(1)},
    {KNOB(data.normalize), "pixels of mean 0 and deviation 1; false: from 0 to 1"},
    {KNOB(data.flip), "chance of a training picture to be mirrored", course::between(0, 1)},
    {KNOB(data.keep_on_device), "share of a GPU's free memory that the data may take",
     course::between(0, 1)},
    {KNOB(model.name), "mlp or cnn"},
    {KNOB(model.hidden), "width of the hidden layer", course::at_least(1)},
    {KNOB(model.channels), "of the cnn's first convolution", course::at_least(1)},
    {KNOB(model.dropout), "share of features left out", course::between(0, 1)},
    {KNOB(model.classes), "numbers of those that may be predicted, \"0,2,6\"; empty: all"},
    {KNOB(optimizer.name), "adam, adamw or sgd"},
    {KNOB(optimizer.lr), "length of a step", course::greater_than(0)},
    {KNOB(optimizer.momentum), "of sgd", course::between(0, 1)},
    {KNOB(optimizer.weight_decay), "pull of the weights to 0", course::at_least(0)},
    {KNOB(optimizer.fused), "one pass over the weights (lit::Adam); false: torch::optim's"},
    {KNOB(scheduler.name), "none, plateau (watches val_loss) or cosine"},
    {KNOB(scheduler.factor), "of plateau: what lr is multiplied by", course::between(0, 1)},
    {KNOB(scheduler.patience), "of plateau: epochs that are borne", course::at_least(0)},
    {KNOB(early_stopping.patience), "epochs without improvement that are borne",
     course::at_least(1)},
    {KNOB(early_stopping.min_delta), "least improvement that counts", course::at_least(0)},
    {KNOB(early_stopping.warmup), "epochs that do not count", course::at_least(0)},
    {KNOB(trainer.accelerator), "auto, cpu, cuda or mps"},
    {KNOB(trainer.max_epochs), "times through the training set", course::at_least(1)},
    {KNOB(trainer.fast_dev_run), "batches of everything, once; 0: off", course::at_least(0)},
    {KNOB(trainer.limit_train_batches), "20: so many; 0.5: that share", course::at_least(0)},
    {KNOB(trainer.limit_val_batches), "the same", course::at_least(0)},
    {KNOB(trainer.limit_test_batches), "the same", course::at_least(0)},
    {KNOB(trainer.overfit_batches), "the same, again and again; 0.0: off", course::at_least(0)},
    {KNOB(trainer.log_every_n_steps), "to loggers", course::at_least(0)},
    {KNOB(trainer.accumulate_grad_batches), "batches for one step", course::at_least(1)},
    {KNOB(trainer.gradient_clip_val), "largest norm of the gradients; 0: any", course::at_least(0)},
    {KNOB(trainer.profiler), "simple or pytorch; empty: none"},
    {KNOB(trainer.flush_denormal), "tiny numbers count as 0"},
};
#undef KNOB
// endregion

// region assign
bool checked_bool(const std::string& name, const std::string& text) {
  if (text == "true" || text == "false") return text == "true";
  throw course::UsageError(name + " takes true or false, not '" + course::printable(text) + "'");
}

// Text in, checked value out, wherever the text comes from; `name` says where that was.
void assign(Config& config, const Field& field, const std::string& name, const std::string& text) {
  std::visit(
      [&](auto* value) {
        using Value = std::remove_pointer_t<decltype(value)>;
        if constexpr (std::is_same_v<Value, std::string>) {
          *value = course::checked_text(name, text);
        } else if constexpr (std::is_same_v<Value, bool>) {
          *value = checked_bool(name, text);
        } else if constexpr (std::is_same_v<Value, lit::Limit>) {
          // 1 is one batch, 1.0 is all of them
          if (text.find_first_of(".eE") == std::string::npos) {
            *value = course::checked_number<int64_t>(name, text, field.range);
          } else {
            *value = course::checked_number<double>(name, text, course::between(0, 1));
          }
        } else {
          *value = course::checked_number<Value>(name, text, field.range);
        }
      },
      field.of(config));
}
// endregion

// The knob called `key`; `name` says where that stands.
const Field& find_field(const std::string& key, const std::string& name) {
  std::vector<std::string> known;
  for (const Field& field : kFields) {
    if (field.key == key) return field;
    known.push_back(field.key);
    known.push_back(field.key.substr(field.key.find('.') + 1));  // lr, for optimizer.lr
  }
  std::string meant = course::nearest(key, known);
  for (const Field& field : kFields) {
    if (field.key.ends_with("." + meant)) meant = field.key;
  }
  throw course::UsageError(name + " is no known key" +
                           (meant.empty() ? "" : "; did you mean " + meant + "?"));
}

std::string text_of(const toml::node& node) {
  std::ostringstream text;
  text << toml::toml_formatter(node, toml::format_flags::none);
  return text.str();
}

// A number as TOML spells it: 64, 0.1, 1.0.
template <typename Number>
std::string number_text(Number number) {
  std::string text = fmt::format("{}", number);
  const bool is_whole = text.find_first_of(".e") == std::string::npos;
  return std::is_floating_point_v<Number> && is_whole ? text + ".0" : text;
}

// "optimizer" and "lr", of optimizer.lr; "" and "seed".
std::pair<std::string, std::string> parts_of(const std::string& key) {
  const size_t dot = key.find('.');
  if (dot == std::string::npos) return {"", key};
  return {key.substr(0, dot), key.substr(dot + 1)};
}

// As it stands in a file; the copy of the config is what knobs point into.
std::string value_text(const Field& field, Config config) {
  const auto write = [](auto* value) {
    using Value = std::remove_pointer_t<decltype(value)>;
    if constexpr (std::is_same_v<Value, std::string>) {
      return text_of(toml::value(*value));
    } else if constexpr (std::is_same_v<Value, lit::Limit>) {
      return std::visit([](auto number) { return number_text(number); }, *value);
    } else {
      return number_text(*value);
    }
  };
  return std::visit(write, field.of(config));
}

// A value of a dict, as it would be typed.
std::string text_of(const course::Value& value) {
  if (value.is<std::string>()) return value.as_string();
  if (value.is<int64_t>()) return number_text(value.as_int());
  if (value.is<bool>()) return number_text(value.as_bool());
  return number_text(value.as_double());
}

course::Value value_of(const Field& field, Config config) {
  const auto read = [](auto* value) -> course::Value {
    if constexpr (std::is_same_v<decltype(value), lit::Limit*>) {
      return std::visit([](auto number) { return course::Value(number); }, *value);
    } else {
      return *value;
    }
  };
  return std::visit(read, field.of(config));
}

// region file
void read_table(Config& config, const toml::table& table, const std::string& path,
                const std::string& section) {
  for (const auto& [toml_key, node] : table) {
    const std::string key = section + std::string(toml_key.str());
    if (const toml::table* inner = node.as_table()) {
      read_table(config, *inner, path, key + ".");
      continue;
    }
    const std::string name = fmt::format("{}:{}: {}", path, node.source().begin.line, key);
    const Field& field = find_field(key, name);
    std::string text = text_of(node);
    if (std::holds_alternative<std::string*>(field.of(config))) {
      if (!node.is_string()) {
        throw course::UsageError(name + " takes text in quotes, not " + course::printable(text));
      }
      text = node.ref<std::string>();
    }
    assign(config, field, name, text);
  }
}

void read_file(Config& config, const std::string& path) {
  if (!std::filesystem::is_regular_file(path)) {
    throw course::UsageError("a config is a TOML file, but '" + path + "' is none");
  }
  read_table(config, course::read_toml(path), path, "");
}
// endregion

// region groups
// The files of configs/GROUP by their names: a new experiment is a new file.
void read_group(Config& config, const std::string& group, const std::string& name) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(kConfigs / group)) {
    files[entry.path().stem().string()] = entry.path().string();
  }
  read_file(config, course::choose(group, name, files));
}
// endregion

void read_dict(Config& config, const course::Dict& dict, const std::string& section) {
  for (const auto& [name, value] : dict) {
    const std::string key = section + name.as_string();
    if (value.is<course::Dict>()) {
      read_dict(config, value.as_dict(), key + ".");
      continue;
    }
    const std::string where = "config: " + course::printable(key);
    assign(config, find_field(key, where), where, text_of(value));
  }
}

// What stands before and behind the first = of a word.
std::pair<std::string, std::string> split(const std::string& word) {
  const size_t equals = word.find('=');
  return {word.substr(0, equals), word.substr(equals + 1)};
}

}  // namespace

// region compose
Config compose(const std::filesystem::path& base, const CommandLine& command_line) {
  Config config;
  read_file(config, base.string());
  override_with(config, command_line);
  return config;
}

void override_with(Config& config, const CommandLine& command_line) {
  for (const std::string group : {"experiment", "debug"}) {
    for (const std::string& word : command_line.words) {
      const auto [key, value] = split(word);
      if (key == group) read_group(config, group, value);
    }
  }
  if (!command_line.file.empty()) read_file(config, command_line.file);
  for (const std::string& word : command_line.words) {
    const auto [key, value] = split(word);
    if (key == "experiment" || key == "debug") continue;
    assign(config, find_field(key, key), key, value);
  }
  // A run that is resumed from another working directory means the same places.
  for (std::string* place : {&config.data.dir, &config.run_dir}) {
    if (!place->empty()) *place = std::filesystem::absolute(*place).string();
  }
}
// endregion

std::filesystem::path base_of(const std::string& base) {
  return kConfigs / (base + ".toml");
}

CommandLine read_command_line(int argc, const char* const* argv, const ProgramInfo& program) {
  cxxopts::Options options(program.name, program.summary);
  auto add = options.custom_help("[flags] [experiment=NAME] [debug=NAME] [KEY=VALUE ...]")
                 .allow_unrecognised_options()
                 .add_options();
  add("help", "show this text and leave");
  add("config", "TOML file with values for the keys", cxxopts::value<std::string>(), "FILE");
  add("print-config", "print all values as such a file and leave");
  if (!program.flag.empty()) {
    add(program.flag, program.help, cxxopts::value<std::string>(), program.takes);
  }
  CommandLine result;
  bool wants_help = false;
  try {
    const cxxopts::ParseResult parsed = options.parse(argc, argv);
    const auto text = [&](const std::string& flag) {
      return parsed.count(flag) > 0 ? parsed[flag].as<std::string>() : "";
    };
    result.file = text("config");
    if (!program.flag.empty()) result.flag = text(program.flag);
    result.print_config = parsed.count("print-config") > 0;
    result.words = parsed.unmatched();
    wants_help = parsed.count("help") > 0;
  } catch (const std::exception& error) {  // cxxopts' own, whose names changed with its versions
    throw course::UsageError(std::string(error.what()) + " (--help lists the flags)");
  }
  if (wants_help) {
    const std::string keys = "\nKeys, and the values they have here:\n\n";
    throw course::HelpRequested{options.help() + keys +
                                to_toml(compose(base_of(program.base), {}))};
  }
  for (const std::string& word : result.words) {
    if (word.starts_with("-") || word.find('=') == std::string::npos) {
      throw course::UsageError("unknown argument " + word +
                               "; a value is given as KEY=VALUE (--help lists the keys)");
    }
  }
  return result;
}

// region to_toml
std::string to_toml(const Config& config) {
  std::string text, section;
  for (const Field& field : kFields) {
    const auto [table, key] = parts_of(field.key);
    if (table != section) text += fmt::format("\n[{}]\n", section = table);
    text += fmt::format("{:26} # {}\n", fmt::format("{} = {}", key, value_text(field, config)),
                        field.help);
  }
  return text;
}
// endregion

// region dict
course::Dict to_dict(const Config& config) {
  course::Dict dict;
  std::map<std::string, course::Dict> tables;
  for (const Field& field : kFields) {
    const auto [table, key] = parts_of(field.key);
    const course::Value value = value_of(field, config);
    if (table.empty()) {
      dict.set(key, value);
      continue;
    }
    tables[table].set(key, value);
    dict.set(table, tables[table]);
  }
  return dict;
}

Config from_dict(const course::Dict& dict) {
  Config config;
  read_dict(config, dict, "");
  return config;
}
// endregion
