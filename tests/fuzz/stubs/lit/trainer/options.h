// In place of the trainer's options, of which a config needs this.
#pragma once

#include <cstdint>
#include <variant>

namespace lit {

using Limit = std::variant<int64_t, double>;

}  // namespace lit
