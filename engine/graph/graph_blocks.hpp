// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "engine/base/ids.hpp"
#include "engine/graph/block_distribution.hpp"
#include "engine/graph/schema.hpp"

namespace rove::graph {

/// Adjacency of one contiguous block of rows of a type, as the graph container stores it: row i of the block has
/// the slots [offsets[i], offsets[i + 1]). Slot order is part of the graph.
struct AdjacencyBlock {
  std::vector<std::uint64_t> offsets{0};  ///< block rows + 1, from 0
  std::vector<std::uint32_t>
      targets;                      ///< row of the other endpoint within its type (types above 2^32 rows are refused)
  std::vector<float> weights;       ///< per slot, or empty
  std::vector<std::int64_t> times;  ///< per slot, or empty
  std::vector<std::uint32_t> relations;  ///< per slot, or empty: index into `EdgeType::relations`
};

/// One edge type's two adjacencies, each cut by its own rows' block distribution.
struct EdgeBlocks {
  AdjacencyBlock by_source;                   ///< rows: my block of the source type
  AdjacencyBlock by_destination;              ///< rows: my block of the destination type; same attributes
  std::vector<std::uint64_t> edge_positions;  ///< per slot of `by_destination`: the edge's global position by source
};

/// A graph before it is partitioned: every rank holds the home blocks of all its types. What import produces and the
/// container stores; the same content for any rank count, cut at other places.
struct GraphBlocks {
  Schema schema;
  std::vector<std::vector<VertexKey>> keys;  ///< per vertex type: keys of my block's rows, ascending
  std::vector<EdgeBlocks> edges;             ///< per edge type

  [[nodiscard]] BlockDistribution distribution(VertexTypeId type, std::int32_t ranks) const {
    return {schema.vertex_type(type).count, ranks};
  }
};

}  // namespace rove::graph
