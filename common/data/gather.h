// Rows of a table picked out in an order, over plain memory: no header of libtorch.
#pragma once

#include <cstddef>
#include <cstdint>

namespace course {

/// Copies row order[i] of `from` to row i of `to`.
void gather_rows(const void* from, const int64_t* order, int64_t rows, std::size_t row_bytes,
                 void* to);

/// The same for rows of bytes, each of them as (byte / divisor - mean) / std: rounded as libtorch
/// does it one operation after the other.
void gather_bytes_as_float(const uint8_t* from, const int64_t* order, int64_t rows,
                           int64_t row_length, float divisor, float mean, float std, float* to);

}  // namespace course
