// Reads the pickles that torch.save writes (Python's pickletools.py describes the opcodes).
#include "serialize/pickle_reader.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>
#include <map>
#include <utility>

#include "error.h"

namespace course {
namespace {

constexpr int kDeepest = 100;                // levels of nesting
constexpr int64_t kMostValues = 10'000'000;  // shared lists multiply when they are copied out

using Node = PickleNode;
using Pointer = Node*;

[[noreturn]] void malformed(const std::string& what) {
  throw Error("is damaged: " + what);
}

// The classes of storages; their numbers' types by torch's names, and their widths in bytes.
struct Storage {
  const char* name;
  const char* type;
  uint64_t width;
};
constexpr std::array<Storage, 12> kStorages{{{"torch.FloatStorage", "float32", 4},
                                             {"torch.DoubleStorage", "float64", 8},
                                             {"torch.HalfStorage", "float16", 2},
                                             {"torch.BFloat16Storage", "bfloat16", 2},
                                             {"torch.ByteStorage", "uint8", 1},
                                             {"torch.CharStorage", "int8", 1},
                                             {"torch.ShortStorage", "int16", 2},
                                             {"torch.IntStorage", "int32", 4},
                                             {"torch.LongStorage", "int64", 8},
                                             {"torch.BoolStorage", "bool", 1},
                                             {"torch.ComplexFloatStorage", "complex64", 8},
                                             {"torch.ComplexDoubleStorage", "complex128", 16}}};

bool is_dtype(const std::string& name) {
  return std::any_of(kStorages.begin(), kStorages.end(), [&](const Storage& storage) {
    return name == std::string("torch.") + storage.type;
  });
}

[[noreturn]] void refuse_name(const std::string& name) {
  throw Error("would run " + name +
              " when Python loads it; only tensors, numbers, strings, lists, tuples and dicts are "
              "read here");
}

}  // namespace

class PickleReader::Machine {
 public:
  Machine(const Bytes& pickle, const std::function<Bytes(const std::string&)>& storage)
      : pickle_(pickle), load_(storage) {}

  const Node& run() {
    while (true) {
      const auto opcode = static_cast<unsigned char>(take_number(1));
      if (opcode == '.') break;
      step(opcode);
    }
    const Pointer root = pop();
    int64_t values = 0;
    check(*root, 0, values);
    return *root;
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
  void push(Node::Constant value) {
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
        push(Node::Constant());
        return true;
      case 0x88:
        push(Node::Constant(true));
        return true;
      case 0x89:
        push(Node::Constant(false));
        return true;
      case 'J':
        push(Node::Constant(int64_t{static_cast<int32_t>(take_number(4))}));
        return true;
      case 'K':
        push(Node::Constant(static_cast<int64_t>(take_number(1))));
        return true;
      case 'M':
        push(Node::Constant(static_cast<int64_t>(take_number(2))));
        return true;
      case 0x8a:
        push(Node::Constant(take_long(take_number(1))));
        return true;
      case 0x8b:
        push(Node::Constant(take_long(take_number(4))));
        return true;
      case 'G':
        push(Node::Constant(take_double()));
        return true;
      case 'X':
        push(Node::Constant(take(take_number(4)).text()));
        return true;
      case 0x8c:
        push(Node::Constant(take(take_number(1)).text()));
        return true;
      case 0x8d:
        push(Node::Constant(take(take_number(8)).text()));
        return true;
      case 'T':
        push(Node::Constant(take(take_number(4)).text()));
        return true;
      case 'U':
        push(Node::Constant(take(take_number(1)).text()));
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
    if (node->kind != Node::Kind::value || !std::holds_alternative<std::string>(node->value)) {
      malformed("its pickle names something by what is no string");
    }
    return std::get<std::string>(node->value);
  }
  static int64_t int_of(const Pointer& node) {
    if (node->kind != Node::Kind::value || !std::holds_alternative<int64_t>(node->value)) {
      malformed("a tensor's geometry is not made of whole numbers");
    }
    return std::get<int64_t>(node->value);
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
    const auto* found =
        std::find_if(kStorages.begin(), kStorages.end(),
                     [&](const Storage& storage) { return type->name == storage.name; });
    if (type->kind != Node::Kind::name || found == kStorages.end()) refuse_name(type->name);
    push(Node::Kind::storage, {}, string_of(id->items[2]));
    top()->tensor.storage = top()->name;
    top()->tensor.type = found->type;
    top()->tensor.elements = elements_of(*top(), found->width);
  }

  // How many numbers are in a storage, which has one type throughout.
  int64_t elements_of(const Node& storage, uint64_t width) {
    const auto [known, is_new] = types_.emplace(storage.name, storage.tensor.type);
    if (!is_new && known->second != storage.tensor.type) malformed("a storage has two types");
    const uint64_t bytes = load_(storage.name).size();
    if (bytes % width != 0) malformed("a storage ends in the middle of a number");
    return static_cast<int64_t>(bytes / width);
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
      return push_tensor(items[0], int_of(items[1]), ints_of(items[2]), ints_of(items[3]));
    }
    refuse_name(name);
  }

  static Node::Constant device(const std::vector<Pointer>& items) {
    const std::string& type = string_of(items[0]);
    return items.size() == 1 ? type : type + ":" + std::to_string(int_of(items[1]));
  }

  void push_tensor(const Pointer& storage, int64_t offset, std::vector<int64_t> sizes,
                   std::vector<int64_t> strides) {
    if (storage->kind != Node::Kind::storage) malformed("a tensor has no storage");
    const int64_t elements = storage->tensor.elements;
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
    if (empty ? offset > elements : last >= elements) {
      malformed("a tensor is larger than its storage");
    }
    push(Node::Kind::tensor);
    top()->tensor = {storage->tensor.storage, storage->tensor.type, elements, offset,
                     std::move(sizes),        std::move(strides)};
  }

  // ---- the result

  // Everything that is reached from the root, as often as it is reached.
  static void check(const Node& node, int depth, int64_t& values) {
    if (depth > kDeepest) malformed("it is nested too deeply");
    if (++values > kMostValues) malformed("it has too many values");
    if (node.kind == Node::Kind::name && !is_dtype(node.name)) refuse_name(node.name);
    if (node.kind == Node::Kind::storage || node.kind == Node::Kind::mark) {
      malformed("its pickle ends with what is no value");
    }
    for (const Pointer& item : node.items) check(*item, depth + 1, values);
  }

  const Bytes pickle_;
  const std::function<Bytes(const std::string&)> load_;
  uint64_t position_ = 0;
  std::deque<Node> nodes_;  // a deque never moves what is in it
  std::vector<Pointer> stack_;
  std::map<uint64_t, Pointer> memo_;
  std::map<std::string, std::string> types_;  // of storages
};

PickleReader::PickleReader(const Bytes& pickle,
                           const std::function<Bytes(const std::string&)>& storage)
    : machine_(std::make_unique<Machine>(pickle, storage)) {}
PickleReader::~PickleReader() = default;

const PickleNode& PickleReader::read() {
  return machine_->run();
}

}  // namespace course
