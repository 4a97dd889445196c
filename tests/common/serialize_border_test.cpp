// Checkpoint files from anywhere: what they may become is in proportion to their size, nothing in
// them is believed, and what crosses the border to Python is the same on both sides.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <torch/torch.h>
#include <zlib.h>

#include <chrono>
#include <fstream>
#include <map>
#include <sstream>

#include "error.h"
#include "serialize/python_text.h"
#include "serialize/safetensors.h"
#include "serialize/state_dict.h"
#include "serialize/torch_file.h"
#include "serialize/zip_reader.h"
#include "temporary_folder.h"

namespace {

namespace fs = std::filesystem;
using course::Dict;
using course::List;
using course::Tuple;
using course::Value;
using course::testing::TemporaryFolder;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// Any other exception than an Error fails the test.
std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const course::Error& error) {
    return error.what();
  }
  return "no error";
}

// ---- what it costs

int64_t status_bytes(const std::string& name) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind(name + ":", 0) == 0) return std::stoll(line.substr(name.size() + 1)) * 1024;
  }
  return 0;
}

// Memory and time of a program with a sanitizer in it say nothing of the program: there both are 0.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kInstrumented = true;
#else
constexpr bool kInstrumented = false;
#endif

// By how many bytes the memory of this process rises at most meanwhile.
int64_t peak_of(const std::function<void()>& action) {
  malloc_trim(0);
  std::ofstream("/proc/self/clear_refs") << 5;  // the peak is now
  const int64_t before = status_bytes("VmRSS");
  action();
  return kInstrumented ? 0 : status_bytes("VmHWM") - before;
}

