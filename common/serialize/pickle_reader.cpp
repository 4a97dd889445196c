// Reads the pickles that torch.save writes (Python's pickletools.py describes the opcodes).
#include "serialize/pickle_reader.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include "error.h"
#include "printable.h"
#include "utf8.h"

namespace course {
namespace {

constexpr int kDeepest = 100;  // levels of nesting
constexpr uint64_t kMostValues =
    10'000'000;  // shared lists multiply for who walks through the tree
constexpr size_t kMostDimensions = 64;
constexpr size_t kLongestName = 256;

// What a file may become: so much, and so many times its own size.
constexpr uint64_t kMostTimes = 64;
constexpr uint64_t kFreeTree = 128 << 20;
constexpr uint64_t kFreeNumbers = 256 << 20;

using Node = PickleNode;
using Kind = PickleNode::Kind;

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

bool is_dtype(std::string_view name) {
  return std::any_of(kStorages.begin(), kStorages.end(), [&](const Storage& storage) {
    return name == std::string("torch.") + storage.type;
  });
}

template <size_t size>
bool is_one_of(const std::array<std::string_view, size>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// What Python reads (torch.load with weights_only=True), and C++ or this project has no use for:
// words of torch, kinds of storages, and what tensors of other kinds are made by.
constexpr std::array<std::string_view, 33> kWords{"torch.qint8",
                                                  "torch.quint8",
                                                  "torch.qint32",
                                                  "torch.quint4x2",
                                                  "torch.quint2x4",
                                                  "torch.complex32",
                                                  "torch.uint16",
                                                  "torch.uint32",
                                                  "torch.uint64",
                                                  "torch.float8_e4m3fn",
                                                  "torch.float8_e5m2",
                                                  "torch.float8_e4m3fnuz",
                                                  "torch.float8_e5m2fnuz",
                                                  "torch.float8_e8m0fnu",
                                                  "torch.bits8",
                                                  "torch.bits16",
                                                  "torch.bits1x8",
                                                  "torch.bits2x4",
                                                  "torch.bits4x2",
                                                  "torch.strided",
                                                  "torch.sparse_coo",
                                                  "torch.sparse_csr",
                                                  "torch.sparse_csc",
                                                  "torch.sparse_bsr",
                                                  "torch.sparse_bsc",
                                                  "torch.per_tensor_affine",
                                                  "torch.per_tensor_symmetric",
                                                  "torch.per_channel_affine",
                                                  "torch.per_channel_symmetric",
                                                  "torch.per_channel_affine_float_qparams",
                                                  "torch.contiguous_format",
                                                  "torch.channels_last",
                                                  "torch.preserve_format"};
constexpr std::array<std::string_view, 7> kOtherStorages{
    "torch.QInt8Storage",    "torch.QUInt8Storage",   "torch.QInt32Storage",
    "torch.QUInt4x2Storage", "torch.QUInt2x4Storage", "torch.storage.UntypedStorage",
    "torch.UntypedStorage"};
struct OtherTensor {
  std::string_view function;
  const char* what;
};
constexpr std::array<OtherTensor, 9> kOtherTensors{
    {{"torch._utils._rebuild_sparse_tensor", "a sparse tensor"},
     {"torch._utils._rebuild_sparse_csr_tensor", "a sparse tensor"},
     {"torch._utils._rebuild_qtensor", "a quantized tensor"},
     {"torch._utils._rebuild_nested_tensor", "a nested tensor"},
     {"torch._utils._rebuild_meta_tensor_no_storage", "a tensor without numbers"},
     {"torch._utils._rebuild_wrapper_subclass", "a tensor of a class of its own"},
     {"torch._utils._rebuild_device_tensor_from_numpy", "a tensor of another device"},
     {"torch._utils._rebuild_device_tensor_from_cpu_tensor", "a tensor of another device"},
     {"torch.serialization._get_layout", "a layout of tensors"}}};

[[noreturn]] void refuse_name(std::string_view name) {
  throw Error("would run " + printable(name) +
              " when Python loads it; only tensors, numbers, strings, lists, tuples and dicts are "
              "read here");
}

bool has_items(const Node& node) {
  return node.kind == Kind::list || node.kind == Kind::tuple || node.kind == Kind::dict;
}

}  // namespace

class PickleReader::Machine {
 public:
  Machine(const Bytes& pickle, const std::function<uint64_t(const std::string&)>& storage_size)
      : pickle_(pickle), size_of_(storage_size) {}

