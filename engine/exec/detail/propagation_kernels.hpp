// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "engine/base/bfloat16.hpp"

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
/// `Stored` is what rows lie in memory as, `Result` what is written; sums are of floats, rounded at most once, after
/// they were scaled.
template <class Stored, class Result>
struct PullTask {
  const Stored* x = nullptr;
  std::uint32_t width = 0;                ///< columns, a multiple of 16
  const RowSlots* slots = nullptr;        ///< per owned row
  const float* scale = nullptr;           ///< per owned row, or nullptr
  const float* source_scale = nullptr;    ///< per row of x, or nullptr
  const std::uint8_t* nonzero = nullptr;  ///< per row of x, or nullptr; excludes `source_scale`
  TouchedRows touched = {};               ///< prefetched row by row; nullptr: none
  const std::uint32_t* rows = nullptr;
  std::uint64_t count = 0;
  std::uint64_t segment = 0;
  std::uint64_t skip_degree = 0;
  Result* out = nullptr;
  bool compact = false;
  bool is_sparse = false;  ///< `rows` skip many rows: prefetch from the next one of them, not from the next in memory
};

template <class Stored, class Result>
using PullRows = void(const PullTask<Stored, Result>& task);

/// Defined for float to float, BFloat16 to BFloat16 and BFloat16 to float.
namespace avx2 {
template <class Stored, class Result>
void pull_rows(const PullTask<Stored, Result>& task);
}
namespace avx512 {
template <class Stored, class Result>
void pull_rows(const PullTask<Stored, Result>& task);
}

}  // namespace rove::exec::detail
