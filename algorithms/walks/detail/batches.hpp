// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "algorithms/walks/walk_corpus.hpp"

namespace rove::algorithms::detail {

/// Consecutive sources of one type, the same on all ranks.
struct SourceBatch {
  VertexTypeId type;
  IndexRange rows;
};

/// Vertex types to start from, in the order of the corpus.
[[nodiscard]] std::vector<VertexTypeId> source_types(const graph::Schema& schema, const WalkCorpusOptions& options);

/// **Collective.** Calls `work(batch)` for all sources in order, as many at a time as fit `batch_bytes` (the smallest
/// of all ranks) at `bytes_per_walk`. After each, a stop request ends all ranks with `Interrupted`, and rank 0 reports
/// progress.
void for_batches(const comm::Communicator& comm, const graph::Schema& schema, const WalkCorpusOptions& options,
                 std::uint64_t bytes_per_walk, const std::function<void(const SourceBatch&)>& work);

/// **Collective.** Sums and the maximum over ranks.
[[nodiscard]] WalkCorpusReport over_all_ranks(const comm::Communicator& comm, WalkCorpusReport report);

}  // namespace rove::algorithms::detail
