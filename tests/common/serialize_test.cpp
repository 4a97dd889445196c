// Checkpoint files: what goes in comes out, whatever is damaged is noticed, and a file is always
// whole.
#include <caffe2/serialize/inline_container.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <torch/torch.h>
#include <unistd.h>

#include <fstream>
#include <random>

#include "data_testing.h"
#include "device/memory.h"
#include "error.h"
#include "serialize/atomic_file.h"
#include "serialize/safetensors.h"
#include "serialize/state_dict.h"
#include "serialize/torch_file.h"

namespace {

namespace fs = std::filesystem;
using course::Dict;
using course::List;
using course::Tuple;
using course::Value;
using course::testing::TemporaryFolder;
using testing::AllOf;
using testing::HasSubstr;

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const course::Error& error) {
    return error.what();
  }
  return "no error";
}

std::string content(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

bool same(const torch::Tensor& a, const torch::Tensor& b) {
  return a.scalar_type() == b.scalar_type() && a.sizes() == b.sizes() && torch::equal(a, b);
}

// ---- values

// A pointer is no bool, as it would become without a word.
static_assert(!std::is_constructible_v<Value, int*> &&
              !std::is_constructible_v<Value, std::nullptr_t> &&
              !std::is_constructible_v<Value, std::shared_ptr<int>>);
static_assert(std::is_convertible_v<bool, Value> && std::is_convertible_v<const char*, Value>);

TEST(SerializeValue, KnowsWhatItIs) {
  EXPECT_EQ(Value(3).as_int(), 3);
  EXPECT_EQ(Value(3).as_double(), 3.0);
  EXPECT_EQ(Value("a").as_string(), "a");
  EXPECT_TRUE(Value(true).as_bool());
  EXPECT_TRUE(Value().is_none());
  EXPECT_EQ(message_of([] { Value(0.5).as_int(); }),
            "a whole number was expected, but it is a number");
  EXPECT_EQ(message_of([] { Value(true).as_int(); }),
            "a whole number was expected, but it is a bool");
  EXPECT_EQ(message_of([] { Value().as_tensor(); }), "a tensor was expected, but it is None");
}

TEST(SerializeValue, DictKeepsItsOrderAndReplacesInPlace) {
  Dict dict{{"b", 1}, {"a", 2}, {3, "x"}};
  dict.set("b", 5);
  EXPECT_EQ(dict.size(), 3);
  EXPECT_EQ(dict.begin()->second.as_int(), 5);
  EXPECT_EQ(dict.at(3).as_string(), "x");
  EXPECT_EQ(dict.find("c"), nullptr);
  EXPECT_EQ(message_of([&] { dict.at("c"); }), "there is no 'c'; there is 'b', 'a', 3");
}

// ---- atomic files

TEST(SerializeAtomicFile, IsTheOldOneUntilTheNewOneIsWhole) {
  const TemporaryFolder folder;
  const fs::path path = folder.write("file", "old");
  EXPECT_THROW(course::write_atomically(path,
                                        [&](const course::Write& write) {
                                          write("new", 3);
                                          EXPECT_EQ(content(path), "old");
                                          throw std::runtime_error("in the middle");
                                        }),
               std::runtime_error);
  EXPECT_EQ(content(path), "old");
  course::write_text_atomically(path, "new");
  EXPECT_EQ(content(path), "new");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()), 1);
}

TEST(SerializeAtomicFile, AFullDiskIsOneSentenceAndLosesNothing) {
  const TemporaryFolder folder;
  const fs::path path = folder.write("model.pt", "old");
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 20000;  // as if the disk were full after so many bytes
  setrlimit(RLIMIT_FSIZE, &small);
  const std::string message = message_of([&] {
    course::write_torch_file(path, Dict{{"w", torch::zeros({100, 1000})}});
  });
  setrlimit(RLIMIT_FSIZE, &before);
  signal(SIGXFSZ, handler);
  EXPECT_EQ(message, path.string() +
                         " could not be written: File too large; what was there before is "
                         "unchanged");
  EXPECT_EQ(content(path), "old");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()), 1);
}

