// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "gnn/detail/retrieval_kernels.hpp"

namespace rove::gnn::detail {

/// out[r][32 p + c] += factor · <row r, item 32 p + c>. Every product is one fused chain over the columns in order, so
/// its bits depend on its two rows alone. Items lie in panels as in `ScanTask`.
struct RowProducts {
  const float* rows = nullptr;
  const std::uint32_t* row_ids = nullptr;  ///< which rows; nullptr: 0, 1, 2, ...
  std::uint64_t count = 0;
  std::uint64_t width = 0;    ///< floats from one row to the next
  std::uint32_t columns = 0;  ///< of them used
  const float* panels = nullptr;
  std::uint64_t num_panels = 0;
  float factor = 1.0F;
  float* out = nullptr;
  std::uint64_t out_width = 0;
};
using AddRowProducts = void(const RowProducts& task);

/// Places of the scores that are not below the threshold, ascending; returns how many. `count` is a multiple of 16.
using FindNotLess = std::uint32_t(const float* scores, std::uint32_t count, float threshold, std::uint32_t* places);

/// rows[r] *= factors[r], for rows of `width` floats, a multiple of 16.
using ScaleRows = void(float* rows, const float* factors, std::uint64_t count, std::uint32_t width);

namespace avx2 {
AddRowProducts add_row_products;
FindNotLess find_not_less;
ScaleRows scale_rows;
}  // namespace avx2
namespace avx512 {
AddRowProducts add_row_products;
FindNotLess find_not_less;
ScaleRows scale_rows;
}  // namespace avx512

}  // namespace rove::gnn::detail
