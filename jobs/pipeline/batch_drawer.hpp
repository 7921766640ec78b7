// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "algorithms/sampling/link_batches.hpp"
#include "algorithms/sampling/negative_sampler.hpp"
#include "algorithms/sampling/neighbor_sampler.hpp"
#include "algorithms/sampling/partitioned_sampler.hpp"
#include "algorithms/sampling/sampling_graph.hpp"
#include "jobs/pipeline/sample_options.hpp"
#include "jobs/pipeline/session.hpp"

namespace rove::jobs {

/// What draws the batches of `rove sample`: one method over the graph in one layout. What it draws for a batch is a
/// function of the graph, the options, the epoch and the batch's seeds.
class BatchDrawer {
 public:
  virtual ~BatchDrawer() = default;
  BatchDrawer(const BatchDrawer&) = delete;
  BatchDrawer& operator=(const BatchDrawer&) = delete;

  /// **Collective.** A subgraph for each of this rank's batches of an epoch; a rank may have none.
  virtual void draw(std::span<const algorithms::LinkBatch> batches, std::uint64_t epoch,
                    std::vector<algorithms::SampledSubgraph>& results) = 0;
  /// One per relation of training edges when negatives are asked for.
  [[nodiscard]] virtual std::span<const algorithms::NegativeSampler> negatives() const { return {}; }
  /// Where the graph lies: "replicated" or "partitioned".
  [[nodiscard]] virtual const char* layout() const = 0;
  /// What this rank sent so far for its batches; not what was sent once for an epoch.
  [[nodiscard]] virtual algorithms::SamplingTraffic traffic() const { return {}; }

 protected:
  BatchDrawer() = default;
};

/// One sampler per relation of training edges, if negatives are asked for; they refer to the graph, made of
/// `options.graph_links()`.
[[nodiscard]] std::vector<algorithms::NegativeSampler> make_negatives(const algorithms::SamplingGraph& graph,
                                                                      const SampleOptions& options);

/// **Collective.** By `sample.method` and `resources.layout`; plans its memory before it allocates. Refers to the
/// session and the options. Throws `ConfigError` for a method that the layout asked for does not have, and
/// `DoesNotFitError`.
[[nodiscard]] std::unique_ptr<BatchDrawer> make_batch_drawer(Session& session, const SampleOptions& options);

}  // namespace rove::jobs
