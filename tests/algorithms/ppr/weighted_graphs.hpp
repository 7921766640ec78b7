// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/graph/graph_blocks.hpp"
#include "tests/support/graphs.hpp"

namespace rove::tests {

/// Users to items, of random weights or of this one; with `with_zero` every tenth weighs nothing.
inline graph::GraphBlocks weighted_bipartite(float weight, bool with_zero = false) {
  EdgeList list;
  list.type.source = VertexTypeId{0};
  list.type.relation = "rates";
  list.type.destination = VertexTypeId{1};
  list.type.has_weights = true;
  list.edges = random_edges(24, 16, false, 140, 1, 6);
  for (std::size_t i = 0; i < list.edges.size(); ++i) {
    if (weight > 0.0F) list.edges[i].weight = weight;
    if (with_zero && i % 10 == 3) list.edges[i].weight = 0.0F;
  }
  return make_graph({{"user", 24}, {"item", 16}}, {list});
}

}  // namespace rove::tests
