// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace rove::algorithms {

/// What an item with this many interactions weighs among negatives: (interactions)^0.75, as word2vec draws them
/// (Mikolov et al., NIPS 2013), in whole units of 2^-16, so that sums of weights do not depend on their order.
[[nodiscard]] std::uint64_t popularity_weight(std::uint64_t interactions);

/// Places 0 ... n - 1 by weight: a point below the total stands for one of them. Immutable. Memory: 8 bytes per place.
class CumulativeWeights {
 public:
  CumulativeWeights() = default;
  explicit CumulativeWeights(std::vector<std::uint64_t> weights);

  [[nodiscard]] bool empty() const { return before_.empty(); }
  [[nodiscard]] std::uint64_t total() const { return before_.empty() ? 0 : before_.back(); }
  [[nodiscard]] std::uint64_t weight(std::uint64_t place) const { return before_[place + 1] - before_[place]; }
  /// The place that `point` falls on; never one of weight 0. Precondition: point < total().
  [[nodiscard]] std::uint64_t find(std::uint64_t point) const;

 private:
  std::vector<std::uint64_t> before_;  ///< per place, and one more
};

}  // namespace rove::algorithms
