// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "engine/base/ids.hpp"

namespace rove::graph {

/// Cuts [0, n) into P contiguous blocks whose sizes differ by at most one. With n = 10 and P = 4 the blocks are [0, 3),
/// [3, 6), [6, 8), [8, 10). How rows lie while they are read, written and looked up, before and after the graph is
/// partitioned: the block's rank is the *home* of the row.
class BlockDistribution {
 public:
  BlockDistribution(std::uint64_t n, std::int32_t parts) : n_(n), parts_(static_cast<std::uint64_t>(parts)) {}

  [[nodiscard]] std::uint64_t size() const { return n_; }
  [[nodiscard]] IndexRange block(Rank rank) const { return {begin_of(rank.index()), begin_of(rank.index() + 1)}; }
  [[nodiscard]] std::uint64_t largest_block() const { return block(Rank{0}).size(); }
  [[nodiscard]] Rank home_of(std::uint64_t i) const {
    const std::uint64_t quotient = n_ / parts_;
    const std::uint64_t remainder = n_ % parts_;
    const std::uint64_t in_large = remainder * (quotient + 1);
    const std::uint64_t part = i < in_large ? i / (quotient + 1) : remainder + (i - in_large) / quotient;
    return Rank{static_cast<std::int32_t>(part)};
  }

 private:
  [[nodiscard]] std::uint64_t begin_of(std::uint64_t part) const {
    const std::uint64_t remainder = n_ % parts_;
    return part * (n_ / parts_) + (part < remainder ? part : remainder);
  }

  std::uint64_t n_;
  std::uint64_t parts_;
};

}  // namespace rove::graph
