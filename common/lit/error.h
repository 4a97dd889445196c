// The one family of errors that the trainer library throws.
#pragma once

#include "../error.h"
#include "terminal/interrupt.h"

namespace lit {

/// Something that was given to the library, or that a module returned to it, is not valid.
/// The message is one sentence: what was wrong, what was expected, what was found, what to do.
/// Errors of libtorch and of the user's own hooks pass through as they are.
class Error : public course::Error {
 public:
  using course::Error::Error;
};

/// Runs an action of the libraries below this one: their errors become this one's.
template <typename Action>
decltype(auto) with_own_errors(Action&& action) {
  try {
    return action();
  } catch (const course::Error& error) {
    throw Error(error.what());
  }
}

/// Thrown by an entry point of the Trainer after Ctrl-C (SIGINT), SIGTERM or SIGHUP, when the state
/// has been put in order; signal() tells which. Programs exit with 128 + signal().
using Interrupted = course::Interrupted;

}  // namespace lit
