// Values as Python would print them, and as YAML that Python reads.
#pragma once

#include <string>

#include "serialize/value.h"

namespace course {

/// repr() of a float: "2.0", "1e-05", "inf", "nan".
std::string python_float(double number);

/// str() of a value: "3", "True", "None", "abc", "[1, 'a']". A tensor is its shape: "tensor(2, 3)".
std::string python_str(const Value& value);

/// A dict as a YAML document, in its own order: dicts in blocks, lists in brackets, "{}\n" for an
/// empty one. Texts are quoted where YAML 1.1 would take them for anything else. A tensor of one
/// element is a number; other tensors are left out, and complex ones.
std::string yaml(const Dict& dict);

}  // namespace course
