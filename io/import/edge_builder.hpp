// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/comm/communicator.hpp"
#include "engine/graph/graph_blocks.hpp"
#include "io/import/adjacency_builder.hpp"
#include "io/import/edge_reader.hpp"
#include "io/import/forgotten_ids.hpp"
#include "io/import/id_table.hpp"
#include "io/import/import_options.hpp"
#include "io/import/refused_rows.hpp"
#include "io/import/vertex_numbering.hpp"
#include "io/imported_graph.hpp"

namespace rove::io {

/// A vertex type while a graph is imported.
struct VertexTypeState {
  std::string name;
  std::unique_ptr<IdTable> table;
  bool closed = false;
  bool refuses = false;                 ///< rows that name a vertex which is not in its lists
  std::vector<std::uint8_t> forgotten;  ///< per vertex this rank named, 1: it gets no row; empty: none
  VertexNumbering numbering;
};

/// An edge type while a graph is imported.
struct EdgeTypeState {
  const EdgeOptions* options = nullptr;
  std::size_t source = 0;  ///< numbers of types
  std::size_t destination = 0;
  std::unique_ptr<IdTable> relation_table;
  std::vector<std::string> relations;
  ReadEdges read;
};

/// One edge type, in my home blocks.
struct BuiltEdges {
  graph::EdgeBlocks blocks;
  ImportCounts counts;  ///< of this rank's share of the input
};

/// Edges as they were read become adjacencies, by the rules of their type, once all vertices are numbered. Refers to
/// what it is given.
class EdgeBuilder {
 public:
  /// `forgotten`: nullptr when no pairs are to be forgotten.
  EdgeBuilder(const comm::Communicator& comm, std::span<const VertexTypeState> types, const ForgottenIds* forgotten)
      : comm_(comm), types_(types), forgotten_(forgotten) {}

  /// **Collective.** The lists that were read are used up. Throws `InputError`, with file, line and column, for what a
  /// rule refuses.
  [[nodiscard]] BuiltEdges build(EdgeTypeState& edges) const;

  /// **Collective.** Ids that are linked become rows, where they were read. Throws `InputError` as `build`. Returns the
  /// counts of this rank's share of the input.
  [[nodiscard]] LinkCounts place_links(EdgeTypeState& links) const;

 private:
  struct RowCounts {
    std::uint64_t forgotten = 0;
    std::uint64_t dangling = 0;
    RefusedEdges self_loops;
    RefusedEdges refused;  ///< dangling ones, by `dangling: error`
  };

  /// Endpoints become rows; what is to be forgotten or names no vertex goes, self-loops by their rule, and an
  /// undirected edge gets its reverse right behind it, so that both its rows meet repetitions in the same order.
  RowCounts to_rows(const EdgeTypeState& edges, std::vector<EdgeList>& lists) const;
  RowCounts to_rows(const EdgeTypeState& edges, EdgeList& list) const;
  /// **Collective.** Numbers the relations that the lists still have in ascending order of their names; there are few
  /// enough for every rank to hold all.
  void name_relations(EdgeTypeState& edges, std::vector<EdgeList>& lists) const;

  /// **Collective.** The original id of a row, from its home.
  [[nodiscard]] std::string id_of(std::size_t type, std::uint64_t row) const;
  /// **Collective.** At the first repetition of the lowest row's first repeated edge. `my_count`, `mine`: of the edges
  /// whose home is this rank.
  void refuse_duplicates(const EdgeTypeState& edges, std::uint64_t my_count,
                         const std::optional<RepeatedEdge>& mine) const;
  /// **Collective.** `mine`: of the edges that this rank has read.
  void refuse_self_loops(const EdgeTypeState& edges, const RefusedEdges& mine) const;
  /// `rows`: what such rows are called.
  void refuse_dangling(const EdgeTypeState& edges, const RefusedEdges& mine, const std::string& rows) const;

  const comm::Communicator& comm_;
  std::span<const VertexTypeState> types_;
  const ForgottenIds* forgotten_;
};

}  // namespace rove::io
