// What a fuzzer runs: a run that goes on from a checkpoint in which some values are others. It may
// end, or be refused with an Error; anything else is a finding.
//
// Each input changes the checkpoint of tests/lit/full_run.h: which values, and to what, its bytes
// say. Built as a program it runs the inputs it is given, which the tests do with the corpus, or
// random ones:
//
//     fuzz_checkpoint FILE...
//     fuzz_checkpoint --seconds 600 [SEED]
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "../common/temporary_folder.h"
#include "../lit/full_run.h"
#include "error.h"
#include "lit/core/messages.h"
#include "remove_tree.h"
#include "serialize/torch_file.h"

namespace {

namespace fs = std::filesystem;
using course::Dict;
using course::List;
using course::Tuple;
using course::Value;

constexpr unsigned kLongest = 60;  // seconds for one input, under sanitizers

// The bytes of an input; zeros behind its end.
class Source {
 public:
  Source(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  bool is_over() const { return at_ >= size_; }
  uint64_t number(int bytes) {
    uint64_t result = 0;
    while (bytes-- > 0) result = result << 8 | (at_ < size_ ? data_[at_++] : 0);
    return result;
  }
  template <typename T>
  const T& one_of(const std::vector<T>& all) {
    return all[number(2) % all.size()];
  }

 private:
  const uint8_t* data_;
  size_t size_, at_ = 0;
};

// The paths of all values but the root.
void collect(const Value& tree, const std::string& at, std::vector<std::string>& paths) {
  const auto visit = [&](const std::string& key, const Value& value) {
    if (key.empty() || key.find('/') != std::string::npos) return;  // files: see best_k_models
    const std::string path = at.empty() ? key : at + "/" + key;
    paths.push_back(path);
    collect(value, path, paths);
  };
  if (tree.is<Dict>()) {
    for (const auto& [key, value] : tree.as_dict()) visit(lit::testing::key_text(key), value);
  } else if (tree.is<List>() || tree.is<Tuple>()) {
    const List& items = tree.is<List>() ? tree.as_list() : tree.as_tuple();
    for (size_t i = 0; i < items.size(); ++i) visit(std::to_string(i), items[i]);
  }
}

int64_t any_whole(Source& source) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  static const std::vector<int64_t> kNumbers{-1,
                                             0,
                                             1,
                                             2,
                                             3,
                                             4,
                                             5,
                                             7,
                                             -2,
                                             100,
                                             255,
                                             256,
                                             1LL << 31,
                                             1LL << 32,
                                             1LL << 53,
                                             (1LL << 53) + 1,
                                             (1LL << 53) - 1,
                                             1LL << 62,
                                             kMost,
                                             kMost - 1,
                                             -kMost,
                                             -kMost - 1};
  return source.number(1) < 200 ? source.one_of(kNumbers) : static_cast<int64_t>(source.number(8));
}

double any_number(Source& source) {
  using Limits = std::numeric_limits<double>;
  static const std::vector<double> kNumbers{Limits::quiet_NaN(),
                                            Limits::infinity(),
                                            -Limits::infinity(),
                                            Limits::max(),
                                            Limits::lowest(),
                                            Limits::denorm_min(),
                                            -1.0,
                                            -0.0,
                                            0.0,
                                            0.5,
                                            1.0,
                                            2.0,
                                            1e-8,
                                            1e300,
                                            1e18,
                                            0x1p53,
                                            0x1p62,
                                            0x1p63,
                                            -0x1p63};
  if (source.number(1) < 200) return source.one_of(kNumbers);
  const uint64_t bits = source.number(8);
  double number = 0;
  std::memcpy(&number, &bits, sizeof number);
  return number;
}

torch::Tensor any_tensor(Source& source, const torch::Tensor& like) {
  static const std::vector<torch::ScalarType> kTypes{
      torch::kFloat32, torch::kFloat64, torch::kFloat16, torch::kBFloat16,    torch::kInt64,
      torch::kInt32,   torch::kUInt8,   torch::kBool,    torch::kComplexFloat};
  static const std::vector<std::vector<int64_t>> kSizes{
      {}, {0}, {1}, {2}, {3}, {2, 3}, {3, 2}, {1, 1}, {0, 2}, {4, 2}, {2, 0, 3}, {100}, {5056}};
  switch (source.number(1) % 5) {
    case 0:
      return like.to(source.one_of(kTypes));
    case 1:
      return torch::zeros(source.one_of(kSizes), source.one_of(kTypes));
    case 2:
      return torch::zeros_like(like);
    case 3:
      return torch::full(like.sizes(), any_number(source), torch::kFloat64).to(like.scalar_type());
    default: {  // some of its bytes
      torch::Tensor copy = like.clone().contiguous();
      if (copy.numel() == 0) return copy;
      auto* bytes = static_cast<uint8_t*>(copy.data_ptr());
      const uint64_t size = static_cast<uint64_t>(copy.numel()) * copy.element_size();
      for (uint64_t n = source.number(1) % 8 + 1; n > 0; --n) {
        bytes[source.number(2) % size] = static_cast<uint8_t>(source.number(1));
      }
      return copy;
    }
  }
}

Value any_value(Source& source, const Value& there, const std::vector<Value>& others) {
  switch (source.number(1) % 10) {
    case 0:
      return {};
    case 1:
      return source.number(1) % 2 == 0;
    case 2:
      return any_whole(source);
    case 3:
      return any_number(source);
    case 4: {
      static const std::vector<std::string> kTexts{"",
                                                   "x",
                                                   std::string("a\0b", 3),
                                                   "/",
                                                   "..",
                                                   "../../x",
                                                   "batch_end",
                                                   "epoch_end",
                                                   "validated",
                                                   "epoch_start",
                                                   "batch_start",
                                                   "training_step",
                                                   "\x1b[2J\n",
                                                   std::string(5000, 'y'),
                                                   "\xff"};
      return source.one_of(kTexts);
    }
    case 5:
      return any_tensor(source, torch::zeros({2, 3}));
    case 6:
      return List{any_whole(source), any_number(source)};
    case 7:
      return Tuple{{any_number(source)}};
    case 8:
      return Dict{{"x", any_whole(source)}, {any_whole(source), Value()}};
    default:
      return others.empty() ? there : source.one_of(others);
  }
}

// Numbers become other numbers mostly, tensors other tensors, lists and dicts shorter or longer.
std::optional<Value> changed(Source& source, const Value& there, const std::vector<Value>& others) {
  const uint64_t how = source.number(1);
  if (how < 16) return std::nullopt;
  if (how < 64) return any_value(source, there, others);
  if (there.is<bool>()) return !there.as_bool();
  if (there.is<int64_t>()) return any_whole(source);
  if (there.is<double>()) return any_number(source);
  if (there.is<torch::Tensor>()) return any_tensor(source, there.as_tensor());
  if (there.is<List>() || there.is<Tuple>()) {
    List items = there.is<List>() ? there.as_list() : there.as_tuple();
    if (how % 3 == 0 && !items.empty()) items.pop_back();
    if (how % 3 == 1) items.push_back(any_value(source, there, others));
    if (how % 3 == 2 && !items.empty()) items.push_back(items[source.number(1) % items.size()]);
    return there.is<List>() ? Value(items) : Value(Tuple{items});
  }
  if (there.is<Dict>() && there.as_dict().size() > 0) {
    Dict dict = there.as_dict();
    const auto item = dict.begin() + static_cast<std::ptrdiff_t>(source.number(1) % dict.size());
    const Value value = item->second;
    dict.set(how % 2 == 0 ? Value("another") : Value(any_whole(source)), value);
    return dict;
  }
  return any_value(source, there, others);
}

struct Good {
  course::testing::TemporaryFolder folder;
  fs::path kept = folder.path() / "kept", run = folder.path() / "run";
  Value tree;

