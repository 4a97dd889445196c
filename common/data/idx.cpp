// Reads IDX files: a header of big-endian 32-bit numbers (magic, then one length for each
// dimension), then the values, one byte each.
#include "data/idx.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "error.h"

namespace course {
namespace {

namespace fs = std::filesystem;

struct Kind {
  const char* what;
  uint32_t magic;
  std::size_t dimensions;
  std::size_t header_bytes() const { return 4 + 4 * dimensions; }
};
constexpr Kind kImages{"images", 0x00000803, 3};
constexpr Kind kLabels{"labels", 0x00000801, 1};

// Deflate spends at least 2 bits on a run of 258 bytes, so nothing unpacks to more than this
// many times its size.
constexpr uint64_t kMaxDeflateRatio = 1032;
constexpr uint64_t kUnlimited = std::numeric_limits<uint64_t>::max();

uint64_t saturating_product(uint64_t a, uint64_t b) {
  return b != 0 && a > kUnlimited / b ? kUnlimited : a * b;
}

[[noreturn]] void fail(const fs::path& file, const std::string& what) {
  throw Error(file.string() + " " + what);
}

// What the header says, and the bytes that header and values take together.
struct Claim {
  std::vector<int64_t> sizes;
  uint64_t bytes = 0;
  std::string text;
};

Claim read_claim(const Kind& kind, const uint8_t* numbers) {
  Claim claim;
  uint64_t values = 1;
  for (std::size_t i = 0; i < kind.dimensions; ++i, numbers += 4) {
    const uint32_t size = uint32_t{numbers[0]} << 24 | uint32_t{numbers[1]} << 16 |
                          uint32_t{numbers[2]} << 8 | uint32_t{numbers[3]};
    claim.sizes.push_back(size);
    values = saturating_product(values, size);
  }
  const uint64_t header = kind.header_bytes();
  claim.bytes = values > kUnlimited - header ? kUnlimited : values + header;
  const auto size = [&](std::size_t i) { return std::to_string(claim.sizes[i]); };
  claim.text = "its header says " + size(0) + " " + kind.what;
  if (kind.dimensions == 3) claim.text += " of " + size(1) + " x " + size(2);
  if (claim.bytes != kUnlimited) {
    claim.text += ", which takes " + std::to_string(claim.bytes) + " bytes";
  }
  return claim;
}

// The bytes of a file, unpacked if it is packed.
class Reader {
 public:
  explicit Reader(const fs::path& file) : file_(file) {
    std::error_code code;
    const fs::file_status status = fs::status(file, code);
    if (status.type() == fs::file_type::not_found) {
      fail(file, "does not exist; check the path, or fetch the data set again");
    }
    if (fs::is_directory(status)) fail(file, "is a folder, but a file in IDX format was expected");
    if (fs::exists(status) && !fs::is_regular_file(status)) {
      fail(file, "is a pipe or a device, but a regular file in IDX format was expected");
    }
    if (!code) size_ = fs::file_size(file, code);
    if (!code) {
      gz_.reset(gzopen(file.string().c_str(), "rb"));
      if (!gz_) code.assign(errno, std::generic_category());
    }
    if (code) {
      fail(file, "cannot be opened (" + code.message() + "); check who may read it");
    }
    if (size_ == 0) fail(file, "is empty (0 bytes); fetch it again");
    gzbuffer(gz_.get(), 128 * 1024);
    packed_ = gzdirect(gz_.get()) == 0;
  }

  bool packed() const { return packed_; }
  uint64_t size_on_disk() const { return size_; }

  // Reads `size` bytes, fewer only where the file ends in good order.
  std::size_t read(void* to, std::size_t size) {
    const int count = gzread(gz_.get(), to, static_cast<unsigned>(size));
    const int saved_errno = errno;
    if (count > 0) position_ += static_cast<uint64_t>(count);
    if (count == static_cast<int>(size)) return size;
    int fault = Z_OK;
    const std::string text = gzerror(gz_.get(), &fault);
    if (fault == Z_BUF_ERROR) {
      fail(file_, "is cut off: it is packed with gzip and ends in mid-stream, after " +
                      std::to_string(position_) + " unpacked bytes; fetch it again");
    }
    if (fault == Z_ERRNO) {
      fail(file_, std::string("cannot be read (") + std::strerror(saved_errno) + ")");
    }
    if (fault != Z_OK || count < 0) {
      fail(file_,
           "is damaged: it cannot be unpacked with gzip (" + reason(text) + "); fetch it again");
    }
    return static_cast<std::size_t>(count);
  }

 private:
  struct Close {
    void operator()(gzFile_s* gz) const { gzclose(gz); }
  };

  // zlib puts the file's name before its own words.
  std::string reason(const std::string& text) const {
    const std::string prefix = file_.string() + ": ";
    return text.rfind(prefix, 0) == 0 ? text.substr(prefix.size()) : text;
  }

