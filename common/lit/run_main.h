// The main() of a program that trains: errors as one sentence, and the exit codes that shells know.
#pragma once

#include <functional>

namespace lit {

/// Calls `body` and returns what main() returns:
///
///     int main() {
///       return lit::run_main([] {
///         lit::Trainer trainer({.max_epochs = 10});
///         trainer.fit(std::make_shared<LitClassifier>(), train_loader());
///       });
///     }
///
/// 0 when it is done; 1 after an exception, with one line `error: ...` on standard error; 2 after a
/// lit::UsageError (a value that the program was called with); 130 after Ctrl-C, 143 after
/// SIGTERM, 129 after SIGHUP. libtorch gets the number of threads that suits the machine first,
/// which OMP_NUM_THREADS overrides.
int run_main(const std::function<void()>& body);

}  // namespace lit