double seconds_of(const std::function<void()>& action) {
  const auto begin = std::chrono::steady_clock::now();
  action();
  if (kInstrumented) return 0;
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

constexpr int64_t kMiB = 1 << 20;

// ---- files made by hand

std::string little_endian(uint64_t number, int width) {
  std::string bytes;
  for (int i = 0; i < width; ++i) bytes += static_cast<char>(number >> (8 * i));
  return bytes;
}

struct Record {
  std::string name, content;
  int64_t same_place_as = -1;  // another one's number
};

std::string zip_of(const std::vector<Record>& records) {
  std::string file, directory;
  std::vector<size_t> places;
  for (const Record& record : records) {
    const std::string& content = record.same_place_as < 0
                                     ? record.content
                                     : records[static_cast<size_t>(record.same_place_as)].content;
    const auto checksum =
        crc32(0, reinterpret_cast<const Bytef*>(content.data()), static_cast<uInt>(content.size()));
    const std::string facts = little_endian(checksum, 4) + little_endian(content.size(), 4) +
                              little_endian(content.size(), 4) +
                              little_endian(record.name.size(), 2) + little_endian(0, 2);
    places.push_back(record.same_place_as < 0 ? file.size()
                                              : places[static_cast<size_t>(record.same_place_as)]);
    if (record.same_place_as < 0) {
      file.append("PK\x03\x04").append(10, '\0').append(facts + record.name + content);
    }
    directory.append("PK\x01\x02").append(12, '\0').append(facts).append(10, '\0');
    directory += little_endian(places.back(), 4) + record.name;
  }
  const std::string count = little_endian(records.size(), 2);
  return file + directory + "PK\x05\x06" + std::string(4, '\0') + count + count +
         little_endian(directory.size(), 4) + little_endian(file.size(), 4) + std::string(2, '\0');
}

std::string file_of(const std::string& pickle, const std::string& storage = std::string(40, '\0')) {
  return zip_of({{"archive/data.pkl", pickle}, {"archive/data/0", storage}});
}

Value read(const std::string& pickle, const std::string& storage = std::string(40, '\0')) {
  const TemporaryFolder folder;
  return course::read_torch_file(folder.write("x.pt", file_of(pickle, storage)));
}

std::string long_string(const std::string& text) {
  return "X" + little_endian(text.size(), 4) + text;
}

std::string whole_number(int64_t number) {
  return std::string("\x8a\x08") + little_endian(static_cast<uint64_t>(number), 8);
}

std::string tuple_of(const std::vector<int64_t>& numbers) {
  std::string text = "(";
  for (const int64_t number : numbers) text += whole_number(number);
  return text + "t";
}

// A tensor of the storage 0, from its beginning; `more` stands behind the usual arguments.
std::string tensor_pickle(const std::string& type, const std::vector<int64_t>& sizes,
                          const std::vector<int64_t>& strides, const std::string& more = "") {
  return "ctorch._utils\n_rebuild_tensor_v2\n((U\x07storagectorch\n" + type +
         "\nU\x01"
         "0U\x03"
         "cpuK\x0atQK" +
         std::string(1, '\0') + tuple_of(sizes) + tuple_of(strides) + "\x89N" + more + "tR";
}

const std::string kBegin = "\x80\x02";

// ---- small files, large work

TEST(SerializeBudget, AStringThatIsReferredToOftenIsHeldOnce) {
  std::string pickle = kBegin + "](" + long_string(std::string(kMiB, 'x')) + "q" + '\1';
  for (int i = 0; i < 300; ++i) pickle += "h\1";
  const int64_t peak = peak_of([&] {
    const Value value = read(pickle + "e.");
    EXPECT_EQ(value.as_list().size(), 301);
    EXPECT_EQ(value.as_list().back().as_string().size(), kMiB);
  });
  EXPECT_LT(peak, 50 * kMiB);
}

TEST(SerializeBudget, ManySmallValuesTakeLittle) {
  const std::string pickle = kBegin + "](" + std::string(2'000'000, 'N') + "e.";
  const int64_t peak = peak_of([&] { EXPECT_EQ(read(pickle).as_list().size(), 2'000'000); });
  EXPECT_LT(peak, 220 * kMiB);
}

TEST(SerializeBudget, ManyKeysTakeLittleTime) {
  std::string pickle = kBegin + "}(";
  for (int64_t i = 0; i < 60'000; ++i) {
    pickle += long_string("key " + std::to_string(i)) + "N" + whole_number(i << 20) + "N";
  }
  const double seconds = seconds_of([&] {
    const Value value = read(pickle + "u.");
    EXPECT_EQ(value.as_dict().size(), 120'000);
    EXPECT_NE(value.as_dict().find("key 777"), nullptr);
    EXPECT_NE(value.as_dict().find(int64_t{777} << 20), nullptr);
    EXPECT_EQ(value.as_dict().find(1), nullptr);
  });
  EXPECT_LT(seconds, 5);
}

TEST(SerializeBudget, KeysThatAreNoNumberStayApartAndCostNothing) {
  std::string pickle = kBegin + "}(";
  for (int i = 0; i < 50'000; ++i) pickle += "G\x7f\xf8" + std::string(6, '\0') + "N";
  EXPECT_LT(seconds_of([&] { EXPECT_EQ(read(pickle + "u.").as_dict().size(), 50'000); }), 5);
}

TEST(SerializeBudget, ListsThatAreSharedAreReadOnce) {
  // Twenty lists, each holding the one before twice: a million values for who walks through them.
  std::string bomb = kBegin + "](N" + std::string("eq\1");
  for (char i = 1; i < 20; ++i) {
    bomb += std::string("]q") + static_cast<char>(i + 100) + "(h" + i + "h" + i + "eq" +
            static_cast<char>(i + 1);
  }
  EXPECT_LT(peak_of([&] { EXPECT_EQ(read(bomb + ".").as_list().size(), 2); }), 30 * kMiB);
}

TEST(SerializeBudget, RecordsOfOnePlaceAreRefused) {
  const TemporaryFolder folder;
  std::vector<Record> records{{"archive/data.pkl", kBegin + "N."},
                              {"archive/data/0", std::string(1000, '\0')}};
  EXPECT_EQ(error_of([&] { course::read_torch_file(folder.write("x.pt", zip_of(records))); }),
            "no error");
  records.push_back({"archive/data/1", "", 1});
  EXPECT_THAT(error_of([&] { course::read_torch_file(folder.write("x.pt", zip_of(records))); }),
              HasSubstr("overlaps another"));
  records.pop_back();
  records.push_back({"archive/data.pkl", kBegin + "K\1."});
  EXPECT_THAT(error_of([&] { course::read_torch_file(folder.write("x.pt", zip_of(records))); }),
              HasSubstr("it has two records called archive/data.pkl"));
}

TEST(SerializeBudget, TensorsAreNoLargerThanWhatIsStoredAllowsFor) {
  const std::string ones = tensor_pickle("FloatStorage", {1000, 1000}, {0, 0});
  EXPECT_EQ(read(kBegin + ones + ".").as_tensor().sizes(), (std::vector<int64_t>{1000, 1000}));
  const int64_t many = int64_t{1} << 40;
  EXPECT_THAT(error_of([&] { read(kBegin + tensor_pickle("FloatStorage", {many}, {0}) + "."); }),
              HasSubstr("far more numbers than are stored in it"));
  std::string list = kBegin + "](" + ones + "q\1";
  for (int i = 0; i < 200; ++i) list += ones;
  EXPECT_THAT(error_of([&] { read(list + "e."); }), HasSubstr("far more numbers than are stored"));
}

TEST(SerializeBudget, WhatLibtorchRefusesHasTheFilesName) {
  for (const auto& sizes : std::vector<std::vector<int64_t>>{
           {int64_t{1} << 40, int64_t{1} << 40}, {int64_t{1} << 62, int64_t{1} << 62, 0}}) {
    const std::vector<int64_t> strides(sizes.size(), 0);
    EXPECT_THAT(
        error_of([&] { read(kBegin + tensor_pickle("FloatStorage", sizes, strides) + "."); }),
        AllOf(HasSubstr("x.pt is damaged"), Not(HasSubstr("Exception"))));
  }
  const std::vector<int64_t> deep(100, 1);
  EXPECT_THAT(error_of([&] { read(kBegin + tensor_pickle("FloatStorage", deep, deep) + "."); }),
              HasSubstr("too many dimensions"));
}

TEST(SerializeBudget, AFileThatIsCutShortWhileItIsReadIsAnError) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "x.pt";
  course::write_torch_file(path, Dict{{"w", torch::zeros({1'000'000})}});
  const course::ZipReader zip(path);
  fs::resize_file(path, 5000);
  EXPECT_THAT(error_of([&] { zip.read("archive/data/0"); }), HasSubstr("is cut short or damaged"));
}

TEST(SerializeBudget, ALargeTensorIsReadIntoItsPlace) {
  const TemporaryFolder folder;
  const int64_t numbers = 64 * kMiB;
  course::write_torch_file(folder.path() / "x.pt", Dict{{"w", torch::ones({numbers})}});
  course::write_safetensors(folder.path() / "x.safetensors", Dict{{"w", torch::ones({numbers})}});
  const int64_t once = 4 * numbers;
  EXPECT_LT(peak_of([&] { course::read_torch_file(folder.path() / "x.pt"); }), once + 30 * kMiB);
  EXPECT_LT(peak_of([&] { course::read_safetensors(folder.path() / "x.safetensors"); }),
            once + 30 * kMiB);
}

TEST(SerializeBudget, ManyTensorsTakeLittleMoreThanTheirNumbers) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "x.pt";
  Dict state;
  for (int i = 0; i < 16'000; ++i) {
    state.set("layer" + std::to_string(i) + ".weight", torch::zeros({256}));
  }
  course::write_torch_file(path, Dict{{"state_dict", state}});
  course::write_safetensors(folder.path() / "x.safetensors", state);
  state = {};
  Value read;
  EXPECT_LT(
      peak_of([&] { EXPECT_LT(seconds_of([&] { read = course::read_torch_file(path); }), 2); }),
      80 * kMiB);
  EXPECT_EQ(read.as_dict().at("state_dict").as_dict().size(), 16'000);
  read = {};
  EXPECT_LT(seconds_of([&] { course::read_safetensors(folder.path() / "x.safetensors"); }), 2);
}

// ---- what is written and read is what it says

TEST(SerializeExchange, MarksBelongToThoseWhoSetThem) {
  const Value value = read(kBegin + "](K\1\x85K\2K\3\x86(K\4\x85t}K\5K\6se.");
  ASSERT_EQ(value.as_list().size(), 4);
  EXPECT_EQ(value.as_list()[0].as_tuple()[0].as_int(), 1);
  EXPECT_EQ(value.as_list()[1].as_tuple()[1].as_int(), 3);
  EXPECT_EQ(value.as_list()[2].as_tuple()[0].as_tuple()[0].as_int(), 4);
  EXPECT_EQ(value.as_list()[3].as_dict().at(5).as_int(), 6);
  for (const char* pickle : {"](Na.", "(N\x86.", "}(NNs."}) {
    EXPECT_THAT(error_of([&] { read(kBegin + pickle); }), HasSubstr("is damaged")) << pickle;
  }
}

TEST(SerializeExchange, ValuesCanBeTakenBack) {
  EXPECT_EQ(read(kBegin + "K\1K\2"
                          "0.")
                .as_int(),
            1);
  EXPECT_EQ(read(kBegin + "K\1(K\2K\3"
                          "1.")
                .as_int(),
            1);
  EXPECT_THAT(error_of([&] { read(kBegin + "0."); }), HasSubstr("is damaged"));
  EXPECT_THAT(error_of([&] {
                read(kBegin +
                     "K\1"
                     "1.");
              }),
              HasSubstr("is damaged"));
}

TEST(SerializeExchange, ASetIsAListWhateverTheProtocol) {
  const std::string two = "K\1K\2";
  for (const std::string& set :
       {"c__builtin__\nset\nq" + std::string(1, '\0') + "](" + two + "e\x85R",
        "c__builtin__\nfrozenset\n](" + two + "e\x85R", "\x8f(" + two + "\x90", "(" + two + "\x91",
        "\x8c\x08"
        "builtins\x8c\x03set\x93](" +
            two + "e\x85R"}) {
    const Value value = read(kBegin + "}U\1s" + set + "s.");
    const List& list = value.as_dict().at("s").as_list();
    ASSERT_EQ(list.size(), 2) << set;
    EXPECT_EQ(list[1].as_int(), 2);
  }
  EXPECT_EQ(read(kBegin + "c__builtin__\nset\n)R.").as_list().size(), 0);
}

// What Python reads and C++ has no use for makes no file unreadable: it is there, and an error for
// who asks for it.
TEST(SerializeExchange, WhatHasNoMeaningStaysUnderItsKey) {
  const std::string complex =
      "c__builtin__\ncomplex\nG" + std::string(8, '\0') + "G" + std::string(8, '\0') + "\x86R";
  const std::string large = "\x8a\x0a" + std::string(10, '\x7f');
  const std::string sparse = "ctorch._utils\n_rebuild_sparse_tensor\n(ctorch\nsparse_coo\nNtR";
  const std::string method =
      "c__builtin__\ngetattr\nctorch.optim.lr_scheduler\nOneCycleLR\n)\x81}U\toptimizer"
      "ccollections\ndefaultdict\nc__builtin__\ndict\n\x85RU\1xK\1ssbU\4_cos\x86R";
  for (const auto& [pickle, what] :
       std::map<std::string, std::string>{{complex, "a complex number"},
                                          {large, "a whole number of more than 64 bits"},
                                          {sparse, "a sparse tensor"},
                                          {"ctorch\nqint8\n", "torch.qint8"},
                                          {method, "torch.optim.lr_scheduler.OneCycleLR"}}) {
    const Value value = read(kBegin + "}(U\1z" + pickle + "U\1nK\7u.");
    const Dict& dict = value.as_dict();
    EXPECT_EQ(dict.at("n").as_int(), 7) << what;
    ASSERT_TRUE(dict.at("z").is<course::Unusable>()) << what;
    EXPECT_EQ(dict.at("z").kind(), what);
    EXPECT_EQ(error_of([&] { dict.at("z").as_double(); }),
              "a number was expected, but it is " + what);
    EXPECT_EQ(course::unusable_values(value), "z (" + what + ")");
    const TemporaryFolder folder;
    EXPECT_THAT(error_of([&] { course::write_torch_file(folder.path() / "x", value); }),
                HasSubstr(what + " cannot be stored"));
  }
}

TEST(SerializeExchange, WhatPythonRefusesStaysRefused) {
  for (const std::string pickle :
       {"cos\nsystem\nU\2ls\x85R", "c__main__\nThing\n)\x81",
        "c__builtin__\neval\nU\1"
        "1\x85R",
        "c__builtin__\ngetattr\ncos\nsystem\nU\1x\x86R", "cposix\nsystem\n",
        "ccollections\ndefaultdict\nc__builtin__\ndict\n\x85R",
        // An object that is of no use is no cover for what would be called on the way to it.
        "ctorch.optim.sgd\nSGD\n)\x81}U\1xcos\nsystem\nU\2ls\x85Rsb"}) {
    EXPECT_THAT(error_of([&] { read(kBegin + "}(U\1z" + pickle + "U\1nK\7u."); }),
                HasSubstr("would run"))
        << pickle;
  }
}

TEST(SerializeExchange, BytesAreAStringAndACounterIsADict) {
  const std::string text = "X\3" + std::string(3, '\0') + "a\xc3\xbf";  // "aÿ"
  for (const std::string& bytes :
       {"c_codecs\nencode\n" + text + "U\6latin1\x86R", std::string("C\2a\xff"),
        "B" + little_endian(2, 4) + "a\xff", "\x96" + little_endian(2, 8) + "a\xff",
        "c__builtin__\nbytearray\n" + text + "U\7latin-1\x86R",
        std::string("cbuiltins\nbytearray\nC\2a\xff\x85R")}) {
    EXPECT_EQ(read(kBegin + bytes + ".").as_string(), "a\xff") << bytes;
  }
  EXPECT_EQ(read(kBegin + "c__builtin__\nbytes\n)R.").as_string(), "");
  const Value counter = read(kBegin + "ccollections\nCounter\n}K\5K\2s\x85R.");
  EXPECT_EQ(counter.as_dict().at(5).as_int(), 2);
  EXPECT_THAT(error_of([&] {
                read(kBegin + "c_codecs\nencode\nX\3" + std::string(3, '\0') + "\xe2\x82\xac" +
                     "U\6latin1\x86R.");
              }),
              HasSubstr("is damaged"));
}

TEST(SerializeExchange, OfManyUnusableValuesTheFirstAreTold) {
  List list;
  for (int i = 0; i < 12; ++i) list.emplace_back(course::Unusable{"a thing\x1b"});
  const Value shared = list;
  const std::string told = course::unusable_values(Dict{{"a", shared}, {"b", shared}});
  EXPECT_THAT(told, StartsWith("a[0] (a thing\\x1b), a[1] "));
  EXPECT_THAT(told, testing::EndsWith("a[9] (a thing\\x1b) and 2 more"));
}

TEST(SerializeExchange, AConjugateIsRead) {
  const std::vector<float> numbers{1, 2, 3, -4};
  const std::string storage(reinterpret_cast<const char*>(numbers.data()), 16);
  const auto of = [&](const std::string& metadata) {
    return read(kBegin + tensor_pickle("ComplexFloatStorage", {2}, {1}, metadata) + ".", storage)
        .as_tensor();
  };
  const torch::Tensor plain =
      torch::complex(torch::tensor({1.0F, 3.0F}), torch::tensor({2.0F, -4.0F}));
  EXPECT_TRUE(torch::equal(of(""), plain));
  EXPECT_TRUE(torch::equal(of("}"), plain));
  EXPECT_TRUE(torch::equal(of("}U\4conj\x89s"), plain));
  EXPECT_TRUE(torch::equal(of("}U\4conj\x88s"), plain.conj().resolve_conj()));
  EXPECT_TRUE(torch::equal(of("}(U\4conj\x88U\3neg\x88u"), -plain.conj().resolve_conj()));
  EXPECT_FALSE(of("}U\4conj\x88s").is_conj()) << "its bytes are what it says";
  EXPECT_THAT(error_of([&] { of("}U\4lazy\x88s"); }), HasSubstr("marked as 'lazy'"));
  const Value negative =
      read(kBegin + tensor_pickle("FloatStorage", {2}, {2}, "}U\3neg\x88s") + ".", storage);
  EXPECT_TRUE(torch::equal(negative.as_tensor(), torch::tensor({-1.0F, -3.0F})));
  EXPECT_THAT(error_of([&] {
                read(kBegin + tensor_pickle("FloatStorage", {2}, {1}, "}U\4conj\x88s") + ".",
                     storage);
              }),
              HasSubstr("x.pt"));
}

TEST(SerializeExchange, ConjugateAndNegativeViewsAreWrittenAsWhatTheyAre) {
  const TemporaryFolder folder;
  const torch::Tensor complex = torch::complex(torch::tensor({1.0F}), torch::tensor({2.0F}));
  const torch::Tensor conjugate = complex.conj(), negative = torch::imag(complex.conj());
  ASSERT_TRUE(conjugate.is_conj() && negative.is_neg());
  const fs::path torch_file = folder.path() / "x.pt", safe = folder.path() / "x.safetensors";
  course::write_torch_file(torch_file, List{conjugate, negative});
  const Value read = course::read_torch_file(torch_file);
  EXPECT_EQ(torch::imag(read.as_list()[0].as_tensor())[0].item<float>(), -2);
  EXPECT_EQ(read.as_list()[1].as_tensor()[0].item<float>(), -2);
  course::write_safetensors(safe, Dict{{"w", negative}});
  EXPECT_EQ(course::read_safetensors(safe).tensors.at("w").as_tensor()[0].item<float>(), -2);
}

TEST(SerializeExchange, AStringOfAnyBytesComesBackAndIsPythonsInTheFile) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "x.pt";
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  const std::vector<std::string> texts{
      "/data/caf\xe9",   all, "Grüße", "\xed\xb2\x80", "\xed\xa0\x80", "\xe9\xed\xb3",
      "cut \xf0\x9f\x98"};
  for (const std::string& text : texts) {
    course::write_torch_file(path, Dict{{text, text}});
    const Value read = course::read_torch_file(path);
    EXPECT_EQ(read.as_dict().at(text).as_string(), text);
  }
  course::write_torch_file(path, texts[0]);
  EXPECT_THAT(course::testing::bytes_of(path), HasSubstr("/data/caf\xed\xb3\xa9"));
}

TEST(SerializeExchange, WhatCouldNotBeReadAgainIsNotWritten) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "x.pt";
  Value nested = 1;
  for (int i = 0; i < 150; ++i) nested = List{nested};
  EXPECT_THAT(error_of([&] { course::write_torch_file(path, nested); }),
              HasSubstr("nested more than 100 levels"));
  EXPECT_THAT(error_of([&] {
                course::write_torch_file(path, Dict{{List{1}, 2}});
              }),
              HasSubstr("a list cannot be a key"));
  EXPECT_THAT(error_of([&] {
                course::write_torch_file(path, Dict{{Tuple{{1, 2}}, 2}});
              }),
              HasSubstr("a tuple cannot be a key"));
  EXPECT_FALSE(fs::exists(path));
}

TEST(SerializeExchange, NothingOfAFileReachesTheTerminalAsItIs) {
  const std::string evil = "\x1b[2J\nname\xe2\x80\xae";
  EXPECT_THAT(error_of([&] { read(kBegin + "c\x1b[31m\nx\n."); }),
              AllOf(HasSubstr("\\x1b[31m.x"), Not(HasSubstr("\x1b"))));
  EXPECT_THAT(error_of([&] { read(kBegin + "}" + long_string(evil) + "Ns.").as_dict().at("a"); }),
              HasSubstr("'\\x1b[2J\\nname\\u202e'"));
  torch::nn::Linear linear(1, 1);
  Dict state = course::state_dict(*linear);
  state.set(evil, torch::zeros({1}));
  state.set(std::string(100'000, 'x'), torch::zeros({1}));
  const std::string message = error_of([&] { course::load_state_dict(*linear, state); });
  EXPECT_THAT(message,
              AllOf(HasSubstr("\\x1b[2J\\nname"), Not(HasSubstr("\x1b")), Not(HasSubstr("\n"))));
  EXPECT_LT(message.size(), 1000);
  Dict many;
  for (int i = 0; i < 10'000; ++i) many.set(i, i);
  EXPECT_LT(error_of([&] { many.at("x"); }).size(), 1000);
}

TEST(SerializeExchange, ABatchNormMayLackItsCountOfBatches) {
  torch::nn::Sequential net{torch::nn::Linear(2, 2), torch::nn::BatchNorm1d(2)};
  Dict state;
  for (const auto& [name, tensor] : course::state_dict(*net)) {
    if (name.as_string() != "1.num_batches_tracked") state.set(name, tensor.as_tensor() + 1);
  }
  net[1]->named_buffers()["num_batches_tracked"].fill_(7);
  course::load_state_dict(*net, state);
  EXPECT_EQ(net[1]->named_buffers()["num_batches_tracked"].item<int64_t>(), 0);
  EXPECT_EQ(net[1]->named_buffers()["running_mean"][0].item<float>(), 1);
  EXPECT_EQ(course::load_matching(*net, state), "");
  struct Counter : torch::nn::Module {
    Counter() { register_buffer("num_batches_tracked", torch::zeros({})); }
  } counter;
  EXPECT_THAT(error_of([&] { course::load_state_dict(counter, {}); }),
              HasSubstr("missing: num_batches_tracked"));
}

TEST(SerializeExchange, LocalesChangeNoMessage) {
  torch::nn::Linear linear(1000, 2000);
  struct Grouped : std::numpunct<char> {
    char do_thousands_sep() const override { return '.'; }
    std::string do_grouping() const override { return "\3"; }
    char do_decimal_point() const override { return ','; }
  };
  const std::locale before = std::locale::global(std::locale(std::locale(), new Grouped));
  const std::string message = error_of([&] {
    course::load_state_dict(*linear,
                            {{"weight", torch::zeros({1500})}, {"bias", torch::ones({2000})}});
  });
  std::locale::global(before);
  EXPECT_THAT(message, HasSubstr("weight ([1500] of Float instead of [2000, 1000] of Float)"));
}

TEST(SerializeExchange, TextsOfAnyBytesAreYamlAndPython) {
  const std::string text = "caf\xe9 \x1b\n\xc2\x85\xe2\x80\xa8 'ü' \xef\xbf\xbe \xf0\x9f\x98\x80";
  const std::string escaped = "caf\\udce9 \\x1b\\x0a\\x85\\u2028 ";
  EXPECT_EQ(course::yaml(Dict{{"a", text}}),
            "a: \"" + escaped + "'ü' \\ufffe \xf0\x9f\x98\x80\"\n");
  EXPECT_EQ(course::python_str(List{text}), "['" + escaped + "\\'ü\\' \\ufffe \xf0\x9f\x98\x80']");
  EXPECT_EQ(course::yaml(Dict{{"z", torch::complex(torch::ones({1}), torch::ones({1}))}}), "{}\n");
}

// ---- safetensors

std::string safetensors_error(const std::string& header,
                              const std::string& data = std::string(8, '\0')) {
  const TemporaryFolder folder;
  const fs::path path =
      folder.write("x.safetensors", little_endian(header.size(), 8) + header + data);
  return error_of([&] { course::read_safetensors(path); });
}

TEST(SerializeSafetensorsBorder, OverlapsAndHolesAreRefused) {
  const std::string a = R"("a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]})";
  const std::string b = R"("b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]})";
  EXPECT_EQ(safetensors_error("{" + a + "," + b + "}"), "no error");
  EXPECT_EQ(safetensors_error("{" + b + "," + a + "}"), "no error");
  const std::string overlapping = R"("b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]})";
  for (const std::string& other :
       {overlapping, std::string(R"("b":{"dtype":"U8","shape":[4],"data_offsets":[0,4]})"),
        std::string(R"("b":{"dtype":"U8","shape":[3],"data_offsets":[5,8]})")}) {
    EXPECT_THAT(safetensors_error("{" + a + "," + other + "}"),
                HasSubstr("overlap, or leave holes"));
  }
}

