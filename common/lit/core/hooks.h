// The hooks by name: for the trace, for errors, and for what may be logged where.
#pragma once

#include <bitset>
#include <cstddef>
#include <string_view>
#include <type_traits>

namespace lit {

/// Every hook and every method of a module or data module that the Trainer calls.
enum class Hook {
#define LIT_HOOK(name) name,
#include "lit/core/hooks.def"
  none  ///< outside of any hook
};

constexpr size_t kHooks = static_cast<size_t>(Hook::none);

/// "on_train_start"; of Hook::none "no hook".
std::string_view name_of(Hook hook);
/// The reverse; Hook::none for an unknown name.
Hook hook_of(std::string_view name);

/// Some of the hooks.
class HookSet {
 public:
  HookSet& set(Hook hook) {
    bits_.set(static_cast<size_t>(hook));
    return *this;
  }
  bool has(Hook hook) const { return bits_.test(static_cast<size_t>(hook)); }

 private:
  std::bitset<kHooks> bits_;
};

/// Where log() may be called, and what it does there unless told otherwise (Lightning's table).
struct LogRule {
  bool allowed = false;
  bool on_step = false;          ///< default
  bool on_epoch = false;         ///< default
  bool step_is_allowed = false;  ///< may on_step be true?
};
LogRule log_rule(Hook hook);

}  // namespace lit
