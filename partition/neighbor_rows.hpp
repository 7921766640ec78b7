// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "engine/base/ids.hpp"
#include "engine/graph/graph_blocks.hpp"

namespace rove::partition {

/// Calls `visit(neighbour)` with the stable id of every neighbour of a row of my home block, over all edge types:
/// targets of its edges and, where edges are directed, sources of edges to it. Self-loops are passed over.
template <class Visit>
void for_each_neighbor(const graph::GraphBlocks& blocks, VertexTypeId type, std::uint64_t row_in_block,
                       StableVertexId vertex, const Visit& visit) {
  const graph::Schema& schema = blocks.schema;
  const auto over = [&](const graph::AdjacencyBlock& adjacency, VertexTypeId other) {
    const std::uint64_t first = schema.stable_range(other).begin;
    for (std::uint64_t slot = adjacency.offsets[row_in_block]; slot < adjacency.offsets[row_in_block + 1]; ++slot) {
      const StableVertexId neighbor{first + adjacency.targets[slot]};
      if (neighbor != vertex) visit(neighbor);
    }
  };
  for (std::size_t e = 0; e < schema.edge_types().size(); ++e) {
    const graph::EdgeType& edge_type = schema.edge_types()[e];
    if (edge_type.source == type) over(blocks.edges[e].by_source, edge_type.destination);
    if (edge_type.destination == type && !edge_type.undirected) over(blocks.edges[e].by_destination, edge_type.source);
  }
}

}  // namespace rove::partition
