// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace rove::gnn::detail {

/// Items are scored in panels of this many: panel p holds, column by column, the values of items 32 p ... 32 p + 31.
inline constexpr std::uint32_t kPanelItems = 32;
/// Most users that a kernel scores at a time.
inline constexpr std::uint32_t kMaxBlockUsers = 16;

struct Survivor {
  std::uint32_t user = 0;  ///< within the block
  std::uint32_t item = 0;  ///< within the panels
  float score = 0.0F;
};

/// Scores a block of users against panels of items: the dot product is one fused chain over the columns, in order.
/// Scores that reach their user's threshold are handed over panel by panel; the receiver may raise thresholds.
struct ScanTask {
  const float* users = nullptr;   ///< `num_users` rows
  std::uint32_t num_users = 0;    ///< at most `block_users()`
  std::uint32_t width = 0;        ///< floats per row
  std::uint32_t columns = 0;      ///< of them used
  const float* panels = nullptr;  ///< 64-byte aligned
  std::uint64_t num_panels = 0;
  float* thresholds = nullptr;    ///< kMaxBlockUsers; those beyond `num_users` are set to +inf
  float* packed_users = nullptr;  ///< scratch: columns · kMaxBlockUsers floats
  void (*emit)(void* context, const Survivor* survivors, std::uint32_t count) = nullptr;
  void* context = nullptr;
};

using ScanPanels = void(const ScanTask& task);
/// Users that the kernel's registers hold.
using BlockUsers = std::uint32_t();
/// `repetitions` runs of the inner kernel on data in the first-level cache; returns a number that depends on all of
/// them. For measuring what the multiply-add units give.
using PeakFlops = float(std::uint64_t repetitions, const float* data);

namespace avx2 {
ScanPanels scan_panels;
BlockUsers block_users;
PeakFlops peak_flops;
}  // namespace avx2
namespace avx512 {
ScanPanels scan_panels;
BlockUsers block_users;
PeakFlops peak_flops;
}  // namespace avx512

}  // namespace rove::gnn::detail
