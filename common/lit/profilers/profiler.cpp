// Profiler: where the time of a run goes.
#include "lit/profilers/profiler.h"

#include <system_error>

#include "lit/core/messages.h"
#include "lit/error.h"
#include "lit/profilers/pytorch_profiler.h"
#include "lit/profilers/simple_profiler.h"
#include "serialize/append_file.h"

namespace lit {

void Profiler::setup(const std::string& stage, const std::filesystem::path& log_dir) {
  stage_ = stage;
  log_dir_ = log_dir;
}

void Profiler::describe() {
  const std::string text = summary();
  if (text.empty()) return;
  if (filename_.empty()) {
    info(text.substr(0, text.find_last_not_of('\n') + 1));
  } else {
    with_own_errors([&] { course::append_to(file(".txt"), text); });
  }
}

std::filesystem::path Profiler::file(const std::string& extension) const {
  const std::filesystem::path folder = dirpath_.empty() ? log_dir_ : dirpath_;
  std::error_code code;
  if (!folder.empty()) std::filesystem::create_directories(folder, code);
  if (code) {
    throw Error("the profiler's folder " + folder.string() + " cannot be made: " + code.message() +
                "; give it another dirpath");
  }
  std::string name = stage_ + (filename_.empty() ? "" : "-" + filename_) + extension;
  for (char& c : name) {
    if (c == '/' || c == '\\') c = '_';
  }
  return folder / name;
}

std::shared_ptr<Profiler> make_profiler(const ProfilerChoice& choice) {
  if (const auto* made = std::get_if<std::shared_ptr<Profiler>>(&choice)) return *made;
  const std::string& name = std::get<std::string>(choice);
  if (name.empty()) return nullptr;
  if (name == "simple") return std::make_shared<SimpleProfiler>();
  if (name == "pytorch") return std::make_shared<PyTorchProfiler>();
  throw Error("profiler is \"" + name + "\", but must be simple, pytorch, or a Profiler" +
              (name == "advanced" ? "; Lightning's advanced one is Python's own: for functions of "
                                    "C++ there is perf"
                                  : ""));
}

}  // namespace lit
