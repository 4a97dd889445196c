// Reads IDX files, the format in which MNIST and its relatives are published.
#pragma once

#include <torch/types.h>

#include <filesystem>

namespace course {

/// Reads the images of an IDX file of three dimensions ("idx3-ubyte"). The file may be plain or
/// packed with gzip; its first bytes tell which, not its name.
/// @returns uint8 [N, H, W], grey values 0..255; N, H and W are at least 1
/// @throws Error if the file is missing, no regular file, unreadable, empty, cut off, damaged, of
///         another kind, or if its header and its length disagree. Memory is taken for data that
///         are really there, never because a header says so.
/// Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", file
/// formats.
torch::Tensor read_idx_images(const std::filesystem::path& file);

/// Reads the labels of an IDX file of one dimension ("idx1-ubyte"), plain or packed with gzip.
/// @returns int64 [N], as loss functions want it; the file has one byte for each, so 0..255
/// @throws Error as read_idx_images does
torch::Tensor read_idx_labels(const std::filesystem::path& file);

}  // namespace course
