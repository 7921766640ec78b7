// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

namespace rove::exec::detail {

/// Arrays with a row of the pull's width per owned row that the consumer of a block will touch.
using TouchedRows = std::array<const float*, 4>;

/// Slots between a row's use and its prefetch.
inline constexpr std::uint64_t kAhead = 16;

/// The slots of one owned row.
struct RowSlots {
  const std::uint32_t* targets = nullptr;
  std::uint32_t degree = 0;
  std::uint32_t readable = 0;  ///< entries of `targets` that exist, at most kAhead more than `degree`
};

/// Result i (at out + i · width when `compact`, else at out + rows[i] · width) is
/// scale[rows[i]] · Σ (source_scale[target] · x[target]), two roundings per term: in slot order within segments of
/// `segment` slots, segments in order. Rows of `skip_degree` slots and more are left out.
struct PullTask {
  const float* x = nullptr;
  std::uint32_t width = 0;                ///< floats per row, a multiple of 16
  const RowSlots* slots = nullptr;        ///< per owned row
  const float* scale = nullptr;           ///< per owned row, or nullptr
  const float* source_scale = nullptr;    ///< per row of x, or nullptr
  const std::uint8_t* nonzero = nullptr;  ///< per row of x, or nullptr; excludes `source_scale`
  TouchedRows touched = {};               ///< prefetched row by row; nullptr: none
  const std::uint32_t* rows = nullptr;
  std::uint64_t count = 0;
  std::uint64_t segment = 0;
  std::uint64_t skip_degree = 0;
  float* out = nullptr;
  bool compact = false;
  bool is_sparse = false;  ///< `rows` skip many rows: prefetch from the next one of them, not from the next in memory
};

using PullRows = void(const PullTask& task);

namespace avx2 {
PullRows pull_rows;
}
namespace avx512 {
PullRows pull_rows;
}

}  // namespace rove::exec::detail
