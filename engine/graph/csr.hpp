// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/ids.hpp"

namespace rove::graph {

/// One rank's adjacency of one edge type in one direction: rows are the owned vertices of one type in stable order,
/// targets are local ids, slots in the graph's slot order. Invariants (checked by `validate`): offsets ascend from 0,
/// targets in range, attribute arrays empty or as long as `targets`. Immutable once built.
struct CsrGraph {
  std::vector<std::uint64_t> offsets{0};
  std::vector<LocalVertexId> targets;
  std::vector<float> weights;
  std::vector<std::int64_t> times;
  std::vector<std::uint32_t> relations;

  [[nodiscard]] std::uint64_t num_rows() const { return offsets.size() - 1; }
  [[nodiscard]] std::uint64_t num_edges() const { return targets.size(); }
  [[nodiscard]] std::uint64_t degree(std::uint64_t row) const { return offsets[row + 1] - offsets[row]; }
  [[nodiscard]] IndexRange slots(std::uint64_t row) const { return {offsets[row], offsets[row + 1]}; }
  [[nodiscard]] std::span<const LocalVertexId> neighbors(std::uint64_t row) const {
    return std::span(targets).subspan(offsets[row], degree(row));
  }
};

}  // namespace rove::graph
