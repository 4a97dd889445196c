// Names of classes, as a person would say them.
#pragma once

#include <c10/util/Type.h>

#include <string>
#include <typeinfo>

namespace lit {

/// The name of an object's class without its namespaces, and without the Impl of a module that is
/// behind a holder: "EarlyStopping", "Linear".
template <typename T>
std::string class_name(const T& object) {
  std::string name = c10::demangle(typeid(object).name());
  const size_t arguments = name.find('<');
  const size_t colons = name.rfind("::", arguments);
  if (colons != std::string::npos) name = name.substr(colons + 2);
  if (name.size() > 4 && name.ends_with("Impl")) name.resize(name.size() - 4);
  return name;
}

}  // namespace lit
