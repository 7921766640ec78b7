// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/comm/communicator.hpp"
#include "engine/graph/schema.hpp"
#include "io/import/edge_list.hpp"
#include "io/imported_graph.hpp"

namespace rove::io {

/// What rows of my old home blocks became, per vertex type: the new row, or `kUnknownRow` for a vertex that went.
using RowsAfter = std::vector<std::vector<std::uint64_t>>;

/// Leaves in the list the edges for whose index `keep` says so, in their order.
template <class Keep>
void keep_edges(EdgeList& list, const Keep& keep) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (!keep(i)) continue;
    EdgeList::for_each_column(list, list, [&](auto& to, const auto& from) {
      if (!from.empty()) to[kept] = from[i];
    });
    ++kept;
  }
  EdgeList::for_each_column(list, list, [&](auto& to, const auto&) {
    if (!to.empty()) to.resize(kept);
  });
}

/// Whether edge i of a list of stored edges stands for the row it came from: an undirected edge is stored both ways,
/// and reports count rows.
[[nodiscard]] inline bool is_row(const graph::EdgeType& type, const EdgeList& list, std::size_t i) {
  return !type.undirected || list.sources[i] <= list.targets[i];
}

/// **Collective.** Makes the graph anew from edges taken out of it (`lists`: per edge type, rows as they were, in slot
/// order of `by_source`) without the vertices that are not kept (`keep`: per vertex type and row of my home block); no
/// edge names one. Cost: one exchange of the edges, and of what is known of the vertices.
RowsAfter rebuild(const comm::Communicator& comm, ImportedGraph& graph, std::vector<std::vector<EdgeList>> lists,
                  std::span<const std::vector<std::uint8_t>> keep);

}  // namespace rove::io
