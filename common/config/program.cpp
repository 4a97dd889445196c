// Runs a program's body and turns what it throws into one sentence and an exit code.
#include "config/program.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <new>
#include <regex>
#include <string>

#include "compat/torch.h"
#include "config/flags.h"
#include "device/threads.h"
#include "error.h"
#include "printable.h"
#include "terminal/format.h"
#include "terminal/interrupt.h"

namespace course {
namespace {

// Whatever a message carries, a terminal does nothing but show it.
int fail(int code, const std::string& message) {
  std::fflush(stdout);
  std::string lines;
  for (size_t begin = 0; begin <= message.size();) {
    const size_t end = std::min(message.find('\n', begin), message.size());
    lines += (begin == 0 ? "" : "\n") + printable(message.substr(begin, end - begin), 10'000);
    begin = end + 1;
  }
  std::cerr << "error: " << lines << std::endl;
  return code;
}

// What libtorch says when a device, or the machine, has no memory left, without its advice; "" of
// other errors.
std::string out_of_memory(const std::string& said) {
  const auto found = [&said](const char* pattern) {
    std::smatch match;
    return std::regex_search(said, match, std::regex(pattern)) ? match[1].str() : std::string();
  };
  if (const std::string bytes = found("DefaultCPUAllocator:.* tried to allocate ([0-9]+) bytes");
      !bytes.empty()) {
    return "the machine has no memory left for " +
           format_bytes(static_cast<int64_t>(std::strtod(bytes.c_str(), nullptr))) + " more";
  }
  const std::string wanted = found("out of memory. Tried to allocate ([0-9.]+ [A-Za-z]+)");
  if (wanted.empty()) return "";
  const std::string gpu = found("GPU ([0-9]+)");
  const std::string free = found("([0-9.]+ [KMGT]?i?B) (?:is )?free");
  std::string all = found("total capacity of ([0-9.]+ [A-Za-z]+)");
  if (all.empty()) all = found("([0-9.]+ [A-Za-z]+) total capacity");  // up to 2.0
  return (gpu.empty() ? "the device" : "cuda:" + gpu) + " has no memory left for " + wanted +
         " more" + (free.empty() || all.empty() ? "" : ": " + free + " of " + all + " are free");
}

void finish_output() {
  std::cout.flush();
  if (std::cout.fail() || std::fflush(stdout) != 0) {
    throw Error("standard output could not be written (is the disk full?)");
  }
}

}  // namespace

int run_program(const std::function<void()>& body, const std::string& batch_size) {
  const std::string remedy = batch_size.empty() ? "" : "; a smaller " + batch_size + " needs less";
  try {
    set_up_threads();
    body();
    finish_output();
    return 0;
  } catch (const HelpRequested& help) {
    std::cout << help.text << std::flush;
    return 0;
  } catch (const Interrupted& stop) {
    std::fflush(stdout);
    std::cerr << stop.what() << std::endl;
    return 128 + stop.signal();
  } catch (const UsageError& error) {
    return fail(2, error.what());
  } catch (const c10::Error& error) {
    const std::string no_memory = out_of_memory(error.what_without_backtrace());
    return fail(1, no_memory.empty() ? error.what_without_backtrace() : no_memory + remedy);
  } catch (const std::bad_alloc&) {
    return fail(1, "the machine has no memory left" + remedy);
  } catch (const std::exception& error) {
    return fail(1, error.what());
  }
}

}  // namespace course
