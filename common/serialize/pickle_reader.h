// The machine behind unpickle(): bytes to a tree of plain nodes. It knows nothing of libtorch, so
// that a fuzzer can run it a million times.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "serialize/zip_reader.h"

namespace course {

/// What a pickle is made of. Lists and dicts may be referred to from several places.
struct PickleNode {
  enum class Kind { value, list, tuple, dict, name, tensor, storage, mark };
  using Constant = std::variant<std::monostate, bool, int64_t, double, std::string>;

  /// Some numbers of a storage.
  struct Tensor {
    std::string storage;   ///< its key
    std::string type;      ///< "float32", "int64", …
    int64_t elements = 0;  ///< how many numbers the storage has
    int64_t offset = 0;
    std::vector<int64_t> sizes = {}, strides = {};
  };

  Kind kind = Kind::value;
  Constant value = {};
  std::vector<PickleNode*> items = {};  ///< list, tuple; dict: key, value, key, value …
  std::string name = {};                ///< name: "torch.float32"; storage: its key
  Tensor tensor = {};
};

/// Reads the pickle of a file of torch.save. Nothing in it is run, and nothing that it says is
/// believed: every tensor lies within its storage, and what is nested has an end.
class PickleReader {
 public:
  /// @param storage gives the bytes of the tensor storage of that key
  PickleReader(const Bytes& pickle, const std::function<Bytes(const std::string&)>& storage);
  ~PickleReader();
  PickleReader(const PickleReader&) = delete;
  PickleReader& operator=(const PickleReader&) = delete;

  /// The root: values, lists, tuples, dicts, tensors and names of dtypes, no deeper than a hundred
  /// levels. It lives as long as the reader.
  /// @throws Error, a sentence without a subject, for everything that is not as it must be
  const PickleNode& read();

 private:
  class Machine;
  std::unique_ptr<Machine> machine_;
};

}  // namespace course
