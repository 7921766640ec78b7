// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "engine/comm/communicator.hpp"
#include "engine/graph/graph_blocks.hpp"
#include "io/import/graph_rebuild.hpp"
#include "io/import/vertex_numbering.hpp"
#include "io/imported_graph.hpp"

namespace rove::io {

/// **Collective.** Leaves every row its newest `max_degree` edges in their order; edges of the same time, and all edges
/// where there are no times, are chosen by a hash of their two keys: the same every night, whatever other vertices
/// there are. Returns the number of edges dropped here. `block`: by source. Cost: a look-up of the keys that the rows
/// above the cap name.
std::uint64_t cap_degrees(const comm::Communicator& comm, graph::AdjacencyBlock& block, const VertexNumbering& sources,
                          const VertexNumbering& destinations, std::uint64_t max_degree);

/// **Collective.** Reduces every edge type e to its cores[e]-core (0: as it is): the largest part in which each vertex
/// has at least that many edges of the type, in and out together where both endpoints are of one type, an undirected
/// edge counted once at each. A vertex left without any edge goes too, unless its type is `listed` or no core was asked
/// of an edge type of its. Counts into the report. Cost: one exchange per round of removals.
RowsAfter keep_cores(const comm::Communicator& comm, ImportedGraph& graph, std::span<const std::uint64_t> cores,
                     std::span<const std::uint8_t> listed);

}  // namespace rove::io