  const Node& run() {
    while (true) {
      const auto opcode = static_cast<unsigned char>(take_number(1));
      if (opcode == '.') break;
      step(opcode);
    }
    root_ = pop();
    measure(root_, 0);
    return root_;
  }

 private:
  // ---- the pickle's bytes

  Bytes take(uint64_t size) {
    const Bytes bytes = pickle_.part(position_, size);
    position_ += size;
    return bytes;
  }
  uint64_t take_number(int width) { return take(static_cast<uint64_t>(width)).number(0, width); }
  std::string_view take_line() {
    const Bytes rest = pickle_.part(position_, pickle_.size() - position_);
    const size_t size = rest.text().find('\n');
    if (size == std::string_view::npos) refuse_damaged();
    position_ += size + 1;
    return rest.text().substr(0, size);
  }

  // ---- what has been made; each costs about so much memory until the tree is complete

  void charge(uint64_t bytes) {
    charged_ += bytes;
    if (charged_ > kFreeTree + kMostTimes * pickle_.size()) {
      throw Error("is damaged: what its pickle of " + std::to_string(pickle_.size()) +
                  " bytes would become takes more memory than any honest one");
    }
  }

  void push(const Node& node) {
    charge(40);
    if (stack_.size() >= kMostValues) malformed("it has too many values");
    stack_.push_back(node);
  }
  void push_integer(int64_t value) {
    Node node(Kind::integer);
    node.integer = value;
    push(node);
  }
  void push_text(Kind kind, std::string_view text) {
    if (text.size() > std::numeric_limits<uint32_t>::max()) {
      malformed("it has a string of more than 4 GiB");
    }
    charge(160 + text.size());
    Node node(kind, static_cast<uint32_t>(text.size()));
    node.text = text.data();
    push(node);
  }
  void push_unusable(std::string_view what) { push_text(Kind::unusable, what); }
  void push_items(Kind kind, std::vector<Node> list = {}) {
    charge(200);
    items_.emplace_back();
    items_.back().list = std::move(list);
    Node node(kind);
    node.items = &items_.back();
    push(node);
  }
  void push_tensor(Kind kind, PickleTensor tensor) {
    charge(300);
    tensors_.push_back(std::move(tensor));
    Node node(kind);
    node.tensor = &tensors_.back();
    push(node);
  }
  // A text that does not lie in the pickle.
  std::string_view keep(std::string text) { return *texts_.insert(std::move(text)).first; }

  // ---- the stack

  Node& top() {
    if (stack_.empty()) malformed("its pickle takes from an empty stack");
    return stack_.back();
  }
  Node pop() {
    const Node node = top();
    stack_.pop_back();
    return node;
  }
  // What lies on the stack from `first` on; below it is what takes it up, or a mark and then that.
  struct Items {
    size_t first;
    bool is_marked;
    size_t below() const { return is_marked ? first - 1 : first; }
  };
  Items last(size_t count) const {
    if (stack_.size() < count) malformed("its pickle takes from an empty stack");
    for (size_t i = stack_.size() - count; i < stack_.size(); ++i) {
      if (stack_[i].kind == Kind::mark) malformed("its pickle takes a mark for a value");
    }
    return {stack_.size() - count, false};
  }
  Items since_mark() const {
    size_t first = stack_.size();
    while (first > 0 && stack_[first - 1].kind != Kind::mark) --first;
    if (first == 0) malformed("its pickle takes from an empty stack");
    return {first, true};
  }
  void move_to(std::vector<Node>& list, const Items& items) {
    const auto begin = stack_.begin() + static_cast<std::ptrdiff_t>(items.first);
    list.insert(list.end(), begin, stack_.end());
    stack_.resize(items.below());
  }
  void collect(Kind kind, const Items& items) {
    std::vector<Node> list;
    move_to(list, items);
    push_items(kind, std::move(list));
  }
  void append(Kind kind, const Items& items) {
    const size_t below = items.below();
    if (below > 0 && is_object(stack_[below - 1])) {  // what it holds is of no interest
      stack_.resize(below);
      return;
    }
    if (below == 0 || stack_[below - 1].kind != kind ||
        (kind == Kind::dict && (stack_.size() - items.first) % 2 != 0)) {
      malformed("its pickle fills what is no list or dict");
    }
    move_to(stack_[below - 1].items->list, items);
  }

