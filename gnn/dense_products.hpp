// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/huge_buffer.hpp"

namespace rove::gnn {

/// Rows to multiply others with, laid out for the kernels: zeros up to the next multiple of 32 rows.
class PackedRows {
 public:
  /// `count` rows of `width` floats, of which the first `columns` are taken.
  PackedRows(std::span<const float> rows, std::uint64_t count, std::uint64_t width, std::uint32_t columns);

  /// Rows with the padding.
  [[nodiscard]] std::uint64_t padded_count() const { return padded_count_; }
  [[nodiscard]] std::uint32_t columns() const { return columns_; }
  /// The panels from row `first`, a multiple of 32, on.
  [[nodiscard]] const float* panels(std::uint64_t first = 0) const { return values_.data() + first * columns_; }

 private:
  std::uint64_t padded_count_;
  std::uint32_t columns_;
  HugeBuffer<float> values_;
};

/// out[r][i] += factor · <rows[r], items[i]> for every row (of `width` floats) and packed item; `out_width`, at least
/// `items.padded_count()`, lies from one row of `out` to the next. A product is one fused chain over the columns in
/// order: its bits depend on the two rows alone. By all threads.
void add_products(std::span<const float> rows, std::uint64_t count, std::uint64_t width, const PackedRows& items,
                  float factor, std::span<float> out, std::uint64_t out_width);

}  // namespace rove::gnn
