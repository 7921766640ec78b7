// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <vector>

#include "engine/base/ids.hpp"
#include "engine/base/random.hpp"
#include "engine/exec/edge_selection.hpp"
#include "engine/graph/graph_blocks.hpp"

/// The slow twin of the walk kernel: one walk after the other on a plain list of lists, straight from the definitions
/// of engine/exec/walk_random.hpp and walk_graph.hpp.
namespace rove::tests {

struct SerialGraph {
  std::vector<std::vector<std::uint32_t>> slots;  ///< by stable id
  std::vector<std::vector<float>> weights;        ///< of the slots; 1 where the edge type has none
  std::vector<VertexKey> keys;
};

inline SerialGraph serial_graph(const graph::GraphBlocks& whole, const exec::EdgeSelection& selection) {
  const graph::Schema& schema = whole.schema;
  SerialGraph result;
  result.slots.resize(schema.num_vertices());
  result.weights.resize(schema.num_vertices());
  for (const auto& keys : whole.keys) result.keys.insert(result.keys.end(), keys.begin(), keys.end());
  const auto append = [&](const graph::AdjacencyBlock& block, VertexTypeId rows, VertexTypeId targets) {
    for (std::size_t row = 0; row + 1 < block.offsets.size(); ++row) {
      auto& slots = result.slots[schema.stable_id(rows, row).index()];
      for (std::uint64_t slot = block.offsets[row]; slot < block.offsets[row + 1]; ++slot) {
        slots.push_back(static_cast<std::uint32_t>(schema.stable_id(targets, block.targets[slot]).value()));
        result.weights[schema.stable_id(rows, row).index()].push_back(block.weights.empty() ? 1.0F
                                                                                            : block.weights[slot]);
      }
    }
  };
  for (std::size_t e = 0; e < whole.edges.size(); ++e) {
    const EdgeTypeId id{static_cast<std::uint16_t>(e)};
    if (!selection.types.empty() &&
        std::find(selection.types.begin(), selection.types.end(), id) == selection.types.end()) {
      continue;
    }
    const graph::EdgeType& type = schema.edge_type(id);
    const bool both = selection.direction == exec::Direction::kBoth;
    if (selection.direction == exec::Direction::kIn || (both && !type.undirected)) {
      append(whole.edges[e].by_destination, type.destination, type.source);
    }
    if (selection.direction == exec::Direction::kOut || both) {
      append(whole.edges[e].by_source, type.source, type.destination);
    }
  }
  return result;
}

struct SerialVisits {
  std::map<std::uint32_t, std::uint64_t> counts;  ///< by stable id
  std::uint64_t lost = 0;
  std::uint64_t moves = 0;
};

inline SerialVisits serial_visits(const SerialGraph& graph, std::uint32_t source, std::uint32_t walks, double restart,
                                  std::uint64_t seed) {
  const RandomStream random(seed, Purpose::kWalk);
  const auto stop_below = static_cast<std::uint32_t>(restart * 4294967296.0);
  SerialVisits visits;
  for (std::uint32_t walk = 0; walk < walks; ++walk) {
    std::uint32_t vertex = source;
    for (std::uint32_t step = 0;; ++step) {
      ++visits.counts[vertex];
      const RandomBlock words = random.block(graph.keys[source].value(), walk, step);
      if (words[0] < stop_below) break;
      const auto& slots = graph.slots[vertex];
      if (slots.empty()) {
        ++visits.lost;
        break;
      }
      const std::uint64_t draw = words[1] | (std::uint64_t{words[2]} << 32U);
      vertex = slots[slot_multiply_shift(draw, slots.size())];
      ++visits.moves;
    }
  }
  return visits;
}

}  // namespace rove::tests
