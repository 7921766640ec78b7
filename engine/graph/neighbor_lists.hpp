// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace rove::graph {

/// Ranked lists of a contiguous block of rows of one vertex type: PPR neighbour sets, recommendations. Row i of the
/// block has the entries [offsets[i], offsets[i + 1]), best first (`ranks_before`); targets are rows of the target
/// type. With two rows, the first listing targets 7 and 3 and the second nothing: offsets {0, 2, 2}, targets {7, 3}.
struct NeighborLists {
  std::vector<std::uint64_t> offsets{0};
  std::vector<std::uint64_t> targets;
  std::vector<float> scores;  ///< as long as `targets`

  [[nodiscard]] std::uint64_t num_rows() const { return offsets.size() - 1; }
  [[nodiscard]] std::span<const std::uint64_t> targets_of(std::uint64_t row) const {
    return std::span(targets).subspan(offsets[row], offsets[row + 1] - offsets[row]);
  }
  [[nodiscard]] std::span<const float> scores_of(std::uint64_t row) const {
    return std::span(scores).subspan(offsets[row], offsets[row + 1] - offsets[row]);
  }
  friend bool operator==(const NeighborLists&, const NeighborLists&) = default;
};

}  // namespace rove::graph
