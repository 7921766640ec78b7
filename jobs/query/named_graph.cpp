// SPDX-License-Identifier: Apache-2.0
#include "jobs/query/named_graph.hpp"

#include <optional>
#include <utility>

#include <fmt/format.h>

namespace rove::jobs {
namespace {

std::vector<std::string> type_names(const graph::Schema& schema) {
  std::vector<std::string> names;
  for (const graph::VertexType& type : schema.vertex_types()) names.push_back(type.name);
  return names;
}

}  // namespace

NamedGraph::NamedGraph(const std::filesystem::path& file, std::string default_type, const WalkedEdges& edges)
    : default_type_(std::move(default_type)),
      file_(file),
      header_(io::read_header(file_.file(), io::FileFormat::kGraph)),
      graph_(file_, edges) {
  for (const graph::VertexType& type : schema().vertex_types()) ids_.emplace_back(file_, type.name);
}

VertexTypeId NamedGraph::type_named(const std::string& name) const {
  if (const auto type = graph_.schema().find_vertex_type(name)) return *type;
  throw ConfigError(
      fmt::format("the graph has no vertex type '{}', only: {}", name, fmt::join(type_names(graph_.schema()), ", ")));
}

std::uint32_t NamedGraph::find(const NamedVertex& vertex) const {
  const graph::Schema& schema = graph_.schema();
  const auto stable = [&](std::size_t type, std::uint32_t row) {
    return static_cast<std::uint32_t>(schema.stable_id(VertexTypeId{static_cast<std::uint16_t>(type)}, row).value());
  };
  if (!vertex.type.empty()) {
    const VertexTypeId type = type_named(vertex.type);
    if (const auto row = ids_[type.index()].find(vertex.id)) return stable(type.index(), *row);
    throw UnknownIdError(fmt::format("no {} with id '{}'", vertex.type, vertex.id));
  }
  std::vector<std::pair<std::size_t, std::uint32_t>> found;
  for (std::size_t t = 0; t < ids_.size(); ++t) {
    const auto row = ids_[t].find(vertex.id);
    if (row && schema.vertex_types()[t].name == default_type_) return stable(t, *row);
    if (row) found.emplace_back(t, *row);
  }
  if (found.size() == 1) return stable(found.front().first, found.front().second);
  if (found.empty()) throw UnknownIdError(fmt::format("no vertex with id '{}'", vertex.id));
  throw ConfigError(fmt::format("several types have the id '{}'; name the type ({})", vertex.id,
                                fmt::join(type_names(schema), ", ")));
}

std::string_view NamedGraph::type_of(std::uint32_t vertex) const {
  return graph_.schema().vertex_type(graph_.schema().type_of(StableVertexId{vertex})).name;
}
std::string_view NamedGraph::id_of(std::uint32_t vertex) const {
  const StableVertexId stable{vertex};
  return ids_[graph_.schema().type_of(stable).index()].id(graph_.schema().row_of(stable));
}
std::uint64_t NamedGraph::key_of(std::uint32_t vertex) const {
  const StableVertexId stable{vertex};
  return ids_[graph_.schema().type_of(stable).index()].key(graph_.schema().row_of(stable));
}

std::vector<std::uint32_t> NamedGraph::rows_of(const std::vector<std::string>& ids, VertexTypeId type,
                                               std::uint64_t& unknown) const {
  std::vector<std::uint32_t> rows;
  rows.reserve(ids.size());
  for (const std::string& id : ids) {
    if (const auto row = ids_[type.index()].find(id)) {
      rows.push_back(*row);
    } else {
      ++unknown;
    }
  }
  return rows;
}

}  // namespace rove::jobs
