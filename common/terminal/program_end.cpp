// How a program ends: one sentence, and an exit code.
#include "terminal/program_end.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <new>
#include <regex>

#include "compat/torch.h"
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

}  // namespace

void finish_output() {
  std::cout.flush();
  if (std::cout.fail() || std::fflush(stdout) != 0) {
    throw Error("standard output could not be written (is the disk full?)");
  }
}

int report_end(const std::exception_ptr& error, const std::string& batch_size) {
  const std::string remedy = batch_size.empty() ? "" : "; a smaller " + batch_size + " needs less";
  try {
    std::rethrow_exception(error);
  } catch (const Interrupted& stop) {
    std::fflush(stdout);
    std::cerr << stop.what() << std::endl;
    return 128 + stop.signal();
  } catch (const UsageError& usage) {
    return fail(2, usage.what());
  } catch (const c10::Error& of_torch) {
    const std::string no_memory = out_of_memory(of_torch.what_without_backtrace());
    return fail(1, no_memory.empty() ? of_torch.what_without_backtrace() : no_memory + remedy);
  } catch (const std::bad_alloc&) {
    return fail(1, "the machine has no memory left" + remedy);
  } catch (const std::exception& other) {
    return fail(1, other.what());
  } catch (...) {
    return fail(1, "an exception that is no std::exception");
  }
}

}  // namespace course
