// Callback: the defaults that are more than nothing.
#include "lit/callbacks/callback.h"

#include "lit/core/names.h"

namespace lit {

std::string Callback::state_key() const {
  return class_name(*this);
}

void Callback::load_state_dict(const course::Dict&) {}

}  // namespace lit
