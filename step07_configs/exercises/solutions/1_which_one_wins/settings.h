// Settings from three sources.
#pragma once

#include <map>
#include <stdexcept>
#include <string>

using Settings = std::map<std::string, double>;

/// A flag as a parser of command lines has it: with a value also when nobody wrote it.
struct Flag {
  double value;        // what was written, or the default
  bool given = false;  // was it written?
};

/// The defaults, overridden by the file's values, overridden by the flags that were given. Each key
/// of the file and of the flags must be among the defaults.
/// @throws std::invalid_argument that names a key which is not
inline Settings combine(const Settings& defaults, const Settings& file,
                        const std::map<std::string, Flag>& flags) {
  Settings settings = defaults;
  const auto assign = [&](const std::string& key, double value) {
    const auto found = settings.find(key);
    if (found == settings.end()) throw std::invalid_argument(key + " is no known key");
    found->second = value;
  };
  for (const auto& [key, value] : file) assign(key, value);
  for (const auto& [key, flag] : flags) {
    if (flag.given) assign(key, flag.value);
  }
  return settings;
}
