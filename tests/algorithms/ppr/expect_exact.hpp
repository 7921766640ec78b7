// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "algorithms/ppr/ppr.hpp"
#include "tests/algorithms/ppr/serial_ppr.hpp"
#include "tests/algorithms/ppr/whole_lists.hpp"
#include "tests/support/graphs.hpp"
#include "tests/support/mpi.hpp"

namespace rove::tests {

/// **Collective.** Full-path counts are unbiased: every listed score of `options.source_rows` deviates from the exact
/// one by less than five standard deviations, by the variance bound (2 - c) pi / R, and by less than the error bound
/// written beside the list. Lists hold more than `more_than` targets.
inline void expect_exact_lists(const graph::GraphBlocks& whole, const algorithms::PprOptions& options,
                               std::size_t more_than) {
  const graph::GraphBlocks mine = cut(whole, world().rank(), world().size());
  const algorithms::PprResult result = algorithms::personalized_pagerank(world(), mine, options);
  const graph::NeighborLists lists = whole_lists(result);
  const std::vector<float> bounds = world().all_gather_v<float>(result.error_bounds).data;
  const std::uint64_t first_target = whole.schema.stable_range(options.targets).begin;
  for (const std::uint64_t row : *options.source_rows) {
    const std::vector<double> exact = dense_ppr(whole, options, static_cast<std::uint32_t>(row));
    ASSERT_GT(lists.targets_of(row).size(), more_than);
    for (std::size_t i = 0; i < lists.targets_of(row).size(); ++i) {
      const double truth = exact[first_target + lists.targets_of(row)[i]];
      const double error = std::abs(static_cast<double>(lists.scores_of(row)[i]) - truth);
      EXPECT_LT(error, 5.0 * std::sqrt((2.0 - options.restart) * truth / options.walks) + 1e-7);
      EXPECT_LT(error, static_cast<double>(bounds[row]));
    }
  }
}

}  // namespace rove::tests
