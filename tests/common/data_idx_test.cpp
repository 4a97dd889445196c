// Tests the IDX reader: right files exactly, and for every fault the sentence it is refused with.
#include "data/idx.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <torch/torch.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <random>
#include <string>

#include "data_testing.h"
#include "error.h"

namespace course {
namespace {

namespace fs = std::filesystem;
using testing::idx_header;
using testing::idx_images;
using testing::idx_labels;
using testing::packed;
using testing::TemporaryFolder;

// The message without the file's name, with which each must begin.
template <typename Read>
std::string fault(const fs::path& file, Read&& read) {
  const std::string text = testing::message_of<Error>([&] { (void)read(file); });
  EXPECT_EQ(text.rfind(file.string() + " ", 0), 0U) << text;
  return text.substr(std::min(text.size(), file.string().size() + 1));
}

std::string image_file_fault(const fs::path& file) {
  return fault(file, read_idx_images);
}

std::string image_fault(const std::string& bytes, const std::string& name = "images") {
  const TemporaryFolder folder;
  return fault(folder.write(name, bytes), read_idx_images);
}

std::string label_fault(const std::string& bytes) {
  const TemporaryFolder folder;
  return fault(folder.write("labels", bytes), read_idx_labels);
}

TEST(DataIdx, ReadsImagesByRowsAndColumns) {
  const TemporaryFolder folder;
  const auto file =
      folder.write("a", idx_header(0x803, {2, 2, 3}) + std::string("\0\1\2\3\4\5"
                                                                   "\6\7\x8\x9\xfe\xff",
                                                                   12));
  const torch::Tensor images = read_idx_images(file);
  EXPECT_EQ(images.scalar_type(), torch::kUInt8);
  const auto expected =
      torch::tensor({0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 254, 255}, torch::kUInt8).view({2, 2, 3});
  EXPECT_TRUE(torch::equal(images, expected)) << images;
}

TEST(DataIdx, ReadsLabelsAsInt64WithoutASign) {
  const TemporaryFolder folder;
  const torch::Tensor labels = read_idx_labels(folder.write("a", idx_labels({7, 0, 255, 128, 9})));
  EXPECT_EQ(labels.scalar_type(), torch::kInt64);
  EXPECT_TRUE(torch::equal(labels, torch::tensor({7, 0, 255, 128, 9}, torch::kInt64))) << labels;
}

TEST(DataIdx, PlainAndPackedAreTheSameWhateverTheName) {
  const TemporaryFolder folder;
  // 13,000 images are 10.2 MB: more than one step of the reader.
  const std::string bytes = idx_images(13000);
  const torch::Tensor plain = read_idx_images(folder.write("a", bytes));
  EXPECT_EQ(plain.sizes(), (std::vector<int64_t>{13000, 28, 28}));
  EXPECT_EQ(plain[12999][27][27].item<int>(), (13000 * 784 - 1) % 256);
  EXPECT_TRUE(torch::equal(plain, read_idx_images(folder.write("a.gz", packed(bytes)))));
  EXPECT_TRUE(torch::equal(plain, read_idx_images(folder.write("b", packed(bytes)))));
  EXPECT_TRUE(torch::equal(plain, read_idx_images(folder.write("b.gz", bytes))));
}

TEST(DataIdx, ReadsAGzipFileOfSeveralMembers) {
  const TemporaryFolder folder;
  const std::string bytes = idx_images(3);
  const auto file =
      folder.write("a.gz", packed(bytes.substr(0, 1000)) + packed(bytes.substr(1000)));
  EXPECT_TRUE(torch::equal(read_idx_images(file), read_idx_images(folder.write("a", bytes))));
}

TEST(DataIdxFaults, Missing) {
  const TemporaryFolder folder;
  EXPECT_EQ(image_file_fault(folder.path() / "none"),
            "does not exist; check the path, or fetch the data set again");
  EXPECT_EQ(image_file_fault(folder.path() / "none" / "none"),
            "does not exist; check the path, or fetch the data set again");
}

TEST(DataIdxFaults, NotAFile) {
  const TemporaryFolder folder;
  EXPECT_EQ(image_file_fault(folder.path()), "is a folder, but a file in IDX format was expected");
  const fs::path pipe = folder.path() / "pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(image_file_fault(pipe),
            "is a pipe or a device, but a regular file in IDX format was expected");
}

// Root may read everything: be nobody for a while.
class WithoutPrivileges {
 public:
  WithoutPrivileges() : user_(geteuid()) { dropped_ = user_ != 0 || seteuid(65534) == 0; }
  ~WithoutPrivileges() {
    if (user_ == 0 && seteuid(0) != 0) std::abort();
  }
  bool dropped() const { return dropped_; }

