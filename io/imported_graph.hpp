// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/ids.hpp"
#include "engine/graph/graph_blocks.hpp"

namespace rove::io {

/// Original ids of the rows of my home block of one type, in row order.
struct IdBlock {
  std::vector<std::uint64_t> offsets{0};
  std::string bytes;

  [[nodiscard]] std::uint64_t size() const { return offsets.size() - 1; }
  [[nodiscard]] std::string_view operator[](std::uint64_t i) const {
    return std::string_view(bytes).substr(offsets[i], offsets[i + 1] - offsets[i]);
  }
};

/// A vertex whose key is not the plain hash of its id, because another vertex of the type had that hash.
struct KeyOverride {
  VertexTypeId type;
  std::string id;
  VertexKey key;
};

/// Features of the rows of my home block of one type, row-major.
struct FeatureBlock {
  std::string name;
  std::uint64_t width = 0;
  std::vector<float> values;
};

/// What import did with the rows of one edge type, over all files and ranks.
struct ImportCounts {
  std::string edge_type;                 ///< "user,rates,item"
  std::uint64_t rows_read = 0;           ///< interactions found in the files
  std::uint64_t edges_kept = 0;          ///< stored directed edges
  std::uint64_t duplicates = 0;          ///< rows that repeat an edge, treated by the rule `duplicates`
  std::uint64_t self_loops = 0;          ///< treated by the rule `self_loops`
  std::uint64_t outside_time = 0;        ///< dropped by the time window
  std::uint64_t below_weight = 0;        ///< dropped by `min_weight`
  std::uint64_t outside_core = 0;        ///< dropped by `k_core`
  std::uint64_t over_degree = 0;         ///< dropped by `max_degree`
  std::uint64_t rare = 0;                ///< at vertices that `min_occurrences` took out
  std::uint64_t expired = 0;             ///< at others, that `expire_after` took out
  std::uint64_t forgotten = 0;           ///< rows left out because of the `forget` lists
  std::uint64_t dangling_endpoints = 0;  ///< rows naming a vertex that the vertex lists do not have, dropped
  std::string rules;                     ///< the rules in words, as configured
};

/// What import did with the rows of one entry of `graph.links`.
struct LinkCounts {
  std::string type;
  std::string alias_type;
  std::uint64_t rows_read = 0;
  std::uint64_t forgotten = 0;           ///< rows left out because of the `forget` lists
  std::uint64_t dangling_endpoints = 0;  ///< rows naming a vertex that the vertex lists do not have, dropped
};

/// What became of the edges of one type since the graph that `graph.previous` names, stored directed edges.
struct SlotChanges {
  std::string edge_type;
  std::uint64_t kept = 0;     ///< in both graphs: they keep their slots
  std::uint64_t added = 0;    ///< new today
  std::uint64_t removed = 0;  ///< gone since
};

/// The vertices that one entry of `graph.filters` took out.
struct FilterCounts {
  std::string type;
  std::uint64_t rare = 0;     ///< of fewer occurrences than asked for
  std::uint64_t expired = 0;  ///< others, last seen too long ago
};

/// What the `forget` lists named.
struct ForgottenCounts {
  std::uint64_t users = 0;         ///< distinct listed ids that the files name
  std::uint64_t items = 0;         ///< the same
  std::uint64_t interactions = 0;  ///< distinct listed pairs that the files have, but those of listed users and items
  std::uint64_t unknown = 0;       ///< ids and pairs that they do not have
};

struct ImportReport {
  std::vector<ImportCounts> edge_types;
  std::vector<LinkCounts> links;
  std::vector<FilterCounts> filters;
  std::optional<ForgottenCounts> forgotten;  ///< if there are lists
  std::vector<SlotChanges> slot_changes;     ///< empty without a previous graph
  std::uint64_t bytes_read = 0;
  double seconds = 0;
};

/// Everything import produces, in home blocks.
struct ImportedGraph {
  graph::GraphBlocks blocks;
  std::vector<IdBlock> ids;                         ///< per vertex type
  std::vector<std::vector<FeatureBlock>> features;  ///< per vertex type
  std::vector<KeyOverride> overrides;               ///< the same on all ranks
  ImportReport report;                              ///< the same on all ranks
};

}  // namespace rove::io
