// Reads the pickles that torch.save writes (Python's pickletools.py describes the opcodes).
#include "serialize/unpickler.h"

#include <torch/torch.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <map>

#include "error.h"

namespace course {
namespace {

constexpr int kDeepest = 100;                // levels of nesting
constexpr int64_t kMostValues = 10'000'000;  // shared lists multiply when they are copied out

// What is on the machine's stack. Lists and dicts are filled after they were put there, and may be
// referred to from several places, also by themselves, hence the pointers; the machine owns them
// all.
struct Node {
  enum class Kind { value, list, tuple, dict, name, storage, mark };

  Kind kind = Kind::value;
  Value value;               // value
  std::vector<Node*> items;  // list, tuple; dict: key, value, key, value ...
  std::string name;          // name: "torch.FloatStorage"; storage: its key
  c10::ScalarType type = c10::ScalarType::Undefined;  // storage
};
using Pointer = Node*;

[[noreturn]] void malformed(const std::string& what) {
  throw Error("is damaged: " + what);
}

const std::map<std::string, c10::ScalarType> kStorages{
    {"torch.FloatStorage", torch::kFloat32},
    {"torch.DoubleStorage", torch::kFloat64},
    {"torch.HalfStorage", torch::kFloat16},
    {"torch.BFloat16Storage", torch::kBFloat16},
    {"torch.ByteStorage", torch::kUInt8},
    {"torch.CharStorage", torch::kInt8},
    {"torch.ShortStorage", torch::kInt16},
    {"torch.IntStorage", torch::kInt32},
    {"torch.LongStorage", torch::kInt64},
    {"torch.BoolStorage", torch::kBool},
    {"torch.ComplexFloatStorage", torch::kComplexFloat},
    {"torch.ComplexDoubleStorage", torch::kComplexDouble},
};

const std::vector<std::string> kDtypes{"float32", "float64", "float16",   "bfloat16",
                                       "uint8",   "int8",    "int16",     "int32",
                                       "int64",   "bool",    "complex64", "complex128"};

bool is_dtype(const std::string& name) {
  return name.rfind("torch.", 0) == 0 &&
         std::find(kDtypes.begin(), kDtypes.end(), name.substr(6)) != kDtypes.end();
}

[[noreturn]] void refuse_name(const std::string& name) {
  throw Error("would run " + name +
              " when Python loads it; only tensors, numbers, strings, lists, tuples and dicts are "
              "read here");
}

class Machine {
 public:
  Machine(const Bytes& pickle, const std::function<Bytes(const std::string&)>& storage)
      : pickle_(pickle), load_(storage) {}

  Value run() {
    while (true) {
      const auto opcode = static_cast<unsigned char>(take_number(1));
      if (opcode == '.') break;
      step(opcode);
    }
    int64_t values = 0;
    return to_value(pop(), 0, values);
  }

 private:
  // ---- the pickle's bytes

  Bytes take(uint64_t size) {
    const Bytes bytes = pickle_.part(position_, size);
    position_ += size;
    return bytes;
  }
  uint64_t take_number(int width) { return take(static_cast<uint64_t>(width)).number(0, width); }
  std::string take_line() {
    std::string line;
    for (char c; (c = static_cast<char>(take_number(1))) != '\n';) line += c;
    return line;
  }

  // ---- the stack

  void push(Pointer node) { stack_.push_back(node); }
  void push(Value value) {
    nodes_.emplace_back();
    nodes_.back().value = std::move(value);
    push(&nodes_.back());
  }
  void push(Node::Kind kind, std::vector<Pointer> items = {}, std::string name = "") {
    nodes_.emplace_back();
    nodes_.back().kind = kind;
    nodes_.back().items = std::move(items);
    nodes_.back().name = std::move(name);
    push(&nodes_.back());
  }
  Pointer top() const {
    if (stack_.empty()) malformed("its pickle takes from an empty stack");
    return stack_.back();
  }
  Pointer pop() {
    Pointer node = top();
    stack_.pop_back();
    return node;
  }
  std::vector<Pointer> pop_several(size_t count) {
    std::vector<Pointer> items(count);
    while (count > 0) items[--count] = pop();
    return items;
  }
  std::vector<Pointer> pop_to_mark() {
    std::vector<Pointer> items;
    for (Pointer node; (node = pop())->kind != Node::Kind::mark;) items.push_back(node);
    std::reverse(items.begin(), items.end());
    return items;
  }
  void append(const std::vector<Pointer>& items, Node::Kind kind) {
    const Pointer target = top();
    if (target->kind != kind || (kind == Node::Kind::dict && items.size() % 2 != 0)) {
      malformed("its pickle fills what is no list or dict");
    }
    target->items.insert(target->items.end(), items.begin(), items.end());
  }

  // ---- the opcodes

  void step(unsigned char opcode) {
    if (!constants(opcode) && !containers(opcode) && !memory(opcode) && !objects(opcode)) {
      malformed("its pickle has the unknown opcode " + std::to_string(opcode));
    }
  }