  Good() {
    lit::set_message_handler([](lit::Level, const std::string&) {});
    at::set_num_threads(1);
    lit::testing::run({.folder = run, .save = (folder.path() / "good.ckpt").string()});
    tree = course::read_torch_file(folder.path() / "good.ckpt");
    fs::rename(run, kept);
  }
};

int64_t refused = 0, ended = 0;

}  // namespace

// libtorch keeps some memory for as long as it lives.
extern "C" const char* __asan_default_options() {
  return "detect_leaks=0";
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Good good;
  Source source(data, size);
  Value tree = good.tree;
  for (int changes = 0; changes < 4 && !source.is_over(); ++changes) {
    std::vector<std::string> paths;
    collect(tree, "", paths);
    if (paths.empty()) break;
    std::vector<Value> others;
    lit::testing::edited(tree, source.one_of(paths), [&](const Value& there) {
      others.push_back(there);
      return there;
    });
    tree = lit::testing::edited(tree, source.one_of(paths),
                                [&](const Value& there) { return changed(source, there, others); });
  }
  course::remove_tree(good.run);
  fs::copy(good.kept, good.run, fs::copy_options::recursive);
  alarm(kLongest);
  try {
    const fs::path file = good.folder.path() / "bad.ckpt";
    course::write_torch_file(file, tree);
    lit::testing::run({.folder = good.run, .from = file.string(), .batches = 6});
    ++ended;
  } catch (const course::Error&) {
    ++refused;
  }
  alarm(0);
  return 0;
}

#ifndef COURSE_FUZZER
namespace {

void run_input(const std::vector<uint8_t>& bytes) {
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

// What ends the program is in the file, and is run again as an argument.
void run_random(int64_t seconds, uint64_t seed) {
  const fs::path file = fs::temp_directory_path() / ("fuzz_checkpoint." + std::to_string(getpid()));
  std::printf("random inputs from the seed %llu; the last one is in %s\n",
              static_cast<unsigned long long>(seed), file.c_str());
  std::fflush(stdout);
  std::mt19937_64 random(seed);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  while (std::chrono::steady_clock::now() < end) {
    std::vector<uint8_t> bytes(5 + random() % 60);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
    std::ofstream(file, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    run_input(bytes);
  }
  fs::remove(file);
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() > 1 && words[0] == "--seconds") {
    run_random(std::stoll(words[1]),
               words.size() > 2 ? std::stoull(words[2]) : std::random_device()());
  } else {
    for (const std::string& name : words) {
      std::ifstream file(name, std::ios::binary);
      run_input({std::istreambuf_iterator<char>(file), {}});
    }
  }
  std::printf("%lld inputs: %lld refused, %lld runs that ended\n",
              static_cast<long long>(refused + ended), static_cast<long long>(refused),
              static_cast<long long>(ended));
  return words.empty() ? 2 : 0;
}
#endif
