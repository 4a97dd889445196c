// The machine behind unpickle(): bytes to a tree of plain nodes. It knows nothing of libtorch, so
// that a fuzzer can run it a million times.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "serialize/bytes.h"

namespace course {

struct PickleItems;
struct PickleTensor;

/// What a pickle is made of. Texts lie in the pickle; lists, dicts and tensors may be referred to
/// from several places.
struct PickleNode {
  enum class Kind : uint8_t {
    none,
    boolean,
    integer,
    number,
    string,
    list,  ///< a set, too
    tuple,
    dict,
    name,   ///< "torch.float32"
    bytes,  ///< Python's bytes, which are a string here
    tensor,
    unusable,  ///< what has no meaning here; view() says what it is
    storage,
    mark,
    refused  ///< an object of the class that view() names
  };

  PickleNode() = default;
  explicit PickleNode(Kind what, uint32_t bytes = 0) : kind(what), size(bytes) {}

  Kind kind = Kind::none;
  uint32_t size = 0;  ///< those with a view(): how long it is
  union {
    int64_t integer = 0;  ///< boolean, integer
    double number;
    const char* text;      ///< string, name, bytes, unusable, refused
    PickleItems* items;    ///< list, tuple; dict: key, value, key, value …
    PickleTensor* tensor;  ///< storage: what tensors of it begin with
  };

  std::string_view view() const { return {text, size}; }
};

struct PickleItems {
  std::vector<PickleNode> list;
  // Of what is reached from here, once that is known: levels of nesting, and how many values.
  int levels = 0;
  uint64_t values = 0;
};

/// Some numbers of a storage.
struct PickleTensor {
  std::string_view storage;  ///< its key
  const char* type;          ///< "float32", "int64", …
  uint64_t width = 1;        ///< bytes of one
  int64_t elements = 0;      ///< how many numbers the storage has
  int64_t offset = 0;
  std::vector<int64_t> sizes = {}, strides = {};
  bool conjugate = false, negative = false;  ///< to be made of the numbers that are stored
};

/// Reads the pickle of a file of torch.save. Nothing in it is run, and nothing that it says is
/// believed: every tensor lies within its storage, what is nested has an end, and what the tree
/// takes in memory is in proportion to the pickle's length.
class PickleReader {
 public:
  /// @param pickle lives as long as the reader
  /// @param storage_size gives the bytes of the tensor storage of that key
  PickleReader(const Bytes& pickle,
               const std::function<uint64_t(const std::string&)>& storage_size);
  ~PickleReader();
  PickleReader(const PickleReader&) = delete;
  PickleReader& operator=(const PickleReader&) = delete;

  /// The root: values, lists, tuples, dicts, tensors and names of dtypes, no deeper than a hundred
  /// levels. What Python reads besides (torch.load with weights_only=True) is unusable, with the
  /// objects that the state of a scheduler may name. It lives as long as the reader.
  /// @throws Error, a sentence without a subject, for everything that is not as it must be
  const PickleNode& read();

 private:
  class Machine;
  std::unique_ptr<Machine> machine_;
};

}  // namespace course
