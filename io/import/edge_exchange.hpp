// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "engine/comm/communicator.hpp"
#include "engine/graph/block_distribution.hpp"
#include "engine/graph/graph_blocks.hpp"
#include "io/import/edge_list.hpp"
#include "io/import/import_options.hpp"

namespace rove::io {

/// **Collective.** Edges to the homes of their sources, in rounds of a few million edges per rank. What arrives is in
/// the order of the input: by sending rank, then as it lay there. The lists are freed as they are sent.
[[nodiscard]] std::vector<EdgeList> ship_to_homes(const comm::Communicator& comm, std::vector<EdgeList> lists,
                                                  EdgeColumns columns, const graph::BlockDistribution& homes);

/// The edges of an adjacency, slot by slot, as lists of bounded length. `first_row`: of the block.
[[nodiscard]] std::vector<EdgeList> edges_of(const graph::AdjacencyBlock& by_source, std::uint64_t first_row);

/// **Collective.** Both adjacencies of edges that lie anywhere, none of them merged with another.
[[nodiscard]] graph::EdgeBlocks build_edges(const comm::Communicator& comm, std::vector<EdgeList> lists,
                                            EdgeColumns columns, const graph::BlockDistribution& sources,
                                            const graph::BlockDistribution& destinations);

/// **Collective.** The adjacency by destination of edges given by source. `sources`, `destinations`: home blocks of the
/// two types.
void build_by_destination(const comm::Communicator& comm, graph::EdgeBlocks& edges, EdgeColumns columns,
                          const graph::BlockDistribution& sources, const graph::BlockDistribution& destinations);

}  // namespace rove::io
