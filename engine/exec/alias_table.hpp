// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace rove::exec {

/// floor(share * 2^32), at most 2^32 - 1: below this an equally distributed 32-bit draw is with probability `share`.
[[nodiscard]] constexpr std::uint32_t share_threshold(double share) {
  return share >= 1.0 ? 0xFFFFFFFFU : static_cast<std::uint32_t>(share * 0x1.0p32);
}

/// A slot of an alias table: the slot's own target below the threshold, this one else.
struct AliasSlot {
  std::uint32_t threshold = 0;
  std::uint32_t target = 0;
};

/// Walker's table for draws in proportion to weights, by Vose's method (IEEE TSE 1991), the stacks filled in slot order
/// so that it is the same everywhere. Holds the scratch: one per thread.
class AliasTableBuilder {
 public:
  /// Writes `weights.size()` slots; a slot without weight is never taken. Weights are finite and at least 0; when they
  /// are all 0, nothing is written. Cost: a few passes over the weights.
  void build(std::span<const float> weights, const std::uint32_t* targets, AliasSlot* table);

 private:
  std::vector<double> share_;
  std::vector<std::uint32_t> small_;
  std::vector<std::uint32_t> large_;
};

}  // namespace rove::exec