TEST(SerializeAtomicFile, PlacesThatCannotBeWritten) {
  const TemporaryFolder folder;
  folder.write("file", "");
  const auto refused = [&](const fs::path& path) {
    return message_of([&] { course::write_text_atomically(path, "x"); });
  };
  EXPECT_THAT(refused(folder.path() / "no" / "file"), HasSubstr("No such file or directory"));
  EXPECT_THAT(refused(folder.path() / "file" / "x"), HasSubstr("Not a directory"));
  EXPECT_THAT(refused("/proc/x"), HasSubstr("could not be written: "));
  fs::create_directory(folder.path() / "folder");
  EXPECT_THAT(refused(folder.path() / "folder"), HasSubstr("Is a directory"));
  EXPECT_THAT(refused(folder.path() / "folder/"), HasSubstr("Is a directory"));
}

TEST(SerializeAtomicFile, ASigkillAtAnyMomentLeavesTheOldOrTheNewFile) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "model.pt";
  const auto version = [](int64_t number) {
    return Dict{{"number", number}, {"weights", torch::full({50000}, static_cast<double>(number))}};
  };
  course::write_torch_file(path, version(0));
  const unsigned seed = std::random_device()();
  std::mt19937 random(seed);
  int whole = 0;
  useconds_t longest = 15000;  // more on a machine on which no child gets anywhere in that time
  for (int kill_number = 0; kill_number < 50; ++kill_number) {
    int begun[2];  // a pipe: with CUDA's libraries in a process it takes long until its child
                   // begins
    ASSERT_EQ(pipe(begun), 0);
    const pid_t child = fork();
    if (child == 0) {
      if (write(begun[1], "!", 1) != 1) _exit(1);
      for (int64_t number = 1;; ++number) course::write_torch_file(path, version(number));
    }
    close(begun[1]);
    char said = 0;
    ASSERT_EQ(read(begun[0], &said, 1), 1);
    close(begun[0]);
    usleep(std::uniform_int_distribution<useconds_t>(100, longest)(random));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    const Value read = course::read_torch_file(path);  // throws if it is not whole
    const auto number = static_cast<double>(read.as_dict().at("number").as_int());
    const torch::Tensor weights = read.as_dict().at("weights").as_tensor();
    ASSERT_TRUE(torch::equal(weights, torch::full({50000}, number))) << "seed " << seed;
    whole += number > 0 ? 1 : 0;
    if (whole == 0 && kill_number % 5 == 4) longest *= 2;
  }
  EXPECT_GT(whole, 0) << "no child ever wrote a file: the test has tested nothing";
  course::write_torch_file(path, version(0));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()), 1)
      << "what the killed ones left is gone";
}

// ---- torch files

Value roundtrip(const Value& value) {
  const TemporaryFolder folder;
  course::write_torch_file(folder.path() / "x.pt", value);
  return course::read_torch_file(folder.path() / "x.pt");
}

TEST(SerializeTorchFile, PlainValuesComeBack) {
  const Value value = roundtrip(Dict{
      {"none", Value()},
      {"yes", true},
      {"no", false},
      {"ints", List{0, 255, 256, -1, 65536, int64_t{1} << 40, std::numeric_limits<int64_t>::min()}},
      {"pi", 3.141592653589793},
      {"inf", std::numeric_limits<double>::infinity()},
      {"text", "Grüße \n \"x\""},
      {"betas", Tuple{{0.9, 0.999}}},
      {"state", Dict{{0, Dict{{"step", 1}}}, {1, Dict{}}}}});
  const Dict& dict = value.as_dict();
  EXPECT_TRUE(dict.at("none").is_none());
  EXPECT_TRUE(dict.at("yes").as_bool());
  EXPECT_FALSE(dict.at("no").as_bool());
  std::vector<int64_t> ints;
  for (const Value& item : dict.at("ints").as_list()) ints.push_back(item.as_int());
  EXPECT_THAT(ints, testing::ElementsAre(0, 255, 256, -1, 65536, int64_t{1} << 40,
                                         std::numeric_limits<int64_t>::min()));
  EXPECT_EQ(dict.at("pi").as_double(), 3.141592653589793);
  EXPECT_TRUE(std::isinf(dict.at("inf").as_double()));
  EXPECT_EQ(dict.at("text").as_string(), "Grüße \n \"x\"");
  EXPECT_EQ(dict.at("betas").as_tuple()[1].as_double(), 0.999);
  EXPECT_EQ(dict.at("state").as_dict().at(0).as_dict().at("step").as_int(), 1);
  EXPECT_EQ(dict.at("state").as_dict().at(1).as_dict().size(), 0);
  EXPECT_EQ(dict.begin()->first.as_string(), "none") << "the order is kept";
}

