// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/exec/walk_graph.hpp"
#include "engine/graph/schema.hpp"

namespace rove::jobs {

/// A way to follow the edges of a type, by its name in configurations and messages.
struct NamedLink {
  std::string
      triple;  ///< "user,rates,item"; against the edges' direction "item,rev_rates,user", as PyG and DGL have it
  exec::WalkLink link;
  VertexTypeId from;
  VertexTypeId to;
};

/// The one link a word means, among those that leave `from` if a type is given: a relation, `rev_` and a relation, or a
/// triple; of an edge type that names a relation per edge, those too. Throws `ConfigError` naming the key.
[[nodiscard]] NamedLink link_of(const graph::Schema& schema, const std::string& key, const std::string& word,
                                std::optional<VertexTypeId> from);

/// The links that a configuration's path takes one after another from a type.
[[nodiscard]] std::vector<NamedLink> path_of(const graph::Schema& schema, const std::string& key,
                                             const std::vector<std::string>& words, VertexTypeId from);

}  // namespace rove::jobs