  bool constants(unsigned char opcode) {
    switch (opcode) {
      case 'N':
        push(Value());
        return true;
      case 0x88:
        push(Value(true));
        return true;
      case 0x89:
        push(Value(false));
        return true;
      case 'J':
        push(Value(int64_t{static_cast<int32_t>(take_number(4))}));
        return true;
      case 'K':
        push(Value(static_cast<int64_t>(take_number(1))));
        return true;
      case 'M':
        push(Value(static_cast<int64_t>(take_number(2))));
        return true;
      case 0x8a:
        push(Value(take_long(take_number(1))));
        return true;
      case 0x8b:
        push(Value(take_long(take_number(4))));
        return true;
      case 'G':
        push(Value(take_double()));
        return true;
      case 'X':
        push(Value(take(take_number(4)).text()));
        return true;
      case 0x8c:
        push(Value(take(take_number(1)).text()));
        return true;
      case 0x8d:
        push(Value(take(take_number(8)).text()));
        return true;
      case 'T':
        push(Value(take(take_number(4)).text()));
        return true;
      case 'U':
        push(Value(take(take_number(1)).text()));
        return true;
      default:
        return false;
    }
  }

  // A whole number of any length, in two's complement.
  int64_t take_long(uint64_t width) {
    if (width > 8) throw Error("has a whole number of more than 64 bits, which C++ has not");
    if (width == 0) return 0;
    const int bits = static_cast<int>(64 - 8 * width);
    const uint64_t shifted = take_number(static_cast<int>(width)) << bits;
    return static_cast<int64_t>(shifted) >> bits;
  }

  double take_double() {
    const Bytes bytes = take(8);
    uint64_t big_endian = 0;
    for (int i = 0; i < 8; ++i) big_endian = big_endian << 8 | bytes.data()[i];
    double value = 0;
    std::memcpy(&value, &big_endian, sizeof value);
    return value;
  }

  bool containers(unsigned char opcode) {
    using Kind = Node::Kind;
    switch (opcode) {
      case '(':
        push(Kind::mark);
        return true;
      case '}':
        push(Kind::dict);
        return true;
      case ']':
      case 0x8f:
        push(Kind::list);
        return true;  // a set is a list here
      case ')':
        push(Kind::tuple);
        return true;
      case 't':
        push(Kind::tuple, pop_to_mark());
        return true;
      case 0x85:
        push(Kind::tuple, pop_several(1));
        return true;
      case 0x86:
        push(Kind::tuple, pop_several(2));
        return true;
      case 0x87:
        push(Kind::tuple, pop_several(3));
        return true;
      case 'a':
        append(pop_several(1), Kind::list);
        return true;
      case 'e':
      case 0x90:
        append(pop_to_mark(), Kind::list);
        return true;
      case 's':
        append(pop_several(2), Kind::dict);
        return true;
      case 'u':
        append(pop_to_mark(), Kind::dict);
        return true;
      default:
        return false;
    }
  }

  bool memory(unsigned char opcode) {
    switch (opcode) {
      case 'q':
        memo_[take_number(1)] = top();
        return true;
      case 'r':
        memo_[take_number(4)] = top();
        return true;
      case 0x94:
        memo_[memo_.size()] = top();
        return true;
      case 'h':
        push(recall(take_number(1)));
        return true;
      case 'j':
        push(recall(take_number(4)));
        return true;
      default:
        return false;
    }
  }
  Pointer recall(uint64_t number) const {
    const auto found = memo_.find(number);
    if (found == memo_.end()) malformed("its pickle refers to what is not there");
    return found->second;
  }

  bool objects(unsigned char opcode) {
    switch (opcode) {
      case 0x80:
        take(1);
        return true;  // protocol
      case 0x95:
        take(8);
        return true;  // frame
      case 'c': {
        const std::string module = take_line();
        push(Node::Kind::name, {}, module + "." + take_line());
        return true;
      }
      case 0x93: {
        const std::string name = string_of(pop()), module = string_of(pop());
        push(Node::Kind::name, {}, module + "." + name);
        return true;
      }
      case 'Q':
        push_storage(pop());
        return true;
      case 'R':
      case 0x81: {
        const Pointer arguments = pop();
        call(pop(), arguments);
        return true;
      }
      case 'b': {  // attributes: those that an OrderedDict of weights has are of no interest
        pop();
        if (top()->kind != Node::Kind::dict) refuse_name("an object's __setstate__");
        return true;
      }
      default:
        return false;
    }
  }

  static const std::string& string_of(const Pointer& node) {
    if (node->kind != Node::Kind::value || !node->value.is<std::string>()) {
      malformed("its pickle names something by what is no string");
    }
    return node->value.as_string();
  }
  static int64_t int_of(const Pointer& node) {
    if (node->kind != Node::Kind::value || !node->value.is<int64_t>()) {
      malformed("a tensor's geometry is not made of whole numbers");
    }
    return node->value.as_int();
  }
  static std::vector<int64_t> ints_of(const Pointer& node) {
    if (node->kind != Node::Kind::tuple) malformed("a tensor's geometry is no tuple");
    std::vector<int64_t> numbers;
    for (const Pointer& item : node->items) numbers.push_back(int_of(item));
    return numbers;
  }