TEST(SerializeTorchFile, TensorsOfEveryKindComeBack) {
  std::vector<torch::Tensor> tensors{torch::tensor(1.5), torch::zeros({0, 3}),
                                     torch::rand({3, 4}).t(), torch::arange(100).slice(0, 3, 90, 7),
                                     torch::ones({2, 2}, torch::requires_grad())};
  for (const auto type : {torch::kFloat32, torch::kFloat64, torch::kFloat16, torch::kBFloat16,
                          torch::kUInt8, torch::kInt8, torch::kInt16, torch::kInt32, torch::kInt64,
                          torch::kBool, torch::kComplexFloat}) {
    tensors.push_back(torch::arange(6).to(type).view({2, 3}));
  }
  List list(tensors.begin(), tensors.end());
  const Value read = roundtrip(list);
  ASSERT_EQ(read.as_list().size(), tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i) {
    EXPECT_TRUE(same(read.as_list()[i].as_tensor(), tensors[i].detach())) << i;
    EXPECT_FALSE(read.as_list()[i].as_tensor().requires_grad());
  }
}

TEST(SerializeTorchFile, AViewIsStoredWithItsOwnElementsAlone) {
  const TemporaryFolder folder;
  const torch::Tensor large = torch::rand({1000, 1000});
  course::write_torch_file(folder.path() / "row.pt", large[7]);
  EXPECT_LT(fs::file_size(folder.path() / "row.pt"), 10000);
  course::write_torch_file(folder.path() / "twice.pt", List{large, large});
  EXPECT_LT(fs::file_size(folder.path() / "twice.pt"), 4'100'000) << "the same tensor once";
  const Value twice = course::read_torch_file(folder.path() / "twice.pt");
  EXPECT_TRUE(twice.as_list()[0].as_tensor().is_alias_of(twice.as_list()[1].as_tensor()));
}

TEST(SerializeTorchFile, ViewsThatTogetherAreAllOfAStorageShareIt) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "parts.pt";
  const torch::Tensor all = torch::arange(12, torch::kFloat32);
  // Behind each other, one of them over others, one twice.
  course::write_torch_file(path, List{all.narrow(0, 0, 5).view({5, 1}), all[5], all.narrow(0, 3, 4),
                                      all.narrow(0, 6, 6), all.narrow(0, 6, 6)});
  const Value read = course::read_torch_file(path);
  const List& parts = read.as_list();
  EXPECT_TRUE(same(parts[0].as_tensor(), torch::arange(5, torch::kFloat32).view({5, 1})));
  EXPECT_EQ(parts[1].as_tensor().item<float>(), 5);
  EXPECT_TRUE(same(parts[2].as_tensor(), torch::arange(3, 7, torch::kFloat32)));
  EXPECT_TRUE(same(parts[4].as_tensor(), torch::arange(6, 12, torch::kFloat32)));
  for (const Value& part : parts) {
    EXPECT_EQ(part.as_tensor().storage().nbytes(), 48);
    EXPECT_TRUE(part.as_tensor().is_alias_of(parts[0].as_tensor()));
  }
}

TEST(SerializeTorchFile, ViewsThatAreNotAllOfAStorageAreStoredAlone) {
  const torch::Tensor all = torch::arange(12, torch::kFloat32);
  const torch::Tensor bytes = torch::arange(8, torch::kUInt8);
  const List wanted{all.narrow(0, 0, 5),
                    all.narrow(0, 0, 5),     // the same again
                    all.narrow(0, 6, 6),     // number 5 is missing
                    all.slice(0, 0, 12, 4),  // gaps
                    all[0].expand({3}),      // one number three times
                    torch::arange(4)[2],     // one of four
                    bytes,                   // as two dtypes
                    bytes.view(torch::kInt32)};
  const Value read = roundtrip(wanted);
  for (size_t i = 0; i < wanted.size(); ++i) {
    const torch::Tensor& part = read.as_list()[i].as_tensor();
    EXPECT_TRUE(same(part, wanted[i].as_tensor())) << i;
    EXPECT_EQ(part.storage().nbytes(), part.nbytes()) << i;
  }
  EXPECT_TRUE(read.as_list()[0].as_tensor().is_alias_of(read.as_list()[1].as_tensor()));
}

