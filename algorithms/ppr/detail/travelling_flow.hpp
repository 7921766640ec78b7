// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "algorithms/ppr/detail/flow_scores.hpp"
#include "algorithms/ppr/detail/travelling_counts.hpp"
#include "algorithms/ppr/fingerprint_table.hpp"

namespace rove::algorithms::detail {

struct TravellingFlowOptions {
  VertexTypeId sources;
  VertexTypeId targets;
  double restart = 0.15;
  std::uint32_t walks = 0;    ///< behind every fingerprint
  std::uint32_t entries = 0;  ///< of a fingerprint at most
  std::uint32_t hops = 0;
  double threshold = 0.0;
  std::uint64_t batch_bytes = 0;
  ProgressSink* progress = &no_progress();
};

/// What one source's flow has come to at its owner.
struct SourceFlow {
  struct OfTarget {
    std::uint32_t row = 0;
    std::uint64_t visits = 0;
    std::uint64_t stopped = 0;
  };
  std::vector<OfTarget> targets;  ///< a row may occur several times
  FlowSums sums;
};
/// Called once per source, from several threads.
using ConsumeFlow = std::function<void(const BatchSource& source, const SourceFlow& flow)>;

/// **Collective.** Decomposition (docs/decisions/0125) in the partitioned layout, in batches of sources as large as
/// `batch_bytes` allows: flow travels to the owners of the vertices it reaches, is answered there, and the answers
/// travel to the source's owner. `fingerprints`: of the owned vertices, in local order.
void decompose_travelling(const comm::Communicator& comm, const graph::DistributedGraph& graph,
                          const exec::WalkGraph& walk_graph, const FingerprintTable& fingerprints,
                          const TravellingFlowOptions& options, const IsSource& is_source, const ConsumeFlow& consume);

}  // namespace rove::algorithms::detail
