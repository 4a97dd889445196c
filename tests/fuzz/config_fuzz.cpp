// Step 12's config: a TOML file, a line of %%, and the words of a command line, each on its own
// line. What passes is the same after it was written and read again.
#include "config.h"

#include <sstream>
#include <string>
#include <vector>

#include "config/flags.h"
#include "error.h"
#include "fuzz.h"

namespace {

const ProgramInfo kProgram{.name = "fuzz", .summary = "Reads a config.", .base = "train"};

Config read(const std::string& toml, std::vector<std::string> words) {
  const MemoryFile file(toml.data(), toml.size());
  words.insert(words.begin(), {"fuzz", "--config", file.path()});
  std::vector<const char*> argv;
  for (const std::string& word : words) argv.push_back(word.c_str());
  return compose(base_of("train"),
                 read_command_line(static_cast<int>(argv.size()), argv.data(), kProgram));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  const std::string mark = "\n%%\n";
  const size_t at = input.find(mark);
  std::vector<std::string> words;
  std::istringstream lines(at == std::string::npos ? "" : input.substr(at + mark.size()));
  for (std::string word; std::getline(lines, word);) words.push_back(word);
  try {
    const Config config = read(input.substr(0, at), words);
    const std::string written = to_toml(config);
    if (to_toml(read(written, {})) != written) abort();
    if (to_toml(from_dict(to_dict(config))) != written) abort();
  } catch (const course::Error&) {
  } catch (const course::HelpRequested&) {
  }
  return 0;
}
