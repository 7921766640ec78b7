// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "engine/base/ids.hpp"

namespace rove::graph {

/// Total function global id -> owning rank, identical on all ranks, answered without communication: vertices are
/// renumbered so that each rank owns one contiguous range. Immutable, thread-safe.
class Partition {
 public:
  /// `offsets`: P + 1 ascending values from 0; rank r owns [offsets[r], offsets[r + 1]).
  explicit Partition(std::vector<std::uint64_t> offsets) : offsets_(std::move(offsets)) {}

  [[nodiscard]] std::int32_t num_ranks() const { return static_cast<std::int32_t>(offsets_.size()) - 1; }
  [[nodiscard]] std::uint64_t num_vertices() const { return offsets_.back(); }
  [[nodiscard]] IndexRange owned_by(Rank rank) const { return {offsets_[rank.index()], offsets_[rank.index() + 1]}; }
  /// Precondition: vertex < num_vertices().
  [[nodiscard]] Rank owner_of(GlobalVertexId vertex) const {
    const auto after = std::upper_bound(offsets_.begin(), offsets_.end(), vertex.value());
    return Rank{static_cast<std::int32_t>(after - offsets_.begin()) - 1};
  }

 private:
  std::vector<std::uint64_t> offsets_;
};

}  // namespace rove::graph