  // ('storage', torch.FloatStorage, key, device, number of elements)
  void push_storage(const Pointer& id) {
    if (id->kind != Node::Kind::tuple || id->items.size() < 3) malformed("it names no storage");
    const Pointer type = id->items[1];
    const auto found = kStorages.find(type->name);
    if (type->kind != Node::Kind::name || found == kStorages.end()) refuse_name(type->name);
    push(Node::Kind::storage, {}, string_of(id->items[2]));
    top()->type = found->second;
  }

  void call(const Pointer& function, const Pointer& arguments) {
    if (function->kind != Node::Kind::name) malformed("its pickle calls what has no name");
    const auto& items = arguments->items;
    if (arguments->kind != Node::Kind::tuple) malformed("its pickle calls without arguments");
    const std::string& name = function->name;
    if (name == "collections.OrderedDict" && items.empty()) return push(Node::Kind::dict);
    if (name == "torch.Size" && items.size() == 1) return push(items[0]);
    if (name == "torch.device" && !items.empty()) return push(device(items));
    if (name == "torch._utils._rebuild_parameter" && !items.empty()) return push(items[0]);
    if (name == "torch._utils._rebuild_tensor_v2" && items.size() >= 4) {
      return push(Value(tensor(items[0], int_of(items[1]), ints_of(items[2]), ints_of(items[3]))));
    }
    refuse_name(name);
  }

  static Value device(const std::vector<Pointer>& items) {
    const std::string& type = string_of(items[0]);
    return items.size() == 1 ? type : type + ":" + std::to_string(int_of(items[1]));
  }

  torch::Tensor tensor(const Pointer& storage, int64_t offset, const std::vector<int64_t>& sizes,
                       const std::vector<int64_t>& strides) {
    if (storage->kind != Node::Kind::storage) malformed("a tensor has no storage");
    const torch::Tensor flat = storage_of(*storage);
    if (offset < 0 || sizes.size() != strides.size())
      malformed("a tensor's geometry is impossible");
    int64_t last = offset;
    bool empty = false;
    for (size_t i = 0; i < sizes.size(); ++i) {
      int64_t reach = 0;
      if (sizes[i] < 0 || strides[i] < 0) malformed("a tensor's geometry is impossible");
      empty = empty || sizes[i] == 0;
      if (__builtin_mul_overflow(std::max<int64_t>(sizes[i] - 1, 0), strides[i], &reach) ||
          __builtin_add_overflow(last, reach, &last)) {
        malformed("a tensor's geometry is impossible");
      }
    }
    if (empty ? offset > flat.numel() : last >= flat.numel()) {
      malformed("a tensor is larger than its storage");
    }
    return flat.as_strided(sizes, strides, offset);
  }

  const torch::Tensor& storage_of(const Node& node) {
    const auto found = storages_.find(node.name);
    if (found != storages_.end()) {
      if (found->second.scalar_type() != node.type) malformed("a storage has two types");
      return found->second;
    }
    const Bytes bytes = load_(node.name);
    const uint64_t width = c10::elementSize(node.type);
    if (bytes.size() % width != 0) malformed("a storage ends in the middle of a number");
    const auto count = static_cast<int64_t>(bytes.size() / width);
    torch::Tensor flat = torch::empty({count}, node.type);
    if (count > 0) std::memcpy(flat.data_ptr(), bytes.data(), bytes.size());
    return storages_[node.name] = flat;
  }

  // ---- the result

  static Value to_value(const Pointer& node, int depth, int64_t& values) {
    if (depth > kDeepest) malformed("it is nested too deeply");
    if (++values > kMostValues) malformed("it has too many values");
    List items;
    if (node->kind != Node::Kind::value) {
      for (const Pointer& item : node->items) items.push_back(to_value(item, depth + 1, values));
    }
    switch (node->kind) {
      case Node::Kind::value:
        return node->value;
      case Node::Kind::list:
        return items;
      case Node::Kind::tuple:
        return Tuple{items};
      case Node::Kind::dict: {
        Dict dict;
        for (size_t i = 0; i < items.size(); i += 2) dict.set(items[i], items[i + 1]);
        return dict;
      }
      case Node::Kind::name:
        if (is_dtype(node->name)) return node->name;
        refuse_name(node->name);
      default:
        malformed("its pickle ends with what is no value");
    }
  }

  const Bytes& pickle_;
  const std::function<Bytes(const std::string&)>& load_;
  uint64_t position_ = 0;
  std::deque<Node> nodes_;  // a deque never moves what is in it
  std::vector<Pointer> stack_;
  std::map<uint64_t, Pointer> memo_;
  std::map<std::string, torch::Tensor> storages_;
};

}  // namespace

Value unpickle(const Bytes& pickle, const std::function<Bytes(const std::string&)>& storage) {
  return Machine(pickle, storage).run();
}

}  // namespace course