// What has gaps is copied, one at a time.
TEST(SerializeTorchFile, HoldsOneCopyAtATime) {
  const TemporaryFolder folder;
  const torch::Tensor all = torch::rand({100'000, 8});  // 3 MiB
  List columns;
  Dict named;
  for (int64_t i = 0; i < 4; ++i) {
    columns.emplace_back(all.slice(1, i, 8, 4));
    named.set(std::to_string(i), all.slice(1, i, 8, 4));
  }
  const auto peak = [](const std::function<void()>& action) {
    const course::MemoryMeter meter;
    action();
    return meter.peak_bytes();
  };
  EXPECT_LT(peak([&] { course::write_torch_file(folder.path() / "x.pt", columns); }), 850'000);
  EXPECT_LT(peak([&] { course::write_safetensors(folder.path() / "x", named); }), 850'000);
  // What is all of a storage, in any order, needs none.
  const List whole{all.t(),
                   torch::rand({3, 4, 5, 6}).contiguous(torch::MemoryFormat::ChannelsLast)};
  EXPECT_EQ(peak([&] { course::write_torch_file(folder.path() / "y.pt", whole); }), 0);
  const Value read = course::read_torch_file(folder.path() / "y.pt");
  for (size_t i = 0; i < whole.size(); ++i) {
    EXPECT_TRUE(same(read.as_list()[i].as_tensor(), whole[i].as_tensor()));
    EXPECT_EQ(read.as_list()[i].as_tensor().strides(), whole[i].as_tensor().strides());
  }
}

TEST(SerializeTorchFile, TensorsThatCannotBeStored) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "x.pt";
  EXPECT_THAT(message_of([&] { course::write_torch_file(path, torch::Tensor()); }),
              HasSubstr("an undefined tensor cannot be stored"));
  EXPECT_THAT(message_of([&] { course::write_torch_file(path, torch::eye(3).to_sparse()); }),
              HasSubstr("a sparse or quantised tensor cannot be stored"));
  EXPECT_FALSE(fs::exists(path));
}

TEST(SerializeTorchFile, ForeignFilesAreNamedForWhatTheyAre) {
  const TemporaryFolder folder;
  const auto refused = [&](const std::string& bytes) {
    const fs::path path = folder.write("x.pt", bytes);
    return message_of([&] { course::read_torch_file(path); });
  };
  EXPECT_THAT(refused(""), testing::EndsWith("x.pt is empty"));
  EXPECT_THAT(refused("hello"), HasSubstr("is no file of torch.save"));
  EXPECT_THAT(refused("\x89PNG\r\n"), HasSubstr("is no file of torch.save"));
  EXPECT_THAT(refused("\x80\x02}q."), HasSubstr("is a bare pickle"));
  EXPECT_THAT(refused("PK\x03\x04"), HasSubstr("is cut short or damaged"));
  EXPECT_THAT(message_of([] { course::read_torch_file("/no/such.pt"); }),
              HasSubstr("/no/such.pt cannot be read: No such file or directory"));
  EXPECT_THAT(message_of([] { course::read_torch_file("/tmp"); }), HasSubstr("it is no file"));
  torch::nn::Linear module(2, 2);
  torch::save(module, (folder.path() / "script.pt").string());
  EXPECT_THAT(message_of([&] { course::read_torch_file(folder.path() / "script.pt"); }),
              HasSubstr("is a TorchScript archive"));
}

TEST(SerializeTorchFile, OneFlippedBitInAWeightIsNoticed) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "x.pt";
  course::write_torch_file(path, Dict{{"w", torch::full({64}, 1.0)}});
  std::string bytes = content(path);
  const size_t weight = bytes.find("\x00\x00\x80\x3f", 0, 4);
  ASSERT_NE(weight, std::string::npos);
  bytes[weight] ^= 1;
  folder.write("x.pt", bytes);
  EXPECT_THAT(message_of([&] { course::read_torch_file(path); }),
              HasSubstr("the checksum of its record archive/data/0 is wrong"));
}

TEST(SerializeTorchFile, DamagedFilesGiveErrorsAndNothingElse) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "x.pt";
  course::write_torch_file(path, Dict{{"w", torch::arange(20)}, {"n", List{1, 2.5, "x", Tuple{}}}});
  const std::string good = content(path);
  for (size_t length = 0; length < good.size(); length += 16) {
    folder.write("x.pt", good.substr(0, length));
    EXPECT_NE(message_of([&] { course::read_torch_file(path); }), "no error") << length;
  }
  std::mt19937 random(7);
  for (int trial = 0; trial < 3000; ++trial) {
    std::string bad = good;
    for (int i = 0; i < 1 + trial % 3; ++i)
      bad[random() % bad.size()] = static_cast<char>(random());
    folder.write("x.pt", bad);
    message_of([&] { course::read_torch_file(path); });  // any other exception fails the test
  }
}

// Cut at every length, and with every single bit flipped: refused, or the same values as before
// (some bytes of a zip file say nothing: times, permissions).
TEST(SerializeTorchFile, NoDamageGivesOtherValues) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "x.pt";
  const torch::Tensor weights = torch::arange(6).to(torch::kFloat32);
  course::write_torch_file(path, Dict{{"epoch", 3},
                                      {"state_dict", Dict{{"w", weights}}},
                                      {"lr", List{0.1, Tuple{{true, Value()}}}}});
  const std::string good = content(path);
  for (size_t length = 0; length < good.size(); ++length) {
    folder.write("x.pt", good.substr(0, length));
    EXPECT_NE(message_of([&] { course::read_torch_file(path); }), "no error") << length;
  }
  int64_t refused = 0;
  for (size_t bit = 0; bit < 8 * good.size(); ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
    folder.write("x.pt", bad);
    try {
      const Value value = course::read_torch_file(path);
      const Dict& found = value.as_dict();
      const List& lr = found.at("lr").as_list();
      const bool same =
          found.size() == 3 && found.at("epoch").as_int() == 3 &&
          found.at("state_dict").as_dict().size() == 1 &&
          torch::equal(found.at("state_dict").as_dict().at("w").as_tensor(), weights) &&
          lr.size() == 2 && lr[0].as_double() == 0.1 && lr[1].as_tuple().size() == 2 &&
          lr[1].as_tuple()[0].as_bool() && lr[1].as_tuple()[1].is_none();
      ASSERT_TRUE(same) << "bit " << bit % 8 << " of byte " << bit / 8;
    } catch (const course::Error&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 2000) << "of " << 8 * good.size() << ", most of which fill space";
}

// A zip file of one pickle, made with the writer's own records and a pickle of our choice.
std::string message_of_pickle(const std::string& pickle) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "x.pt";
  {
    std::ofstream file(path, std::ios::binary);
    caffe2::serialize::PyTorchStreamWriter writer(
        std::function<size_t(const void*, size_t)>([&](const void* data, size_t size) {
          file.write(static_cast<const char*>(data), static_cast<std::streamsize>(size));
          return size;
        }));
    const std::string zeros(40, '\0');
    writer.writeRecord("data.pkl", pickle.data(), pickle.size());
    writer.writeRecord("data/0", zeros.data(), zeros.size());
    writer.writeEndOfFile();
  }
  return message_of([&] { course::read_torch_file(path); });
}

