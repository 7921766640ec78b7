// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/ids.hpp"
#include "engine/graph/csr.hpp"

namespace rove::gnn {

/// The slots of an adjacency with those of a pair together, pairs in the order of their first slots. In the graph they
/// may lie apart: relations split a row, and a later night's repeats stand at its end. Offsets are the adjacency's,
/// which it refers to; copies targets only where some lie apart. Cost to make: one pass, and 8 bytes per local vertex
/// and thread while it lasts.
class GroupedSlots {
 public:
  /// What one rank holds at most.
  [[nodiscard]] static std::uint64_t bytes(std::uint64_t num_slots, std::uint64_t num_local, std::uint32_t threads) {
    return num_slots * sizeof(LocalVertexId) + threads * num_local * sizeof(std::uint64_t);
  }

  GroupedSlots(const graph::CsrGraph& adjacency, std::uint64_t num_local);

  [[nodiscard]] std::span<const LocalVertexId> targets() const {
    return grouped_.empty() ? std::span<const LocalVertexId>(adjacency_.targets) : grouped_;
  }
  [[nodiscard]] std::span<const LocalVertexId> neighbors(std::uint64_t row) const {
    return targets().subspan(adjacency_.offsets[row], adjacency_.degree(row));
  }

 private:
  const graph::CsrGraph& adjacency_;
  std::vector<LocalVertexId> grouped_;
};

}  // namespace rove::gnn