 private:
  uid_t user_;
  bool dropped_;
};

TEST(DataIdxFaults, NotAllowedToRead) {
  const TemporaryFolder folder;
  const fs::path file = folder.write("secret/images", idx_images(3));
  fs::permissions(file, fs::perms::none);
  std::string in_open_folder;
  std::string in_closed_folder;
  {
    const WithoutPrivileges nobody;
    if (!nobody.dropped()) GTEST_SKIP() << "this user cannot give up the right to read all files";
    in_open_folder = image_file_fault(file);
  }
  fs::permissions(file.parent_path(), fs::perms::none);
  {
    const WithoutPrivileges nobody;
    in_closed_folder = image_file_fault(file);
  }
  fs::permissions(file.parent_path(), fs::perms::owner_all);
  EXPECT_EQ(in_open_folder, "cannot be opened (Permission denied); check who may read it");
  EXPECT_EQ(in_closed_folder, "cannot be opened (Permission denied); check who may read it");
}

TEST(DataIdxFaults, Empty) {
  EXPECT_EQ(image_fault(std::string()), "is empty (0 bytes); fetch it again");
}

TEST(DataIdxFaults, HeaderCutOff) {
  EXPECT_EQ(image_fault(idx_images(3).substr(0, 3)),
            "is cut off: a header of 16 bytes was expected, but there are only 3 bytes; fetch it "
            "again");
  EXPECT_EQ(image_fault(idx_images(3).substr(0, 15)),
            "is cut off: a header of 16 bytes was expected, but there are only 15 bytes; fetch it "
            "again");
  EXPECT_EQ(label_fault(idx_labels({1, 2}).substr(0, 7)),
            "is cut off: a header of 8 bytes was expected, but there are only 7 bytes; fetch it "
            "again");
  EXPECT_EQ(image_fault(packed("")),
            "is cut off: a header of 16 bytes was expected, but there are only 0 bytes; fetch it "
            "again");
}

TEST(DataIdxFaults, OtherKindOfFile) {
  const std::string expected = "images in IDX format (first bytes 0x00000803) were expected";
  EXPECT_EQ(image_fault(idx_labels({1, 2, 3})), "holds labels (first bytes 0x00000801), but " +
                                                    expected + "; have two files been swapped?");
  EXPECT_EQ(label_fault(idx_images(3)),
            "holds images (first bytes 0x00000803), but labels in IDX format (first bytes "
            "0x00000801) were expected; have two files been swapped?");
  EXPECT_EQ(image_fault("<!DOCTYPE html><title>404</title>", "images.gz"),
            "looks like a web page, which a failed download leaves behind, but " + expected +
                "; fetch it again");
  EXPECT_EQ(image_fault(packed(packed(idx_images(3)))),
            "is packed with gzip twice, but " + expected + " after unpacking once; unpack it");
  EXPECT_EQ(image_fault("PK\3\4 and so on, some more bytes"),
            "looks like a zip archive, but " + expected + "; unpack it");
  EXPECT_EQ(
      image_fault(idx_header(0x00000d02, {1, 1}) + "abcdefgh"),
      "is an IDX file of floats with 2 dimension(s) (first bytes 0x00000d02), but " + expected);
  EXPECT_EQ(image_fault(idx_header(0x00000804, {1, 1, 1, 1}) + "a"),
            "is an IDX file of unsigned bytes with 4 dimension(s) (first bytes 0x00000804), but " +
                expected);
  EXPECT_EQ(image_fault(idx_header(0x03080000, {1, 1, 1}) + "a"),
            "is no IDX file (first bytes 0x03080000), but " + expected +
                "; check that it is the right file, or fetch it again");
}

TEST(DataIdxFaults, ZeroSizes) {
  EXPECT_EQ(image_fault(idx_header(0x803, {0, 28, 28})),
            "holds nothing: its header says 0 images of 28 x 28, which takes 16 bytes; fetch it "
            "again");
  EXPECT_EQ(image_fault(idx_header(0x803, {3, 28, 0})),
            "holds nothing: its header says 3 images of 28 x 0, which takes 16 bytes; fetch it "
            "again");
  // A zero behind a product that does not fit into 64 bits.
  EXPECT_EQ(image_fault(packed(idx_header(0x803, {0xffffffff, 0xffffffff, 0}))),
            "holds nothing: its header says 4294967295 images of 4294967295 x 0, which takes 16 "
            "bytes; fetch it again");
  EXPECT_EQ(label_fault(idx_header(0x801, {0})),
            "holds nothing: its header says 0 labels, which takes 8 bytes; fetch it again");
}

TEST(DataIdxFaults, PlainFileShorterOrLongerThanItsHeaderSays) {
  const std::string bytes = idx_images(3);  // 16 + 3 * 784 = 2368 bytes
  EXPECT_EQ(image_fault(bytes.substr(0, 2367)),
            "is cut off: its header says 3 images of 28 x 28, which takes 2368 bytes, but the file "
            "has 2367 bytes; fetch it again");
  EXPECT_EQ(image_fault(bytes + "x"),
            "is too long: its header says 3 images of 28 x 28, which takes 2368 bytes, but the "
            "file has 2369 bytes; fetch it again");
  EXPECT_EQ(label_fault(idx_labels({1, 2, 3}) + "x"),
            "is too long: its header says 3 labels, which takes 11 bytes, but the file has 12 "
            "bytes; fetch it again");
}

TEST(DataIdxFaults, PackedDataShorterOrLongerThanTheHeaderSays) {
  const std::string bytes = idx_images(3);
  EXPECT_EQ(image_fault(packed(bytes.substr(0, 2367))),
            "is cut off: its header says 3 images of 28 x 28, which takes 2368 bytes, but only "
            "2367 bytes came out of it; fetch it again");
  EXPECT_EQ(image_fault(packed(bytes + "x")),
            "is too long: its header says 3 images of 28 x 28, which takes 2368 bytes, but more "
            "than that came out of it; fetch it again");
}

TEST(DataIdxFaults, HeaderThatClaimsTheImpossible) {
  // 2^31 * 784 + 16 bytes
  EXPECT_EQ(image_fault(idx_header(0x803, {0x80000000, 28, 28}) + "x"),
            "is cut off: its header says 2147483648 images of 28 x 28, which takes 1683627180048 "
            "bytes, but the file has 17 bytes; fetch it again");
  // 2^32 * 2^32 * 2^32 fits into no integer, 2^32 * 2^31 * 2 + 16 would wrap round to 16.
  EXPECT_EQ(image_fault(idx_header(0x803, {0xffffffff, 0xffffffff, 0xffffffff})),
            "is cut off: its header says 4294967295 images of 4294967295 x 4294967295, but the "
            "file has 16 bytes; fetch it again");
  EXPECT_EQ(image_fault(idx_header(0x803, {0x80000000, 0x80000000, 4})),
            "is cut off: its header says 2147483648 images of 2147483648 x 4, but the file has 16 "
            "bytes; fetch it again");
  const std::string file = packed(idx_header(0x803, {0x80000000, 28, 28}) + "x");
  EXPECT_EQ(image_fault(file),
            "is cut off or damaged: its header says 2147483648 images of 28 x 28, which takes "
            "1683627180048 bytes, but its " +
                std::to_string(file.size()) + " bytes cannot unpack to more than " +
                std::to_string(1032 * file.size()) + "; fetch it again");
  EXPECT_EQ(label_fault(idx_header(0x801, {0xffffffff})),
            "is cut off: its header says 4294967295 labels, which takes 4294967303 bytes, but the "
            "file has 8 bytes; fetch it again");
}

TEST(DataIdxFaults, GzipCutOff) {
  const std::string file = packed(idx_images(100));
  // At every length the answer is one of the two kinds of "cut off", never an image.
  for (std::size_t length = 2; length < file.size(); length += 97) {
    const std::string text = image_fault(file.substr(0, length), "images.gz");
    EXPECT_TRUE(text.rfind("is cut off", 0) == 0) << length << ": " << text;
  }
  // Without the last byte of the checksum and length all pixels are there, and still it is refused.
  EXPECT_EQ(image_fault(file.substr(0, file.size() - 1)),
            "is cut off: it is packed with gzip and ends in mid-stream, after 78416 unpacked "
            "bytes; fetch it again");
}

TEST(DataIdxFaults, GzipDamaged) {
  std::string file = packed(idx_images(100));
  file[file.size() - 8] = static_cast<char>(file[file.size() - 8] ^ 1);  // in the CRC
  EXPECT_EQ(image_fault(file),
            "is damaged: it cannot be unpacked with gzip (incorrect data check); fetch it again");
  file = packed(idx_images(100));
  file[10] = '\x07';  // a block of a type that does not exist
  EXPECT_EQ(image_fault(file),
            "is damaged: it cannot be unpacked with gzip (invalid block type); fetch it again");
}

#if defined(__linux__)
// Lets the process take at most `bytes` more of address space than it has.
class MemoryLimit {
 public:
  explicit MemoryLimit(std::size_t bytes) {
    getrlimit(RLIMIT_AS, &before_);
    std::size_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    rlimit limit = before_;
    limit.rlim_cur = pages * static_cast<std::size_t>(getpagesize()) + bytes;
    set_ = pages > 0 && setrlimit(RLIMIT_AS, &limit) == 0;
  }
  ~MemoryLimit() { setrlimit(RLIMIT_AS, &before_); }
  bool set() const { return set_; }