TEST(SerializeSafetensorsBorder, NumbersAreWholeAndNothingStandsTwice) {
  for (
      const char* header :
      {R"({"w":{"dtype":"U8","shape":[8],"data_offsets":[0,8.0]}})",
       R"({"w":{"dtype":"U8","shape":[8],"data_offsets":[0.9,8]}})",
       R"({"w":{"dtype":"U8","shape":[8.5],"data_offsets":[0,8]}})",
       R"({"w":{"dtype":"U8","shape":[8],"data_offsets":[0,8,9]}})",
       R"({"w":{"dtype":"U8","shape":[true,8],"data_offsets":[0,8]}})",
       R"({"w":{"dtype":"U8","shape":[8],"data_offsets":[0,8],"more":1}})",
       R"({"w":{"dtype":"U8","shape":[8],"shape":[8],"data_offsets":[0,8]}})",
       R"({"w":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"w":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}})",
       R"({"__metadata__":{"a":"1","a":"2"},"w":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}})",
       R"({"__metadata__":{"a":1},"w":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}})"}) {
    EXPECT_THAT(safetensors_error(header), HasSubstr("x.safetensors is damaged: ")) << header;
  }
  EXPECT_THAT(safetensors_error("{\"\x1b\\n\":3}"), Not(HasSubstr("\x1b")));
  EXPECT_LT(safetensors_error("{\"" + std::string(100'000, 'x') + "\":3}").size(), 1000);
}

TEST(SerializeSafetensorsBorder, ANestedOrLongHeaderCostsLittle) {
  const std::string deep(3'000'000, '[');
  EXPECT_LT(peak_of([&] { EXPECT_NE(safetensors_error(deep), "no error"); }), 30 * kMiB);
  std::string many = "{";
  for (int i = 0; i < 60'000; ++i) {
    many += "\"" + std::to_string(i) + R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},)";
  }
  many += R"("w":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}})";
  EXPECT_LT(seconds_of([&] { EXPECT_EQ(safetensors_error(many), "no error"); }), 5);
}

TEST(SerializeSafetensorsBorder, NamesThatTheFormHasNotAreNotWritten) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "x.safetensors";
  const torch::Tensor one = torch::ones({1});
  EXPECT_THAT(error_of([&] {
                course::write_safetensors(path, Dict{{"caf\xe9", one}});
              }),
              HasSubstr("UTF-8 alone, which 'caf\\xe9' is not"));
  EXPECT_THAT(error_of([&] {
                course::write_safetensors(path, Dict{{"w", one}}, {{"a", "\xe9"}});
              }),
              HasSubstr("UTF-8 alone"));
  EXPECT_THAT(error_of([&] {
                course::write_safetensors(path, Dict{{"__metadata__", one}});
              }),
              HasSubstr("no tensor called __metadata__"));
  EXPECT_THAT(error_of([&] {
                course::write_safetensors(path, Dict{{"w", torch::Tensor()}});
              }),
              HasSubstr("an undefined tensor cannot be stored"));
  EXPECT_FALSE(fs::exists(path));
  const Dict tensors{{"\"quoted\" \n ü", one}};
  course::write_safetensors(path, tensors, {{"\"", "\\"}});
  EXPECT_EQ(course::read_safetensors(path).metadata.at("\""), "\\");
  EXPECT_TRUE(course::read_safetensors(path).tensors.find("\"quoted\" \n ü") != nullptr);
}

}  // namespace
