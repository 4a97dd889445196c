// Reads the TOML files that configs are.
#pragma once

#include <toml++/toml.h>

#include <string>

namespace course {

/// The table that a TOML file holds. Its size, the length of its keys and the depth of its tables
/// have limits that no config comes near, and its keys can stand in a message as they are.
/// @throws UsageError "run.toml:3: …" for what is no TOML, or beyond the limits
toml::table read_toml(const std::string& path);
/// The same of `text`; `path` is what messages call it.
toml::table parse_toml(const std::string& text, const std::string& path);

}  // namespace course
