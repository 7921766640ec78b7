// SPDX-License-Identifier: Apache-2.0
#include "engine/graph/schema.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "engine/base/assert.hpp"
#include "engine/base/checked_cast.hpp"

namespace rove::graph {

VertexTypeId Schema::add_vertex_type(std::string name, std::uint64_t count) {
  const VertexTypeId id{checked_cast<std::uint16_t>(vertex_types_.size(), "number of vertex types")};
  vertex_types_.push_back({std::move(name), count});
  type_begin_.push_back(type_begin_.back() + count);
  return id;
}

EdgeTypeId Schema::add_edge_type(EdgeType type) {
  ROVE_ASSERT_LIGHT(type.source.index() < vertex_types_.size() && type.destination.index() < vertex_types_.size());
  const EdgeTypeId id{checked_cast<std::uint16_t>(edge_types_.size(), "number of edge types")};
  edge_types_.push_back(std::move(type));
  return id;
}

std::optional<VertexTypeId> Schema::find_vertex_type(std::string_view name) const {
  for (std::size_t i = 0; i < vertex_types_.size(); ++i) {
    if (vertex_types_[i].name == name) return VertexTypeId{static_cast<std::uint16_t>(i)};
  }
  return std::nullopt;
}

std::optional<EdgeTypeId> Schema::find_edge_type(std::string_view source, std::string_view relation,
                                                 std::string_view destination) const {
  for (std::size_t i = 0; i < edge_types_.size(); ++i) {
    const EdgeType& type = edge_types_[i];
    if (vertex_type(type.source).name == source && type.relation == relation &&
        vertex_type(type.destination).name == destination) {
      return EdgeTypeId{static_cast<std::uint16_t>(i)};
    }
  }
  return std::nullopt;
}

std::vector<EdgeTypeId> Schema::edge_types_of(std::string_view relation) const {
  std::vector<EdgeTypeId> found;
  for (std::size_t i = 0; i < edge_types_.size(); ++i) {
    if (edge_types_[i].relation == relation) found.emplace_back(static_cast<std::uint16_t>(i));
  }
  return found;
}

std::vector<std::string> Schema::relations() const {
  std::vector<std::string> names;
  for (const EdgeType& type : edge_types_) {
    if (std::ranges::find(names, type.relation) == names.end()) names.push_back(type.relation);
  }
  return names;
}

std::string Schema::name_of(EdgeTypeId type) const {
  const EdgeType& edge = edge_type(type);
  return fmt::format("{},{},{}", vertex_type(edge.source).name, edge.relation, vertex_type(edge.destination).name);
}

std::uint64_t Schema::num_edges() const {
  std::uint64_t total = 0;
  for (const EdgeType& type : edge_types_) total += type.count;
  return total;
}

VertexTypeId Schema::type_of(StableVertexId vertex) const {
  ROVE_ASSERT(vertex.value() < num_vertices());
  const auto after = std::upper_bound(type_begin_.begin(), type_begin_.end(), vertex.value());
  return VertexTypeId{static_cast<std::uint16_t>(after - type_begin_.begin() - 1)};
}

std::uint64_t Schema::row_of(StableVertexId vertex) const {
  return vertex.value() - type_begin_[type_of(vertex).index()];
}

}  // namespace rove::graph
