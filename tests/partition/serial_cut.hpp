// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "engine/graph/graph_blocks.hpp"

namespace rove::tests {

/// The slow twin of cut and balance: a loop over the whole graph's edges with the parts of all stable ids.
struct SerialCut {
  std::uint64_t edges = 0;  ///< without self-loops; an undirected edge counts once
  std::uint64_t cut = 0;
  std::vector<std::vector<std::uint64_t>> vertices;  ///< [type][part]
  std::vector<std::vector<std::uint64_t>> entries;   ///< [type][part]
};

inline SerialCut serial_cut(const graph::GraphBlocks& whole, const std::vector<std::int32_t>& part_of,
                            std::int32_t parts) {
  const graph::Schema& schema = whole.schema;
  SerialCut result;
  result.vertices.assign(schema.vertex_types().size(), std::vector<std::uint64_t>(static_cast<std::size_t>(parts)));
  result.entries = result.vertices;
  const auto part = [&](StableVertexId v) { return static_cast<std::size_t>(part_of[v.index()]); };
  for (std::uint64_t v = 0; v < schema.num_vertices(); ++v) {
    ++result.vertices[schema.type_of(StableVertexId{v}).index()][part(StableVertexId{v})];
  }
  for (std::size_t e = 0; e < schema.edge_types().size(); ++e) {
    const graph::EdgeType& type = schema.edge_types()[e];
    const graph::AdjacencyBlock& out = whole.edges[e].by_source;
    for (std::uint64_t row = 0; row + 1 < out.offsets.size(); ++row) {
      for (std::uint64_t slot = out.offsets[row]; slot < out.offsets[row + 1]; ++slot) {
        const StableVertexId source = schema.stable_id(type.source, row);
        const StableVertexId target = schema.stable_id(type.destination, out.targets[slot]);
        if (source == target) continue;
        ++result.entries[type.source.index()][part(source)];
        if (!type.undirected) ++result.entries[type.destination.index()][part(target)];
        if (type.undirected && target < source) continue;
        ++result.edges;
        if (part(source) != part(target)) ++result.cut;
      }
    }
  }
  return result;
}

}  // namespace rove::tests
