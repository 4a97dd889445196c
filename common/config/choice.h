// Picks an entry of a table by the name that the user gave.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "error.h"
#include "nearest.h"
#include "printable.h"

namespace course {

/// The entry called `name`.
/// @param option what the name was given to: "model"
/// @throws UsageError "model takes cnn or mlp, not 'cmn'; did you mean cnn?"
template <typename T>
const T& choose(const std::string& option, const std::string& name,
                const std::map<std::string, T>& table) {
  const auto found = table.find(name);
  if (found != table.end()) return found->second;
  std::vector<std::string> names;
  std::string list;
  for (const auto& [known, entry] : table) {
    if (!names.empty()) list += names.size() + 1 == table.size() ? " or " : ", ";
    list += known;
    names.push_back(known);
  }
  const std::string meant = nearest(name, names);
  throw UsageError(option + " takes " + list + ", not '" + printable(name) + "'" +
                   (meant.empty() ? "" : "; did you mean " + meant + "?"));
}

}  // namespace course
