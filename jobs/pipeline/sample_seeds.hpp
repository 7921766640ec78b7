// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "algorithms/sampling/balanced_edges.hpp"
#include "algorithms/sampling/link_batches.hpp"
#include "algorithms/sampling/negative_sampler.hpp"
#include "engine/base/ids.hpp"
#include "engine/base/random.hpp"
#include "jobs/pipeline/sample_options.hpp"
#include "jobs/pipeline/session.hpp"

namespace rove::jobs {

/// One epoch's seeds of `rove sample` on this rank, batch by batch: vertices of a type, or training edges with their
/// negatives. The batches of all ranks are the same however many ranks there are. Refers to what it was made from.
class EpochSeeds {
 public:
  /// **Collective.** `negatives`: one sampler per relation of training edges, or none.
  EpochSeeds(const Session& session, const SampleOptions& options,
             std::span<const algorithms::NegativeSampler> negatives, std::uint64_t epoch);

  /// On all ranks.
  [[nodiscard]] std::uint64_t num_batches() const { return num_batches_; }
  /// This rank's.
  [[nodiscard]] std::uint64_t size() const { return mine_.size(); }
  /// This rank's batches of a range; those of vertices have no edges. Made on all threads.
  [[nodiscard]] std::vector<algorithms::LinkBatch> batches(IndexRange range) const;

 private:
  [[nodiscard]] algorithms::LinkBatch edge_batch(std::uint64_t i) const;
  [[nodiscard]] algorithms::LinkBatch vertex_batch(std::uint64_t i) const;

  const Session& session_;
  const SampleOptions& options_;
  std::span<const algorithms::NegativeSampler> negatives_;
  std::uint64_t epoch_;
  std::uint64_t num_batches_ = 0;
  IndexRange mine_;
  algorithms::EdgeEpoch edges_;
  std::vector<std::int64_t> times_;
  std::optional<KeyedPermutation> order_;
};

}  // namespace rove::jobs
