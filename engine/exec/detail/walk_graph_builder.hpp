// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/huge_buffer.hpp"
#include "engine/exec/walk_graph.hpp"

namespace rove::exec {

/// Puts a walk graph together, one adjacency after the other: `count` all of them, `allocate`, `fill` all of them in
/// the same order, `finish`. Both layouts give the same slots and the same tables for a vertex.
class WalkGraphBuilder {
 public:
  struct Ids {
    std::vector<WalkGraph::RemoteVertex> ghosts;
    std::uint32_t first_id = 0;
    std::vector<std::uint32_t> ghost_ids;
    std::vector<std::uint32_t> rank_begins{0};
  };
  /// What second-order walks may count on.
  struct Returns {
    bool closes_triangles = true;
    bool known = false;
    bool must_search = false;  ///< a slot may have none that leads back
  };

  /// Of the filter of pairs of neighbours: four to eight per slot, most pairs having two.
  [[nodiscard]] static std::uint64_t filter_bits(std::uint64_t num_slots);

  WalkGraphBuilder(std::uint32_t num_rows, const WalkGraphOptions& options);

  /// Rows [first_row, first_row + degrees.size()) have so many more slots in a list.
  void count(std::uint64_t first_row, std::uint32_t list, std::span<const std::uint32_t> degrees);
  void allocate();
  /// Appends the slots of those rows. Empty weights: 1 each. Throws `InputError` for a weight that is no weight.
  void fill(std::uint64_t first_row, std::uint32_t list, std::span<const std::uint32_t> degrees,
            std::span<const std::uint32_t> targets, std::uint32_t first_target, std::span<const float> weights,
            std::span<const std::int64_t> times);
  [[nodiscard]] WalkGraph finish(Ids ids, const Returns& returns);

 private:
  struct List {
    std::uint64_t first = 0;
    std::uint64_t degree = 0;
  };
  [[nodiscard]] List list_at(std::uint64_t record) const;
  template <class Work>
  void for_lists(const Work& work) const;
  void order_by_time();
  void build_alias();
  void build_thresholds();
  void drop_lists_without_weight();
  void sort_neighbors();
  void find_repeats();
  /// `both_rows`: whether the rows of both ends have each pair.
  void build_filter(bool both_rows);
  void build_shares();
  /// All slots of a row, over its lists.
  [[nodiscard]] IndexRange slots_of(std::uint64_t row) const;

  WalkGraphOptions options_;
  WalkGraph graph_;
  std::vector<std::uint64_t> next_;  ///< per list: slots counted, then where the next one goes
  HugeBuffer<float> weights_;        ///< per slot
};

}  // namespace rove::exec