// A tensor of ten floats in storage 0, with this offset, size and stride.
std::string tensor_pickle(char offset, char size, char stride) {
  return std::string("\x80\x02") +
         "ctorch._utils\n_rebuild_tensor_v2\n((U\x07storagectorch\nFloatStorage\n" +
         "U\x01"
         "0U\x03"
         "cpuK\x0atQK" +
         offset + "K" + size + "\x85K" + stride + "\x85\x89NtR.";
}

TEST(SerializeTorchFile, DamagedPicklesGiveErrorsAndNothingElse) {
  const std::string tensor = tensor_pickle(0, 10, 1), plain =
                                                          "\x80\x02}q\x01(U\x01"
                                                          "a]K\x01"
                                                          "aK\x05K\x06u.";
  EXPECT_EQ(message_of_pickle(plain), "no error");
  std::mt19937 random(11);
  for (int trial = 0; trial < 3000; ++trial) {
    std::string bad = trial % 2 == 0 ? tensor : plain;
    for (int i = 0; i < 1 + trial % 4; ++i)
      bad[random() % bad.size()] = static_cast<char>(random());
    message_of_pickle(bad);  // its checksums are right; any other exception fails the test
  }
}

TEST(SerializeTorchFile, PicklesThatWouldRunSomethingAreRefused) {
  EXPECT_THAT(message_of_pickle("\x80\x02"
                                "cposix\nsystem\nU\x02ls\x85R."),
              HasSubstr("would run posix.system when Python loads it"));
  EXPECT_THAT(message_of_pickle("\x80\x04\x8c\x08"
                                "builtins\x8c\x04"
                                "eval\x93\x8c\x01"
                                "1\x85R."),
              HasSubstr("would run builtins.eval"));
  EXPECT_THAT(message_of_pickle("\x80\x02"
                                "c__main__\nNet\n."),
              HasSubstr("would run __main__.Net"));
}