  fs::path file_;
  std::unique_ptr<gzFile_s, Close> gz_;
  uint64_t size_ = 0;
  uint64_t position_ = 0;
  bool packed_ = false;
};

std::string hexadecimal(uint32_t magic) {
  std::array<char, 11> text{};
  std::snprintf(text.data(), text.size(), "0x%08x", magic);
  return text.data();
}

// The third byte of an IDX file's magic says what its values are.
const char* type_name(uint32_t magic) {
  switch (magic >> 8) {
    case 0x08:
      return "unsigned bytes";
    case 0x09:
      return "signed bytes";
    case 0x0b:
      return "16-bit integers";
    case 0x0c:
      return "32-bit integers";
    case 0x0d:
      return "floats";
    case 0x0e:
      return "doubles";
    default:
      return nullptr;
  }
}

[[noreturn]] void fail_for_magic(const fs::path& file, const Kind& kind, uint32_t magic) {
  const std::string expected = std::string(kind.what) + " in IDX format (first bytes " +
                               hexadecimal(kind.magic) + ") were expected";
  for (const Kind& other : {kImages, kLabels}) {
    if (magic == other.magic) {
      fail(file, std::string("holds ") + other.what + " (first bytes " + hexadecimal(magic) +
                     "), but " + expected + "; have two files been swapped?");
    }
  }
  const uint32_t first_two = magic >> 16;
  if (magic >> 24 == '<') {
    fail(file, "looks like a web page, which a failed download leaves behind, but " + expected +
                   "; fetch it again");
  }
  if (first_two == 0x1f8b) {
    fail(file, "is packed with gzip twice, but " + expected + " after unpacking once; unpack it");
  }
  if (first_two == 0x504b) {
    fail(file, "looks like a zip archive, but " + expected + "; unpack it");
  }
  if (first_two == 0 && type_name(magic) != nullptr) {
    fail(file, std::string("is an IDX file of ") + type_name(magic) + " with " +
                   std::to_string(magic & 0xff) + " dimension(s) (first bytes " +
                   hexadecimal(magic) + "), but " + expected);
  }
  fail(file, "is no IDX file (first bytes " + hexadecimal(magic) + "), but " + expected +
                 "; check that it is the right file, or fetch it again");
}

Claim read_header(Reader& reader, const fs::path& file, const Kind& kind) {
  std::array<uint8_t, 16> header{};
  const std::size_t wanted = kind.header_bytes();
  const std::size_t found = reader.read(header.data(), wanted);
  const uint32_t magic = uint32_t{header[0]} << 24 | uint32_t{header[1]} << 16 |
                         uint32_t{header[2]} << 8 | uint32_t{header[3]};
  if (found >= 4 && magic != kind.magic) fail_for_magic(file, kind, magic);
  if (found < wanted) {
    fail(file, "is cut off: a header of " + std::to_string(wanted) +
                   " bytes was expected, but there are only " + std::to_string(found) +
                   " bytes; fetch it again");
  }
  return read_claim(kind, header.data() + 4);
}

// Refuses what cannot be true, before any memory is taken for it.
void check_claim(const Claim& claim, const Reader& reader, const fs::path& file) {
  if (std::find(claim.sizes.begin(), claim.sizes.end(), 0) != claim.sizes.end()) {
    fail(file, "holds nothing: " + claim.text + "; fetch it again");
  }
  const uint64_t size = reader.size_on_disk();
  const std::string found = std::to_string(size) + " bytes";
  if (reader.packed()) {
    const uint64_t most = saturating_product(size, kMaxDeflateRatio);
    if (claim.bytes > most || claim.bytes == kUnlimited) {
      fail(file, "is cut off or damaged: " + claim.text + ", but its " + found +
                     " cannot unpack to more than " + std::to_string(most) + "; fetch it again");
    }
  } else if (claim.bytes > size) {
    fail(file, "is cut off: " + claim.text + ", but the file has " + found + "; fetch it again");
  } else if (claim.bytes < size) {
    fail(file, "is too long: " + claim.text + ", but the file has " + found + "; fetch it again");
  }
}

using Bytes = std::unique_ptr<uint8_t, decltype(&std::free)>;

// Memory grows with what really comes out of the file: a lying header costs at most one step.
Bytes read_values(Reader& reader, const fs::path& file, const Kind& kind, const Claim& claim) {
  constexpr uint64_t step = 8 * 1024 * 1024;
  const uint64_t size = claim.bytes - kind.header_bytes();
  Bytes bytes(nullptr, &std::free);
  for (uint64_t have = 0; have < size;) {
    const uint64_t wanted = std::min(step, size - have);
    auto* grown = static_cast<uint8_t*>(std::realloc(bytes.get(), have + wanted));
    if (grown == nullptr) {
      fail(file, "needs " + std::to_string(size) + " bytes of memory, which are not free");
    }
    (void)bytes.release();
    bytes.reset(grown);
    const std::size_t found = reader.read(grown + have, wanted);
    have += found;
    if (found < wanted) {
      fail(file, "is cut off: " + claim.text + ", but only " +
                     std::to_string(have + kind.header_bytes()) +
                     " bytes came out of it; fetch it again");
    }
  }
  // The byte after the last: asking for it also makes zlib compare the checksum.
  uint8_t beyond = 0;
  if (reader.read(&beyond, 1) != 0) {
    fail(file,
         "is too long: " + claim.text + ", but more than that came out of it; fetch it again");
  }
  return bytes;
}

torch::Tensor read_idx(const fs::path& file, const Kind& kind) {
  Reader reader(file);
  const Claim claim = read_header(reader, file, kind);
  check_claim(claim, reader, file);
  Bytes bytes = read_values(reader, file, kind, claim);
  return torch::from_blob(
      bytes.release(), claim.sizes, [](void* data) { std::free(data); }, torch::kUInt8);
}

}  // namespace

torch::Tensor read_idx_images(const fs::path& file) {
  return read_idx(file, kImages);
}

torch::Tensor read_idx_labels(const fs::path& file) {
  return read_idx(file, kLabels).to(torch::kInt64);
}

}  // namespace course
