// Makes OpenMP's threads sleep while they wait for work, unless the user has chosen otherwise.
// libgomp's default is to spin for some milliseconds, and on a machine that has other things to do
// the spinning threads take the processor from the one that everybody waits for: a training step
// then takes five to ten times as long as with one thread. Sleeping costs a few per cent on an idle
// machine.
//
// libgomp reads OMP_WAIT_POLICY when it is loaded, before main and before the constructors of the
// program. A program's .preinit_array runs earlier still, but setenv() has no effect there: the C
// library takes over the kernel's array of variables only afterwards. So the array itself has to
// say it, and it has no free place: a variable that no library looks at while it starts lends its
// own. The first constructor of the program gives the place back and sets the variable as usual,
// for all to see.
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <initializer_list>

#if defined(__linux__) && defined(__GLIBC__)

namespace {

char kPassive[] = "OMP_WAIT_POLICY=passive";
char** place = nullptr;  // in the environment
char* lent = nullptr;    // what stood there

/// The place of the variable `name` in the environment, or nullptr.
char** find(char** environment, const char* name) {
  const std::size_t length = std::strlen(name);
  for (char** entry = environment; *entry != nullptr; ++entry) {
    if (std::strncmp(*entry, name, length) == 0 && (*entry)[length] == '=') return entry;
  }
  return nullptr;
}

void lend_place(int, char**, char** environment) {
  for (const char* name : {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"}) {
    if (find(environment, name) != nullptr) return;
  }
  for (const char* name : {"_", "SHLVL", "OLDPWD", "PWD", "LS_COLORS", "LOGNAME", "USER", "SHELL",
                           "COURSE_SEED", "COLUMNS", "TERM", "HOME"}) {
    place = find(environment, name);
    if (place == nullptr) continue;
    lent = *place;
    *place = kPassive;
    return;
  }
}

[[gnu::section(".preinit_array"), gnu::used]] void (*const before_libraries)(int, char**,
                                                                             char**) = lend_place;

// 101 is the first priority that is not the compiler's own: before any other code of the program.
[[gnu::constructor(101)]] void give_back() {
  if (place == nullptr) return;
  // A library that called setenv() has moved the array.
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (*entry == kPassive) *entry = lent;
  }
  setenv("OMP_WAIT_POLICY", "passive", 0);
}

}  // namespace

#endif
