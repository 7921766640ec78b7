// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/base/ids.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/graph/block_distribution.hpp"
#include "engine/graph/partition.hpp"

namespace rove::graph {

/// This rank's bijection between local ids and the other numberings, for owned vertices and ghosts, plus a distributed
/// directory for vertices that are neither.
///
/// Six vertices, stable 0..5; rank 0 owns stable {1, 4}, rank 1 owns {0, 2, 3, 5}. Global ids: rank 0 has 0 (stable 1)
/// and 1 (stable 4), rank 1 has 2, 3, 4, 5 (stable 0, 2, 3, 5). If rank 0 reads stable 3, its local ids are 0 (stable
/// 1), 1 (stable 4) and the ghost 2 (stable 3, global 4).
class IndexMap {
 public:
  /// `owned`: stable ids of the owned vertices, ascending. `ghosts`: stable ids of the ghosts in local order, with
  /// their global ids. `directory`: global ids of my home block of stable ids.
  IndexMap(std::vector<StableVertexId> owned, std::vector<StableVertexId> ghosts,
           std::vector<GlobalVertexId> ghost_globals, std::uint64_t first_owned_global, BlockDistribution homes,
           std::vector<GlobalVertexId> directory);

  /// The same map with these ghosts. Precondition: it has none yet.
  [[nodiscard]] IndexMap with_ghosts(std::span<const StableVertexId> ghosts,
                                     std::vector<GlobalVertexId> ghost_globals) &&;

  [[nodiscard]] std::uint32_t num_owned() const { return num_owned_; }
  [[nodiscard]] std::uint32_t num_local() const { return static_cast<std::uint32_t>(stable_.size()); }
  [[nodiscard]] bool is_owned(LocalVertexId vertex) const { return vertex.value() < num_owned_; }
  [[nodiscard]] StableVertexId stable_of(LocalVertexId vertex) const { return stable_[vertex.index()]; }
  [[nodiscard]] std::span<const StableVertexId> owned_stable() const { return std::span(stable_).first(num_owned_); }
  [[nodiscard]] GlobalVertexId global_of(LocalVertexId vertex) const {
    return is_owned(vertex) ? GlobalVertexId{first_owned_global_ + vertex.value()}
                            : ghost_globals_[vertex.index() - num_owned_];
  }
  /// Precondition: owned here.
  [[nodiscard]] LocalVertexId local_of_owned(GlobalVertexId vertex) const {
    return LocalVertexId{static_cast<std::uint32_t>(vertex.value() - first_owned_global_)};
  }
  /// The owned vertex with this stable id, or nothing. O(log n).
  [[nodiscard]] std::optional<LocalVertexId> find_owned(StableVertexId vertex) const;

  /// **Collective.** Global ids of any stable ids (an empty list is fine on ranks with no question).
  [[nodiscard]] std::vector<GlobalVertexId> global_of(const comm::Communicator& comm,
                                                      std::span<const StableVertexId> vertices) const;

 private:
  std::uint32_t num_owned_;
  std::vector<StableVertexId> stable_;  ///< owned, then ghosts
  std::vector<GlobalVertexId> ghost_globals_;
  std::uint64_t first_owned_global_;
  BlockDistribution homes_;
  std::vector<GlobalVertexId> directory_;
};

}  // namespace rove::graph
