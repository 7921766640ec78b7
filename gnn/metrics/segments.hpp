// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/comm/communicator.hpp"
#include "engine/graph/neighbor_lists.hpp"
#include "gnn/interactions.hpp"
#include "gnn/metrics.hpp"

namespace rove::gnn {

struct SegmentOptions {
  std::uint64_t cold = 5;    ///< fewer training interactions than this: a segment of its own; 0: no such segment
  std::uint32_t groups = 4;  ///< segments of about equal weight among the others
};

/// Test interactions whose user, or whose item, has from `least` to `most` training interactions.
struct Segment {
  std::uint64_t least = 0;
  std::uint64_t most = 0;
  bool is_cold = false;
  std::uint64_t test_interactions = 0;
  Evaluation evaluation;
};

struct Segments {
  /// The groups hold about as many evaluated users each; their `num_users` add up to all.
  std::vector<Segment> users_by_activity;
  /// The groups hold about as many test interactions each. Metrics are those of the same lists when nothing but the
  /// segment's items was held out: averaged over the users with such an item.
  std::vector<Segment> items_by_popularity;
};

/// **Collective.** `measure` on parts of the test interactions. `lists` and `test`: of the owned users; `popularity`:
/// of the items of my home block. Users and items of one degree are never separated. The same on all ranks.
[[nodiscard]] Segments measure_segments(const comm::Communicator& comm, const Interactions& interactions,
                                        std::span<const std::uint64_t> popularity, const graph::NeighborLists& lists,
                                        const TestItems& test, std::span<const std::uint32_t> cutoffs,
                                        const SegmentOptions& options);

}  // namespace rove::gnn
