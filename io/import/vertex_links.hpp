// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "engine/base/ids.hpp"
#include "engine/comm/communicator.hpp"
#include "io/import/edge_list.hpp"
#include "io/import/import_options.hpp"
#include "io/imported_graph.hpp"

namespace rove::io {

/// Throws `ConfigError` for links that cannot be applied one after the other.
void check_links(const ImportOptions& options);

/// **Collective.** Merges the vertices of `alias` named by `pairs` (row of `type`, row of `alias`, rows of any home)
/// into those of `type`: their ids and keys go, and an edge type with an end at `alias` is split by whether that end is
/// linked: (entity, kg, entity) gives (entity, kg, entity), (entity, kg, item), (item, kg, entity) and (item, kg,
/// item), those that have edges. Throws `InputError` when one vertex of `alias` is linked to two of `type`.
void merge_linked(const comm::Communicator& comm, ImportedGraph& graph, VertexTypeId type, VertexTypeId alias,
                  std::vector<EdgeList> pairs);

}  // namespace rove::io
