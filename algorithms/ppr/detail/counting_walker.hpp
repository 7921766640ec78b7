// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "engine/base/ids.hpp"
#include "engine/base/random.hpp"
#include "engine/exec/visit_counter.hpp"
#include "engine/exec/walk_engine.hpp"
#include "engine/exec/walk_graph.hpp"

namespace rove::algorithms::detail {

/// Walks from one source after another over the replicated graph and counts every visit (specs: pi = c / R * visits).
/// Not thread-safe: one per thread, one source at a time, so that its counts stay in the second-level cache.
class CountingWalker {
 public:
  /// Counts vertices of `counted` only.
  explicit CountingWalker(IndexRange counted) : counter(counted) {}

  /// Leaves the visits in the counter; returns the walks lost.
  std::uint64_t walk_from(const exec::WalkGraph& graph, const exec::RestartPolicy& policy, const RandomStream& random,
                          std::uint32_t vertex, VertexKey key, std::uint32_t walks) {
    exec::SingleSourceSupply supply(vertex, key, 0, 0, walks);
    Sink sink{&counter};
    exec::run_walks<false>(graph, policy, random, supply, sink, lanes_);
    moves += sink.visits - sink.walks;
    return sink.lost;
  }

  exec::VisitCounter counter;
  std::uint64_t moves = 0;

 private:
  struct Sink {
    exec::VisitCounter* counter;
    std::uint64_t visits = 0;
    std::uint64_t walks = 0;
    std::uint64_t lost = 0;

    void visit(const exec::WalkLanes& lanes, std::size_t count) {
      visits += count;
      counter->add(lanes.vertex.data(), count);
    }
    void end(const exec::WalkLanes& /*lanes*/, std::size_t /*lane*/, exec::WalkEnd how) {
      ++walks;
      lost += static_cast<std::uint64_t>(how == exec::WalkEnd::kLost);
    }
    void leave(const exec::WalkLanes& /*lanes*/, std::size_t /*lane*/) {}
  };

  exec::WalkLanes lanes_{};
};

}  // namespace rove::algorithms::detail
