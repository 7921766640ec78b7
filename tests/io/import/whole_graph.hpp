// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "engine/comm/communicator.hpp"
#include "io/import/import_options.hpp"
#include "io/imported_graph.hpp"

/// Imported graphs in a form that tests compare, and the slow serial twin of import.
namespace rove::tests {

/// One stored edge by original ids.
struct NamedEdge {
  std::string source;
  std::string target;
  std::string relation;
  float weight = 0;
  std::int64_t time = 0;
  friend auto operator<=>(const NamedEdge&, const NamedEdge&) = default;
};

struct WholeEdges {
  std::string type;                       ///< "user,rates,item"
  std::vector<std::uint64_t> offsets;     ///< by source
  std::vector<NamedEdge> by_source;       ///< in slot order
  std::vector<NamedEdge> by_destination;  ///< in slot order
  std::vector<std::uint64_t> positions;
  friend bool operator==(const WholeEdges&, const WholeEdges&) = default;
};

struct WholeGraph {
  std::map<std::string, std::vector<std::string>> ids;  ///< per type, in row order
  std::map<std::string, std::vector<std::uint64_t>> keys;
  std::vector<WholeEdges> edges;
  friend bool operator==(const WholeGraph&, const WholeGraph&) = default;

  /// The edges of a type by ids alone, sorted: what remains the same when ids are hashed otherwise.
  [[nodiscard]] std::vector<NamedEdge> sorted_edges(std::size_t type = 0) const;
};

/// **Collective.** The graph of all ranks, on every rank. Expects offsets, counts and positions to fit each other.
[[nodiscard]] WholeGraph whole(const comm::Communicator& comm, const io::ImportedGraph& graph);

using Pairs = std::set<std::pair<std::string, std::string>>;
[[nodiscard]] Pairs pairs_of(const WholeEdges& edges);
[[nodiscard]] std::set<std::string> ids_of(const WholeGraph& graph, const std::string& type);

/// A row as a test writes it down. Empty relation: none.
struct ReferenceRow {
  std::string source;
  std::string target;
  std::string relation;
  float weight = 1;
  std::int64_t time = 0;
};

/// The slow serial twin: what import makes of rows of one edge type, with its columns, rules and filters (but k_core
/// and max_degree), written from docs/import.md with ordered maps only.
[[nodiscard]] WholeGraph reference_import(const std::vector<ReferenceRow>& rows, const io::EdgeOptions& options);

}  // namespace rove::tests
