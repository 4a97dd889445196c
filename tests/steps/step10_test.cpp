// step10: what a checkpoint holds, and what is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <functional>

#include "checkpoint.h"
#include "config.h"
#include "error.h"
#include "remove_tree.h"
#include "seed.h"
#include "serialize/state_dict.h"
#include "serialize/torch_file.h"

namespace {

namespace fs = std::filesystem;
using course::Dict;
using testing::HasSubstr;

class Step10 : public testing::Test {
 protected:
  Step10() {
    std::string name = (fs::temp_directory_path() / "course-step10-XXXXXX").string();
    file_ = fs::path(mkdtemp(name.data())) / "model.pt";
  }
  ~Step10() override { course::remove_tree(file_.parent_path()); }
  static std::string message_of(const std::function<void()>& action) {
    try {
      action();
    } catch (const course::Error& error) {
      return error.what();
    }
    return "no error";
  }

  fs::path file_;
};

TEST_F(Step10, ComesBackAsItWas) {
  Config config;
  config.model = "cnn";
  config.channels = 3;
  config.hidden = 11;
  config.learning_rate = 0.1 + 0.2;
  config.data_dir = "/a \"b\"";
  const auto model = create_model(config);
  save_checkpoint(file_, *model, config, 7);
  const Checkpoint read = load_checkpoint(file_);
  EXPECT_EQ(to_toml(read.config), to_toml(config));
  EXPECT_EQ(read.epoch, 7);
  EXPECT_EQ(fingerprint(*read.model), fingerprint(*model));
}

TEST_F(Step10, HoldsPlainValuesAlone) {
  save_checkpoint(file_, *create_model({}), {}, 1);
  const course::Value value = course::read_torch_file(file_);
  const Dict& file = value.as_dict();
  EXPECT_EQ(file.size(), 3);
  EXPECT_EQ(file.at("config").as_dict().at("learning_rate").as_double(), 0.1);
  EXPECT_EQ(file.at("config").as_dict().at("batch_size").as_int(), 64);
  EXPECT_EQ(file.at("state_dict").as_dict().at("output.bias").as_tensor().numel(), 10);
}

TEST_F(Step10, WeightsOfAnotherModelAreRefusedAndNothingIsChanged) {
  Config narrow;
  narrow.hidden = 5;
  save_checkpoint(file_, *create_model(narrow), narrow, 1);
  const auto model = create_model({});
  const uint64_t before = fingerprint(*model);
  EXPECT_THAT(message_of([&] { load_weights(file_, *model); }),
              HasSubstr("other than in the model: hidden.weight ([5, 784] of Float instead of "
                        "[128, 784] of Float)"));
  EXPECT_EQ(fingerprint(*model), before);
}

TEST_F(Step10, ConfigsInFilesAreCheckedLikeAnyOther) {
  const auto refused = [&](const Dict& config) {
    course::write_torch_file(file_, Dict{{"config", config}, {"epoch", 1}, {"state_dict", Dict()}});
    return message_of([&] { load_checkpoint(file_); });
  };
  EXPECT_THAT(refused({{"hiden", 3}}),
              HasSubstr("config: hiden is no known key; did you mean hidden?"));
  EXPECT_THAT(refused({{"hidden", 0}}),
              HasSubstr("config: hidden takes a whole number of at least 1"));
  EXPECT_THAT(refused({{"hidden", "3x"}}), HasSubstr("config: hidden takes a whole number"));
  EXPECT_THAT(refused({{"model", "rnn"}}), HasSubstr("model takes cnn or mlp, not 'rnn'"));
  EXPECT_THAT(refused({}), HasSubstr("missing: hidden.weight, hidden.bias"));
}

TEST_F(Step10, PlainStateDictsAreWeightsToStartFrom) {
  const auto trained = create_model({});
  course::write_torch_file(file_, course::state_dict(*trained));
  const auto model = create_model({});
  load_weights(file_, *model);
  EXPECT_EQ(fingerprint(*model), fingerprint(*trained));
  EXPECT_THAT(message_of([&] { load_checkpoint(file_); }),
              HasSubstr("no config; start from it with --init"));
}

}  // namespace
