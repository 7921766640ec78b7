// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "engine/comm/communicator.hpp"
#include "engine/graph/neighbor_lists.hpp"
#include "gnn/interactions.hpp"
#include "gnn/metrics.hpp"

namespace rove::gnn {

struct BootstrapOptions {
  std::uint32_t samples = 1000;
  double confidence = 0.95;
  std::uint64_t seed = 42;
};

/// How much one metric of two recommenders differs over the same users.
struct MetricDifference {
  std::string_view metric;
  std::uint32_t cutoff = 0;
  double first = 0;
  double second = 0;
  double difference = 0;  ///< first - second
  double low = 0;         ///< the confidence interval of the difference, by percentiles of the resamples
  double high = 0;
  double p_value = 1;  ///< two-sided: how often, in resamples, the difference has the other sign or is none
};

/// **Collective.** Paired bootstrap over the evaluated users (Efron and Tibshirani, 1993; for rankings Sakai, SIGIR
/// 2006). Every resample gives each user a weight from the Poisson distribution of mean 1 (Chamandy et al., 2012),
/// drawn by the user's key, so that resamples do not depend on ranks. Per-user differences count in units of 2^-30.
/// `first`, `second`, `test`: of the owned users. The same on all ranks. Cost: samples x users draws, a quarter of a
/// Philox block each. Throws `ConfigError` without samples or with a confidence outside (0, 1).
[[nodiscard]] std::vector<MetricDifference> paired_bootstrap(const comm::Communicator& comm,
                                                             const Interactions& interactions,
                                                             const graph::NeighborLists& first,
                                                             const graph::NeighborLists& second, const TestItems& test,
                                                             std::span<const std::uint32_t> cutoffs,
                                                             const BootstrapOptions& options);

}  // namespace rove::gnn