TEST(SerializeTorchFile, TensorsBeyondTheirStorageAreRefused) {
  EXPECT_EQ(message_of_pickle(tensor_pickle(0, 10, 1)), "no error");
  for (const auto& [offset, size, stride] :
       std::vector<std::array<char, 3>>{{1, 10, 1}, {0, 11, 1}, {0, 10, 2}, {100, 0, 1}}) {
    EXPECT_THAT(message_of_pickle(tensor_pickle(offset, size, stride)),
                HasSubstr("a tensor is larger than its storage"));
  }
}

TEST(SerializeTorchFile, NestingHasAnEnd) {
  EXPECT_THAT(message_of_pickle("\x80\x02" + std::string(200, ']') + std::string(199, 'a') + "."),
              HasSubstr("nested too deeply"));
  // A list that holds itself.
  EXPECT_THAT(message_of_pickle("\x80\x02]q\x01h\x01"
                                "a."),
              HasSubstr("nested too deeply"));
  // Thirty lists, each holding the one before twice: a thousand million values.
  std::string bomb = "\x80\x02]";
  for (char i = 1; i < 31; ++i) bomb += std::string("q") + i + "0](h" + i + "h" + i + "e";
  EXPECT_NE(message_of_pickle(bomb + "."), "no error");
}

// ---- modules

struct Block : torch::nn::Module {
  Block() {
    scale = register_parameter("scale", torch::ones({2}));
    norm = register_module("norm", torch::nn::BatchNorm1d(2));
    seen = register_buffer("seen", torch::zeros({}, torch::kInt64));
    linear = register_module("linear", torch::nn::Linear(2, 3));
  }
  torch::Tensor scale, seen;
  torch::nn::BatchNorm1d norm{nullptr};
  torch::nn::Linear linear{nullptr};
};

std::vector<std::string> names(const Dict& dict) {
  std::vector<std::string> result;
  for (const auto& [name, value] : dict) result.push_back(name.as_string());
  return result;
}

TEST(SerializeStateDict, HasPythonsNamesInPythonsOrder) {
  EXPECT_THAT(names(course::state_dict(Block())),
              testing::ElementsAre("scale", "seen", "norm.weight", "norm.bias", "norm.running_mean",
                                   "norm.running_var", "norm.num_batches_tracked", "linear.weight",
                                   "linear.bias"));
}

TEST(SerializeStateDict, AliasesTheModuleAndACloneDoesNot) {
  Block block;
  const Dict state = course::state_dict(block);
  const Value copy = course::cloned(Dict{{"inside", List{Tuple{{state}}}}});
  block.scale.detach().fill_(5);
  EXPECT_EQ(state.at("scale").as_tensor()[0].item<float>(), 5);
  const Dict& inner = copy.as_dict().at("inside").as_list()[0].as_tuple()[0].as_dict();
  EXPECT_EQ(inner.at("scale").as_tensor()[0].item<float>(), 1);
}

