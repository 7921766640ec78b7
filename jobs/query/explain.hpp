// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "jobs/query/mapped_graph.hpp"

namespace rove::jobs {

/// A walk from a seed to the target, vertex by vertex.
struct ExplainingPath {
  struct Step {
    EdgeTypeId type;  ///< of the edge walked
    bool forward = true;
    std::uint32_t vertex = 0;  ///< where it leads; stable id
  };
  std::uint32_t seed = 0;
  std::vector<Step> steps;
  double probability = 0.0;  ///< that a walk from the seeds is this one and stops at its end
};

struct Explanation {
  std::vector<ExplainingPath> paths;  ///< the strongest, best first; ties by vertices
  double probability = 0.0;           ///< of all walks of one to three steps to the target
  std::uint64_t num_paths = 0;        ///< of them
  bool complete = true;               ///< whether all walks of three steps were looked at
};

/// The walks of at most three steps from the seeds to `target`, by probability: user -> item -> user -> item and
/// shorter. Parallel edges of a type make one path. Looks at no more than `max_slots` slots around the target, so that
/// popular targets cost no more; `complete` says whether that sufficed. Exact, from the graph alone, by weight where
/// the graph's walks are.
[[nodiscard]] Explanation explain(const MappedGraph& graph, std::span<const algorithms::WeightedSeed> seeds,
                                  std::uint32_t target, double restart, std::uint32_t max_paths,
                                  std::uint64_t max_slots = 2'000'000);

}  // namespace rove::jobs
