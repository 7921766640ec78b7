// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "engine/comm/communicator.hpp"
#include "io/import/graph_rebuild.hpp"
#include "io/import/import_options.hpp"
#include "io/imported_graph.hpp"

namespace rove::io {

/// **Collective.** Takes out vertices that are too rare or too old for a row of their own, with their edges: Monolith's
/// frequency filter and expiry (arXiv 2209.07663). Occurrences are a vertex's edges of all types, in and out, as
/// stored; it was last seen at the newest time of one of them, and without a time it never expires. Ages are counted
/// from the newest time in the graph, so that a log imported again gives the same graph. All filters see the graph as
/// it was before any. Counts into the report: a vertex that is both is rare, an edge falls to the rule of its rare end
/// first. Throws `ConfigError` for a type that the graph does not have, or an expiry where no edge of the type has a
/// time. Memory: 17 bytes per vertex of my home blocks, then the graph's edges once more.
RowsAfter filter_vertices(const comm::Communicator& comm, ImportedGraph& graph,
                          const std::vector<VertexFilter>& filters);

}  // namespace rove::io
