// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/base/ids.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/graph/assignment.hpp"
#include "engine/graph/csr.hpp"
#include "engine/graph/graph_blocks.hpp"
#include "engine/graph/halo_exchange.hpp"
#include "engine/graph/index_map.hpp"
#include "engine/graph/partition.hpp"
#include "engine/graph/redistribute.hpp"
#include "engine/graph/schema.hpp"

namespace rove::graph {

/// A rank's share of a typed graph: the vertices it owns with all their edges in both directions, read-only ghosts of
/// the remote endpoints, and the exchange that refreshes them. Immutable; per-query state lives elsewhere. Reading is
/// thread-safe.
class DistributedGraph {
 public:
  /// **Collective.** Ships every row to the rank its part names (part p to rank p; `assignment.num_parts` must equal
  /// the number of ranks) and numbers owned vertices by stable id, ghosts after, by (owner, stable id). Throws
  /// `InputError` when the assignment does not cover the graph, `DoesNotFitError` when a rank gets more than 2^32 - 2
  /// owned and ghost vertices. Cost: two exchanges of the edges, one of the ghosts.
  [[nodiscard]] static DistributedGraph build(const comm::Communicator& comm, const GraphBlocks& blocks,
                                              const Assignment& assignment);

  [[nodiscard]] const Schema& schema() const { return schema_; }
  [[nodiscard]] const Partition& partition() const { return partition_; }
  [[nodiscard]] const IndexMap& index_map() const { return index_map_; }
  [[nodiscard]] const HaloExchange& halo() const { return *halo_; }
  /// Moves rows of the type between their owners and their home blocks.
  [[nodiscard]] const HomeExchange& home(VertexTypeId type) const { return homes_[type.index()]; }

  [[nodiscard]] std::uint32_t num_owned() const { return index_map_.num_owned(); }
  [[nodiscard]] std::uint32_t num_local() const { return index_map_.num_local(); }
  /// Local ids of the owned vertices of a type: [begin, end).
  [[nodiscard]] IndexRange owned_of_type(VertexTypeId type) const { return owned_of_type_[type.index()]; }
  /// Keys of the owned vertices, by local id: what randomness is drawn by.
  [[nodiscard]] std::span<const VertexKey> owned_keys() const { return owned_keys_; }
  [[nodiscard]] VertexTypeId type_of(LocalVertexId vertex) const {
    return schema_.type_of(index_map_.stable_of(vertex));
  }

  /// Edges out of the owned vertices of the edge type's source type; row r is local id owned_of_type(source).begin + r.
  [[nodiscard]] const CsrGraph& by_source(EdgeTypeId type) const { return by_source_[type.index()]; }
  /// Edges into the owned vertices of the edge type's destination type.
  [[nodiscard]] const CsrGraph& by_destination(EdgeTypeId type) const { return by_destination_[type.index()]; }

 private:
  DistributedGraph(Schema schema, Partition partition, IndexMap index_map)
      : schema_(std::move(schema)), partition_(std::move(partition)), index_map_(std::move(index_map)) {}

  Schema schema_;
  Partition partition_;
  IndexMap index_map_;
  std::shared_ptr<const HaloExchange> halo_;
  std::vector<HomeExchange> homes_;
  std::vector<VertexKey> owned_keys_;
  std::vector<IndexRange> owned_of_type_;
  std::vector<CsrGraph> by_source_;
  std::vector<CsrGraph> by_destination_;
};

}  // namespace rove::graph
