// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/base/ids.hpp"
#include "engine/graph/graph_blocks.hpp"
#include "io/import/edge_list.hpp"
#include "io/import/import_options.hpp"

namespace rove::io {

/// An edge that stands more than once.
struct RepeatedEdge {
  std::uint64_t row = 0;
  std::uint32_t target = 0;
  std::uint32_t relation = 0;  ///< 0 without relations
};

struct BuiltRows {
  graph::AdjacencyBlock adjacency;
  std::vector<std::uint64_t> positions;        ///< per slot, when the edges carry positions
  std::uint64_t duplicates = 0;                ///< edges that repeat (row, target, relation)
  std::optional<RepeatedEdge> first_repeated;  ///< of the lowest row; not looked for under `kKeep`
};

/// Adjacency of the rows [rows.begin, rows.end) from edges whose sources lie in them, in the order of the input: lists
/// in order, edges within a list in order. Slots ascend by (relation, target, time, weight), and duplicates are treated
/// by `rule` (`kError` as `kFirst`: the caller refuses them). `mirrored`: every edge that is no self-loop is here in
/// both directions over all rows, and its repetitions count once. The lists are freed as they are read. Cost: two
/// sweeps over the edges and a sort within each row; memory: the edges once more.
[[nodiscard]] BuiltRows build_adjacency(IndexRange rows, std::vector<EdgeList> lists, Duplicates rule, bool mirrored);

}  // namespace rove::io