TEST(SerializeStateDict, LoadsIntoAnotherModule) {
  Block a, b;
  a.norm->running_mean.fill_(3);
  course::load_state_dict(b, course::state_dict(a));
  for (const auto& [name, tensor] : course::state_dict(a)) {
    EXPECT_TRUE(same(tensor.as_tensor(), course::state_dict(b).at(name).as_tensor()));
  }
  EXPECT_TRUE(b.scale.requires_grad());
  EXPECT_FALSE(b.scale.is_alias_of(a.scale));
}

TEST(SerializeStateDict, ListsAllThatDiffersAndLeavesTheModuleAlone) {
  Block block;
  Dict state;
  for (const auto& [name, tensor] : course::state_dict(Block())) {
    if (name.as_string() != "linear.bias") state.set(name, tensor.as_tensor() + 1);
  }
  state.set("linear.weight", torch::zeros({3, 5}));
  state.set("seen", torch::zeros({}));
  state.set("linear.gain", torch::zeros({1}));
  EXPECT_EQ(message_of([&] { course::load_state_dict(block, state); }),
            "the weights are not those of this model; missing: linear.bias; not in the model: "
            "linear.gain; other than in the model: seen ([] of Float instead of [] of Long), "
            "linear.weight ([3, 5] of Float instead of [3, 2] of Float)");
  EXPECT_EQ(block.scale[0].item<float>(), 1);
  const Dict nothing;
  torch::nn::Sequential large;
  for (int i = 0; i < 8; ++i) large->push_back(torch::nn::Linear(1, 1));
  EXPECT_THAT(message_of([&] { course::load_state_dict(*large, nothing); }),
              HasSubstr("2.weight and 11 more"));
}

// ---- safetensors

TEST(SerializeSafetensors, ComeBack) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "x.safetensors";
  const Dict tensors{{"a", torch::rand({2, 3})},
                     {"b.c", torch::arange(3).to(torch::kInt16)},
                     {"empty", torch::zeros({0, 2})},
                     {"one", torch::tensor(true)},
                     {"h", torch::rand({3, 2}).t().to(torch::kBFloat16)}};
  course::write_safetensors(path, tensors, {{"format", "pt"}});
  const course::SafeTensors read = course::read_safetensors(path);
  EXPECT_EQ(read.metadata.at("format"), "pt");
  EXPECT_EQ(names(read.tensors), names(tensors));
  for (const auto& [name, tensor] : tensors) {
    EXPECT_TRUE(same(tensor.as_tensor(), read.tensors.at(name).as_tensor())) << name.as_string();
  }
}

TEST(SerializeSafetensors, HaveTheBytesOfTheSpecification) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "x.safetensors";
  course::write_safetensors(path, Dict{{"w", torch::tensor({1.0F, 2.0F})}});
  const std::string header = R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  EXPECT_EQ(content(path), std::string(1, static_cast<char>(56)) + std::string(7, '\0') + header +
                               std::string(56 - header.size(), ' ') +
                               std::string("\0\0\x80\x3f\0\0\0\x40", 8));
}

TEST(SerializeSafetensors, BadHeadersAreRefused) {
  const TemporaryFolder folder;
  const auto refused = [&](const std::string& header, const std::string& data) {
    std::string length(8, '\0');
    for (int i = 0; i < 8; ++i) length[i] = static_cast<char>(header.size() >> (8 * i));
    const fs::path path = folder.write("x.safetensors", length + header + data);
    return message_of([&] { course::read_safetensors(path); });
  };
  const std::string data(8, '\0');
  EXPECT_EQ(refused(R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", data), "no error");
  for (
      const char* header :
      {R"({"w":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})",
       R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
       R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})",
       R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
       R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"v":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}})",
       R"({"w":{"dtype":"F33","shape":[2],"data_offsets":[0,8]}})",
       R"({"w":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]}})",
       R"({"w":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})",
       R"({"w":{"shape":[2],"data_offsets":[0,8]}})", R"({"w":3})", R"([])", R"({"w")"}) {
    EXPECT_NE(refused(header, data), "no error") << header;
  }
  const fs::path path = folder.write("x.safetensors", std::string(8, '\xff'));
  EXPECT_THAT(message_of([&] { course::read_safetensors(path); }),
              HasSubstr("its header would be longer"));
}

}  // namespace