  // ---- the opcodes

  void step(unsigned char opcode) {
    if (!constants(opcode) && !texts(opcode) && !containers(opcode) && !memory(opcode) &&
        !objects(opcode)) {
      malformed("its pickle has the unknown opcode " + std::to_string(opcode));
    }
  }

  bool constants(unsigned char opcode) {
    switch (opcode) {
      case 'N':
        push(Node());
        return true;
      case 0x88:
      case 0x89: {
        Node node(Kind::boolean);
        node.integer = opcode == 0x88 ? 1 : 0;
        push(node);
        return true;
      }
      case 'J':
        push_integer(static_cast<int32_t>(take_number(4)));
        return true;
      case 'K':
        push_integer(static_cast<int64_t>(take_number(1)));
        return true;
      case 'M':
        push_integer(static_cast<int64_t>(take_number(2)));
        return true;
      case 0x8a:
        push_long(take_number(1));
        return true;
      case 0x8b:
        push_long(take_number(4));
        return true;
      case 'G': {
        Node node(Kind::number);
        node.number = take_double();
        push(node);
        return true;
      }
      default:
        return false;
    }
  }

  bool texts(unsigned char opcode) {
    const auto text = [&](Kind kind, int width) {
      push_text(kind, take(take_number(width)).text());
      return true;
    };
    switch (opcode) {
      case 0x8c:
      case 'U':
        return text(Kind::string, 1);
      case 'X':
      case 'T':
        return text(Kind::string, 4);
      case 0x8d:
        return text(Kind::string, 8);
      case 'C':
        return text(Kind::bytes, 1);
      case 'B':
        return text(Kind::bytes, 4);
      case 0x8e:
      case 0x96:  // a bytearray
        return text(Kind::bytes, 8);
      default:
        return false;
    }
  }

  // A whole number of any length, in two's complement.
  void push_long(uint64_t width) {
    if (width > 8) {
      take(width);
      return push_unusable("a whole number of more than 64 bits");
    }
    if (width == 0) return push_integer(0);
    const int bits = static_cast<int>(64 - 8 * width);
    const uint64_t shifted = take_number(static_cast<int>(width)) << bits;
    push_integer(static_cast<int64_t>(shifted) >> bits);
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
    switch (opcode) {
      case '(':
        push(Node(Kind::mark));
        return true;
      case '}':
        push_items(Kind::dict);
        return true;
      case ']':
      case 0x8f:  // a set, which is a list here
        push_items(Kind::list);
        return true;
      case 0x91:  // a frozen one
        collect(Kind::list, since_mark());
        return true;
      case ')':
        push_items(Kind::tuple);
        return true;
      case 't':
        collect(Kind::tuple, since_mark());
        return true;
      case 0x85:
        collect(Kind::tuple, last(1));
        return true;
      case 0x86:
        collect(Kind::tuple, last(2));
        return true;
      case 0x87:
        collect(Kind::tuple, last(3));
        return true;
      case 'a':
        append(Kind::list, last(1));
        return true;
      case 'e':
      case 0x90:
        append(Kind::list, since_mark());
        return true;
      case 's':
        append(Kind::dict, last(2));
        return true;
      case 'u':
        append(Kind::dict, since_mark());
        return true;
      default:
        return false;
    }
  }

