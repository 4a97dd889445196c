// Settings from three sources, with three mistakes.
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
  for (const auto& [key, flag] : flags) settings[key] = flag.value;
  for (const auto& [key, value] : file) settings[key] = value;
  return settings;
}
