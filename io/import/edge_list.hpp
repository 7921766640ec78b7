// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace rove::io {

/// Which optional columns the edges of one type have, the same on all ranks.
struct EdgeColumns {
  bool weights = false;
  bool times = false;
  bool relations = false;
  bool positions = false;
};

/// Edges column by column. Optional columns are empty or as long as `sources`.
struct EdgeList {
  std::vector<std::uint32_t> sources;
  std::vector<std::uint32_t> targets;
  std::vector<float> weights;
  std::vector<std::int64_t> times;
  std::vector<std::uint32_t> relations;
  std::vector<std::uint64_t> positions;  ///< of the edge in the adjacency by source, over all ranks

  [[nodiscard]] std::size_t size() const { return sources.size(); }

  /// Calls `visit(column of a, column of b)` for each pair of columns.
  template <class Visit>
  static void for_each_column(EdgeList& a, EdgeList& b, const Visit& visit) {
    visit(a.sources, b.sources);
    visit(a.targets, b.targets);
    visit(a.weights, b.weights);
    visit(a.times, b.times);
    visit(a.relations, b.relations);
    visit(a.positions, b.positions);
  }
};

}  // namespace rove::io
