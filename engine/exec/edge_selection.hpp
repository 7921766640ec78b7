// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "engine/base/ids.hpp"
#include "engine/graph/schema.hpp"

namespace rove::exec {

/// From which side a vertex reads: the sources of its in-edges, the destinations of its out-edges, or both. `kBoth`
/// reads an undirected edge type by source only, since it stores each edge in both directions already.
enum class Direction : std::uint8_t { kIn, kOut, kBoth };

/// The edges a program reads along: a direction, and edge types (none named: all).
struct EdgeSelection {
  Direction direction = Direction::kIn;
  std::vector<EdgeTypeId> types;

  [[nodiscard]] bool selects(EdgeTypeId type) const;
};

/// One adjacency of an edge type: whose rows it lists, and of which type its targets are.
struct AdjacencySide {
  EdgeTypeId type;
  bool by_source = true;
  VertexTypeId rows;
  VertexTypeId targets;
};

/// The adjacencies whose slots, one after another, are a vertex's slot list: edge types in schema order, by destination
/// before by source.
[[nodiscard]] std::vector<AdjacencySide> selected_sides(const graph::Schema& schema, const EdgeSelection& selection);

}  // namespace rove::exec