 private:
  rlimit before_{};
  bool set_ = false;
};

TEST(DataIdxFaults, LyingHeaderTakesNoMemory) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer takes terabytes of address space, which this test limits";
#else
  // 2 MB of noise do not get smaller, so by its size alone the file could hold the 2 GB it claims.
  std::mt19937 random(1);
  std::string noise(2'000'000, '\0');
  for (char& byte : noise) byte = static_cast<char>(random() & 0xff);
  const TemporaryFolder folder;
  const auto file = folder.write("a.gz", packed(idx_header(0x803, {2'500'000, 28, 28}) + noise));
  const std::size_t megabyte = 1024 * 1024;
  std::string text;
  bool refused = false;
  {
    const MemoryLimit limit(64 * megabyte);
    ASSERT_TRUE(limit.set());
    // The limit bites: what the header claims could not be had.
    void* claimed = std::malloc(1960 * megabyte);
    refused = claimed == nullptr;
    std::free(claimed);
    text = image_file_fault(file);
  }
  EXPECT_TRUE(refused);
  EXPECT_EQ(text,
            "is cut off: its header says 2500000 images of 28 x 28, which takes 1960000016 bytes, "
            "but only 2000016 bytes came out of it; fetch it again");
#endif
}

TEST(DataIdxFaults, NotEnoughMemoryIsSaid) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer takes terabytes of address space, which this test limits";
#else
  // An honest file: one image of 256 MB of zeros, which pack to a thousandth.
  const TemporaryFolder folder;
  const std::size_t size = 256 * 1024 * 1024;
  const auto file = folder.write(
      "a.gz", packed(idx_header(0x803, {1, 16 * 1024, 16 * 1024}) + std::string(size, '\0')));
  std::string text;
  {
    const MemoryLimit limit(64 * 1024 * 1024);
    ASSERT_TRUE(limit.set());
    text = image_file_fault(file);
  }
  EXPECT_EQ(text, "needs 268435456 bytes of memory, which are not free");
#endif
}
#endif

}  // namespace
}  // namespace course
