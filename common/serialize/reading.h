// What goes wrong while a file is read, as one sentence that begins with its path.
#pragma once

#include <c10/util/Exception.h>

#include <exception>
#include <filesystem>
#include <new>
#include <string>

#include "error.h"
#include "printable.h"

namespace course {

/// The result of `body`, which reads the file.
/// @throws Error for whatever `body` throws: its own Errors have no subject, libtorch's know of no
/// file
template <typename Body>
auto reading(const std::filesystem::path& path, Body&& body) {
  const auto first_line = [](const std::string& text) {
    return printable(text.substr(0, text.find('\n')), 300);
  };
  try {
    return body();
  } catch (const Error& error) {
    throw Error(path.string() + " " + error.what());
  } catch (const std::bad_alloc&) {
    throw Error(path.string() + " needs more memory than there is");
  } catch (const c10::Error& error) {
    throw Error(path.string() + " cannot be read: " + first_line(error.what_without_backtrace()));
  } catch (const std::exception& error) {
    throw Error(path.string() + " cannot be read: " + first_line(error.what()));
  }
}

}  // namespace course