  bool memory(unsigned char opcode) {
    switch (opcode) {
      case '0':  // as a tuple that was remembered while it was made is pushed once more
        pop();
        return true;
      case '1':
        stack_.resize(since_mark().below());
        return true;
      case 'q':
        remember(take_number(1));
        return true;
      case 'r':
        remember(take_number(4));
        return true;
      case 0x94:
        remember(remembered_);
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
  // Who wrote a pickle counts what it remembers, and has spent a byte or more on each.
  void remember(uint64_t number) {
    if (number >= pickle_.size()) malformed("its pickle remembers more than it says");
    if (number >= memo_.size()) {
      charge(sizeof(Node) * (number + 1 - memo_.size()));
      memo_.resize(number + 1, Node(Kind::mark));
    }
    if (memo_[number].kind == Kind::mark) ++remembered_;
    memo_[number] = top();
  }
  Node recall(uint64_t number) {
    if (number >= memo_.size() || memo_[number].kind == Kind::mark) {
      malformed("its pickle refers to what is not there");
    }
    return memo_[number];
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
        const std::string_view module = take_line();
        push_name(module, take_line());
        return true;
      }
      case 0x93: {
        const std::string_view name = string_of(pop());
        push_name(string_of(pop()), name);
        return true;
      }
      case 'Q':
        push_storage(pop());
        return true;
      case 'R':
      case 0x81: {
        const Node arguments = pop();
        call(pop(), arguments);
        return true;
      }
      case 'b': {  // attributes: those that an OrderedDict of weights has are of no interest
        pop();
        if (top().kind != Kind::dict && !is_object(top())) refuse_name("an object's __setstate__");
        return true;
      }
      default:
        return false;
    }
  }

  void push_name(std::string_view module, std::string_view name) {
    if (module.size() + name.size() > kLongestName) refuse_name(module.empty() ? name : module);
    const std::string_view whole = keep(std::string(module) + "." + std::string(name));
    push_text(is_one_of(kWords, whole) ? Kind::unusable : Kind::name, whole);
  }
  static bool is_object(const Node& node) {
    return node.kind == Kind::unusable || node.kind == Kind::refused;
  }

  static std::string_view string_of(const Node& node) {
    if (node.kind != Kind::string) malformed("its pickle names something by what is no string");
    return node.view();
  }
  static int64_t int_of(const Node& node) {
    if (node.kind != Kind::integer) malformed("a tensor's geometry is not made of whole numbers");
    return node.integer;
  }
  static std::vector<int64_t> ints_of(const Node& node) {
    if (node.kind != Kind::tuple) malformed("a tensor's geometry is no tuple");
    if (node.items->list.size() > kMostDimensions) malformed("a tensor has too many dimensions");
    std::vector<int64_t> numbers;
    for (const Node& item : node.items->list) numbers.push_back(int_of(item));
    return numbers;
  }

  // ('storage', torch.FloatStorage, key, device, number of elements)
  void push_storage(const Node& id) {
    if (id.kind != Kind::tuple || id.items->list.size() < 3) malformed("it names no storage");
    const Node type = id.items->list[1];
    if (type.kind != Kind::name) malformed("it names no storage");
    const auto* found =
        std::find_if(kStorages.begin(), kStorages.end(),
                     [&](const Storage& storage) { return type.view() == storage.name; });
    if (found == kStorages.end()) {
      if (is_one_of(kOtherStorages, type.view())) return push_unusable("a tensor of another kind");
      refuse_name(type.view());
    }
    const std::string_view key = string_of(id.items->list[2]);
    if (key.size() > kLongestName) malformed("the key of a storage is too long");
    push_tensor(Kind::storage,
                {key, found->type, found->width, elements_of(std::string(key), *found)});
  }

  // How many numbers are in a storage, which has one type throughout.
  int64_t elements_of(const std::string& key, const Storage& type) {
    const auto [known, is_new] = storages_.emplace(key, type.type);
    if (known->second != type.type) malformed("a storage has two types");
    const uint64_t bytes = size_of_(key);
    if (bytes % type.width != 0) malformed("a storage ends in the middle of a number");
    if (is_new) charge(200);
    if (is_new) stored_bytes_ += bytes;
    return static_cast<int64_t>(bytes / type.width);
  }

