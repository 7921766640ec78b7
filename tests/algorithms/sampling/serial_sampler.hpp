// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "algorithms/sampling/neighbor_sampler.hpp"
#include "algorithms/sampling/sampling_graph.hpp"
#include "engine/graph/graph_blocks.hpp"

/// Samplers as their definitions read, over a graph as one rank holds it, with maps and sorts.
namespace rove::tests {

/// One slot of an anchor.
struct Slot {
  std::uint32_t neighbor = 0;
  std::uint64_t position = 0;
  float weight = 1;
  std::int64_t time = 0;
};
/// In the graph's slot order.
[[nodiscard]] std::vector<Slot> slots_of(const graph::GraphBlocks& whole, const algorithms::SampledLink& link,
                                         std::uint32_t row);

/// `NeighborSampler::sample`, whatever the options.
[[nodiscard]] algorithms::SampledSubgraph serial_sample(const graph::GraphBlocks& whole,
                                                        std::span<const algorithms::SampledLink> links,
                                                        const algorithms::FanoutOptions& options,
                                                        std::span<const algorithms::SeedRows> seeds,
                                                        std::uint64_t epoch);

void expect_equal(const algorithms::SampledSubgraph& got, const algorithms::SampledSubgraph& expected,
                  const std::string& what);

/// Every edge type, followed both ways.
[[nodiscard]] std::vector<algorithms::SampledLink> all_links(const graph::Schema& schema);
/// **Collective.** From the ranks' blocks of the whole graph.
[[nodiscard]] algorithms::SamplingGraph replicate(const graph::GraphBlocks& whole,
                                                  std::span<const algorithms::SampledLink> links,
                                                  algorithms::SamplingAttributes attributes = {});
[[nodiscard]] std::vector<std::uint32_t> rows_from(std::uint32_t begin, std::uint32_t count);
/// 5 standard deviations above the mean of a chi-square variable.
[[nodiscard]] double chi_square_limit(double degrees_of_freedom);

}  // namespace rove::tests
