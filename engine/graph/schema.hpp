// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/ids.hpp"

namespace rove::graph {

struct VertexType {
  std::string name;
  std::uint64_t count = 0;
};

/// A canonical triple (source type, relation, destination type) and what its edges carry. An undirected edge type
/// stores each edge in both directions: (u, v) and (v, u).
struct EdgeType {
  VertexTypeId source;
  std::string relation;
  VertexTypeId destination;
  std::uint64_t count = 0;  ///< stored directed edges
  bool undirected = false;
  bool has_weights = false;            ///< float32 per edge
  bool has_times = false;              ///< int64 per edge
  std::vector<std::string> relations;  ///< non-empty: a relation per edge (knowledge graphs), index into these names
};

/// Vertex types and edge types of a graph, and the numbering of its vertices: type by type in declared order, within a
/// type by rank of the key.
///
/// With types user (3 vertices) and item (2), `StableVertexId` 0, 1, 2 are the users of rows 0, 1, 2 and 3, 4 the items
/// of rows 0, 1.
/// Immutable once filled. Thread-safe.
class Schema {
 public:
  VertexTypeId add_vertex_type(std::string name, std::uint64_t count);
  EdgeTypeId add_edge_type(EdgeType type);

  [[nodiscard]] std::span<const VertexType> vertex_types() const { return vertex_types_; }
  [[nodiscard]] std::span<const EdgeType> edge_types() const { return edge_types_; }
  [[nodiscard]] const VertexType& vertex_type(VertexTypeId type) const { return vertex_types_[type.index()]; }
  [[nodiscard]] const EdgeType& edge_type(EdgeTypeId type) const { return edge_types_[type.index()]; }
  [[nodiscard]] std::optional<VertexTypeId> find_vertex_type(std::string_view name) const;
  [[nodiscard]] std::optional<EdgeTypeId> find_edge_type(std::string_view source, std::string_view relation,
                                                         std::string_view destination) const;
  /// Edge types of one relation, which may connect several pairs of vertex types.
  [[nodiscard]] std::vector<EdgeTypeId> edge_types_of(std::string_view relation) const;
  /// The edge types' relations in their order, each once.
  [[nodiscard]] std::vector<std::string> relations() const;
  /// "user,rates,item".
  [[nodiscard]] std::string name_of(EdgeTypeId type) const;

  [[nodiscard]] std::uint64_t num_vertices() const { return type_begin_.back(); }
  [[nodiscard]] std::uint64_t num_edges() const;
  /// Stable ids of the type: [begin, end).
  [[nodiscard]] IndexRange stable_range(VertexTypeId type) const {
    return {type_begin_[type.index()], type_begin_[type.index() + 1U]};
  }
  [[nodiscard]] StableVertexId stable_id(VertexTypeId type, std::uint64_t row) const {
    return StableVertexId{type_begin_[type.index()] + row};
  }
  [[nodiscard]] VertexTypeId type_of(StableVertexId vertex) const;
  [[nodiscard]] std::uint64_t row_of(StableVertexId vertex) const;

 private:
  std::vector<VertexType> vertex_types_;
  std::vector<EdgeType> edge_types_;
  std::vector<std::uint64_t> type_begin_{0};
};

}  // namespace rove::graph