  void call(const Node& function, const Node& arguments) {
    if (function.kind != Kind::name) malformed("its pickle calls what has no name");
    if (arguments.kind != Kind::tuple) malformed("its pickle calls without arguments");
    const std::vector<Node>& items = arguments.items->list;
    const std::string_view name = function.view();
    if (is_dict(name) && items.empty()) return push_items(Kind::dict);
    if (is_dict(name) && items.size() == 1 && items[0].kind == Kind::dict) return push(items[0]);
    if (is_set(name) && items.empty()) return push_items(Kind::list);
    if (is_set(name) && items.size() == 1 && items[0].kind == Kind::list) return push(items[0]);
    if (is_bytes(name)) return push_bytes(items);
    if (name == "torch.Size" && items.size() == 1) return push(items[0]);
    if (name == "torch.device" && !items.empty()) return push_device(items);
    if (name.starts_with("torch._utils._rebuild_parameter") && !items.empty()) {
      return push(items[0]);
    }
    if (name.starts_with("torch._utils._rebuild_tensor") && items.size() >= 4) {
      return build_tensor(items);
    }
    make_object(name, items);
  }

  // What has no meaning here. Nothing of it is made.
  void make_object(std::string_view name, const std::vector<Node>& items) {
    const auto* other = std::find_if(kOtherTensors.begin(), kOtherTensors.end(),
                                     [&](const OtherTensor& one) { return one.function == name; });
    if (other != kOtherTensors.end()) return push_unusable(other->what);
    if (name == "__builtin__.complex" || name == "builtins.complex") {
      return push_unusable("a complex number");
    }
    // The OneCycleLR of torch 1 keeps a method of its own, and with it the scheduler, the
    // optimizer, and a defaultdict in that.
    if (name.starts_with("torch.optim.")) return push_unusable(name);
    const bool is_method = name == "__builtin__.getattr" || name == "builtins.getattr";
    if (is_method && items.size() == 2 && items[0].kind == Kind::unusable) return push(items[0]);
    if (name == "collections.defaultdict") return push_text(Kind::refused, name);
    refuse_name(name);
  }

  static bool is_dict(std::string_view name) {
    return name == "collections.OrderedDict" || name == "collections.Counter";
  }

  static bool is_set(std::string_view name) {
    return name == "__builtin__.set" || name == "builtins.set" || name == "__builtin__.frozenset" ||
           name == "builtins.frozenset";
  }

  static bool is_bytes(std::string_view name) {
    return name == "_codecs.encode" || name == "__builtin__.bytes" || name == "builtins.bytes" ||
           name == "__builtin__.bytearray" || name == "builtins.bytearray";
  }

  // Bytes as the characters of the same numbers, with the name of that code; or themselves.
  void push_bytes(const std::vector<Node>& items) {
    if (items.empty()) return push_text(Kind::bytes, "");
    if (items[0].kind == Kind::bytes) return push(items[0]);
    std::string bytes;
    for (std::string_view text = string_of(items[0]); !text.empty();) {
      const Character character = first_character(text);
      if (!character.valid || character.code > 0xff) malformed("its bytes are no bytes");
      bytes += static_cast<char>(character.code);
      text.remove_prefix(character.bytes);
    }
    push_text(Kind::bytes, keep(std::move(bytes)));
  }

  void push_device(const std::vector<Node>& items) {
    const std::string_view type = string_of(items[0]);
    if (type.size() > kLongestName) malformed("the name of a device is too long");
    const std::string index = items.size() == 1 ? "" : ":" + std::to_string(int_of(items[1]));
    push_text(Kind::string, keep(std::string(type) + index));
  }

  // (storage, offset, sizes, strides, requires_grad, hooks, {"conj": True})
  void build_tensor(const std::vector<Node>& items) {
    if (items[0].kind == Kind::unusable) return push(items[0]);
    if (items[0].kind != Kind::storage) malformed("a tensor has no storage");
    PickleTensor tensor = *items[0].tensor;
    tensor.offset = int_of(items[1]);
    tensor.sizes = ints_of(items[2]);
    tensor.strides = ints_of(items[3]);
    check_geometry(tensor);
    if (items.size() >= 7) read_flags(items[6], tensor);
    push_tensor(Kind::tensor, std::move(tensor));
  }

