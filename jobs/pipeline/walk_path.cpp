// SPDX-License-Identifier: Apache-2.0
#include "jobs/pipeline/walk_path.hpp"

#include <cstdint>

#include <fmt/format.h>

#include "engine/base/error.hpp"

namespace rove::jobs {
namespace {

/// Every edge type both ways (`rev_` against its direction, as PyG and DGL have it), and every relation of those that
/// name one per edge.
std::vector<NamedLink> link_candidates(const graph::Schema& schema, const std::string& word) {
  std::vector<NamedLink> found;
  for (std::size_t e = 0; e < schema.edge_types().size(); ++e) {
    const EdgeTypeId id{static_cast<std::uint16_t>(e)};
    const graph::EdgeType& type = schema.edge_type(id);
    const auto consider = [&](const std::string& relation, std::optional<std::uint32_t> index) {
      for (const bool forward : {true, false}) {
        if (!forward && type.undirected) continue;
        const VertexTypeId from = forward ? type.source : type.destination;
        const VertexTypeId to = forward ? type.destination : type.source;
        const std::string name = forward ? relation : "rev_" + relation;
        const std::string triple =
            fmt::format("{},{},{}", schema.vertex_type(from).name, name, schema.vertex_type(to).name);
        if (word == name || word == triple) found.push_back({triple, {id, forward, index}, from, to});
      }
    };
    consider(type.relation, {});
    for (std::uint32_t r = 0; r < type.relations.size(); ++r) consider(type.relations[r], r);
  }
  return found;
}

}  // namespace

NamedLink link_of(const graph::Schema& schema, const std::string& key, const std::string& word,
                  std::optional<VertexTypeId> from) {
  std::vector<NamedLink> found = link_candidates(schema, word);
  if (from) std::erase_if(found, [&](const NamedLink& candidate) { return candidate.from != *from; });
  if (found.size() == 1) return found.front();
  std::vector<std::string> names;
  for (const NamedLink& candidate : found) names.push_back(candidate.triple);
  if (!found.empty()) {
    throw ConfigError(fmt::format("{}: '{}' may be {}; write the triple", key, word, fmt::join(names, " or ")));
  }
  for (std::size_t e = 0; e < schema.edge_types().size(); ++e) {
    names.push_back(schema.name_of(EdgeTypeId{static_cast<std::uint16_t>(e)}));
  }
  throw ConfigError(fmt::format("{}: no edges '{}'{}; the graph has {} (against their direction: rev_<relation>)", key,
                                word, from ? " leave '" + schema.vertex_type(*from).name + "'" : std::string{},
                                fmt::join(names, "; ")));
}

std::vector<NamedLink> path_of(const graph::Schema& schema, const std::string& key,
                               const std::vector<std::string>& words, VertexTypeId from) {
  std::vector<NamedLink> path;
  for (const std::string& word : words)
    path.push_back(link_of(schema, key, word, path.empty() ? from : path.back().to));
  return path;
}

}  // namespace rove::jobs
