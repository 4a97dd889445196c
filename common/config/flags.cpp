// Flags on top of cxxopts, which parses and formats; types, ranges and messages are ours.
#include "config/flags.h"

#include <cxxopts.hpp>
#include <functional>
#include <utility>
#include <vector>

#include "error.h"
#include "nearest.h"
#include "terminal/format.h"

namespace course {

struct Flags::Impl {
  std::string program;
  cxxopts::Options options;
  std::vector<std::string> names{"help"};
  // Checks one flag's text and returns the assignment, so that nothing is assigned before all is
  // well.
  using Check = std::function<std::function<void()>(const cxxopts::ParseResult&)>;
  std::vector<Check> checks;

  Impl(std::string name, const std::string& summary)
      : program(std::move(name)), options(program, summary) {
    options.custom_help("[flags]");
    options.add_options()("help", "show this text and leave");
    options.allow_unrecognised_options();
  }

  [[noreturn]] void refuse(const std::string& argument) const {
    if (argument.rfind("-", 0) != 0) {
      throw UsageError("unexpected argument '" + argument + "': " + program +
                       " takes flags alone (--help lists them)");
    }
    const std::string flag = argument.substr(0, argument.find('='));
    const std::string meant = nearest(flag.substr(flag.find_first_not_of('-')), names);
    throw UsageError("unknown flag " + flag +
                     (meant.empty() ? "" : ", did you mean --" + meant + "?") +
                     " (--help lists the flags of " + program + ")");
  }
};

Flags::Flags(std::string program, std::string summary)
    : impl_(std::make_unique<Impl>(std::move(program), summary)) {}
Flags::~Flags() = default;

Flags& Flags::add(const std::string& name, std::string& value, const std::string& help) {
  const auto kind = value.empty() ? cxxopts::value<std::string>()
                                  : cxxopts::value<std::string>()->default_value(value);
  impl_->options.add_options()(name, help, kind, "TEXT");
  impl_->names.push_back(name);
  impl_->checks.push_back(
      [name, &value](const cxxopts::ParseResult& parsed) -> std::function<void()> {
        if (parsed.count(name) == 0) return [] {};
        return [text = parsed[name].as<std::string>(), &value] { value = text; };
      });
  return *this;
}

Flags& Flags::add(const std::string& name, int64_t& value, const std::string& help, Range allowed) {
  impl_->options.add_options()(
      name, help, cxxopts::value<std::string>()->default_value(std::to_string(value)), "N");
  impl_->names.push_back(name);
  impl_->checks.push_back([name, &value, allowed](const cxxopts::ParseResult& parsed) {
    const auto number =
        checked_number<int64_t>("--" + name, parsed[name].as<std::string>(), allowed);
    return [number, &value] { value = number; };
  });
  return *this;
}

Flags& Flags::add(const std::string& name, double& value, const std::string& help, Range allowed) {
  impl_->options.add_options()(
      name, help, cxxopts::value<std::string>()->default_value(short_number(value)), "X");
  impl_->names.push_back(name);
  impl_->checks.push_back([name, &value, allowed](const cxxopts::ParseResult& parsed) {
    const auto number =
        checked_number<double>("--" + name, parsed[name].as<std::string>(), allowed);
    return [number, &value] { value = number; };
  });
  return *this;
}

Flags& Flags::add(const std::string& name, bool& value, const std::string& help) {
  impl_->options.add_options()(name, help, cxxopts::value<bool>());
  impl_->names.push_back(name);
  impl_->checks.push_back(
      [name, &value](const cxxopts::ParseResult& parsed) -> std::function<void()> {
        if (parsed.count(name) == 0) return [] {};
        return [set = parsed[name].as<bool>(), &value] { value = set; };
      });
  return *this;
}

void Flags::parse(int argc, const char* const* argv) {
  std::vector<std::function<void()>> assignments;
  try {
    const cxxopts::ParseResult parsed = impl_->options.parse(argc, argv);
    if (parsed.count("help") > 0) throw HelpRequested{impl_->options.help()};
    if (!parsed.unmatched().empty()) impl_->refuse(parsed.unmatched().front());
    for (const auto& check : impl_->checks) assignments.push_back(check(parsed));
  } catch (const UsageError&) {
    throw;
  } catch (
      const std::exception& error) {  // cxxopts' own, whose class names changed with its versions
    throw UsageError(std::string(error.what()) + " (--help lists the flags of " + impl_->program +
                     ")");
  }
  for (const auto& assign : assignments) assign();
}

}  // namespace course