  void check_geometry(const PickleTensor& tensor) {
    if (tensor.offset < 0 || tensor.sizes.size() != tensor.strides.size()) {
      malformed("a tensor's geometry is impossible");
    }
    int64_t last = tensor.offset, count = 1;
    bool empty = false;
    for (size_t i = 0; i < tensor.sizes.size(); ++i) {
      const int64_t size = tensor.sizes[i], stride = tensor.strides[i];
      int64_t reach = 0;
      empty = empty || size == 0;
      if (size < 0 || stride < 0 ||
          __builtin_mul_overflow(std::max<int64_t>(size - 1, 0), stride, &reach) ||
          __builtin_add_overflow(last, reach, &last) ||
          __builtin_mul_overflow(count, std::max<int64_t>(size, 1), &count)) {
        malformed("a tensor's geometry is impossible");
      }
    }
    if (empty ? tensor.offset > tensor.elements : last >= tensor.elements) {
      malformed("a tensor is larger than its storage");
    }
    if (!empty) charge_numbers(static_cast<uint64_t>(count), tensor.width);
  }

  // A stride of 0 makes many numbers of one, and each reference to a storage all of them again:
  // whoever copies such tensors needs memory for all.
  void charge_numbers(uint64_t count, uint64_t width) {
    uint64_t bytes = 0;
    if (__builtin_mul_overflow(count, width, &bytes) ||
        __builtin_add_overflow(numbers_, bytes, &numbers_) ||
        (numbers_ > kFreeNumbers && (numbers_ - kFreeNumbers) / kMostTimes > stored_bytes_)) {
      malformed("its tensors have far more numbers than are stored in it");
    }
  }

  static void read_flags(const Node& flags, PickleTensor& tensor) {
    if (flags.kind == Kind::none) return;
    if (flags.kind != Kind::dict) malformed("a tensor's metadata are no dict");
    const std::vector<Node>& list = flags.items->list;
    for (size_t i = 0; i + 1 < list.size(); i += 2) {
      const std::string_view name = string_of(list[i]);
      if (list[i + 1].kind != Kind::boolean) malformed("a tensor's metadata are no bools");
      const bool is_set = list[i + 1].integer != 0;
      const bool is_complex = std::string_view(tensor.type).substr(0, 7) == "complex";
      if (name == "conj" && (is_complex || !is_set)) {
        tensor.conjugate = is_set;
      } else if (name == "neg" && (tensor.type != std::string_view("bool") || !is_set)) {
        tensor.negative = is_set;
      } else if (is_set) {
        throw Error("has a tensor that is marked as '" + printable(name) +
                    "', which is not known here; store its numbers as they are");
      }
    }
  }

  // ---- the result

  struct Extent {
    int levels = 0;
    uint64_t values = 1;
  };

  // What is reached from a node, each list and dict looked at once.
  static Extent measure(const Node& node, int depth) {
    if (node.kind == Kind::name && !is_dtype(node.view())) refuse_name(node.view());
    if (node.kind == Kind::refused) refuse_name(node.view());
    if (node.kind == Kind::mark) malformed("its pickle ends with what is no value");
    if (!has_items(node)) return {};
    PickleItems& items = *node.items;
    if (depth + std::max(items.levels, 1) > kDeepest) malformed("it is nested too deeply");
    if (items.levels > 0) return {items.levels, items.values};
    Extent all;
    for (const Node& item : items.list) {
      const Extent one = measure(item, depth + 1);
      all.levels = std::max(all.levels, one.levels);
      all.values += one.values;
      if (all.values > kMostValues) malformed("it has too many values");
    }
    items.levels = ++all.levels;
    items.values = all.values;
    return all;
  }

  const Bytes pickle_;
  const std::function<uint64_t(const std::string&)> size_of_;
  uint64_t position_ = 0;
  uint64_t charged_ = 0, numbers_ = 0, stored_bytes_ = 0;
  std::deque<PickleItems> items_;  // a deque never moves what is in it, and neither does a set
  std::deque<PickleTensor> tensors_;
  std::set<std::string> texts_;
  std::vector<Node> stack_, memo_;
  uint64_t remembered_ = 0;                      // how many there are in memo_
  std::map<std::string, const char*> storages_;  // their types
  Node root_;
};

PickleReader::PickleReader(const Bytes& pickle,
                           const std::function<uint64_t(const std::string&)>& storage_size)
    : machine_(std::make_unique<Machine>(pickle, storage_size)) {}
PickleReader::~PickleReader() = default;

const PickleNode& PickleReader::read() {
  return machine_->run();
}

}  // namespace course
