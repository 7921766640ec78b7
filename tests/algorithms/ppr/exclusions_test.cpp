// SPDX-License-Identifier: Apache-2.0
// Candidates and exclusions per source: in every method, on both layouts.
#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

#include "algorithms/ppr/ppr.hpp"
#include "engine/base/error.hpp"
#include "tests/algorithms/ppr/serial_ppr.hpp"
#include "tests/algorithms/ppr/whole_lists.hpp"
#include "tests/support/graphs.hpp"
#include "tests/support/mpi.hpp"

namespace rove::algorithms {
namespace {

using tests::my_cut;
using tests::whole_lists;
using tests::world;

constexpr std::uint64_t kSources = 40;
constexpr std::uint64_t kTargets = 30;

/// Two thirds of the targets are candidates, and source s must not see the targets s mod 30 and 2 s mod 30.
PprOptions excluding_options() {
  PprOptions options;
  options.targets = VertexTypeId{1};
  options.walks = 60;
  options.item_walks = 40;
  options.verd_walks = 30;
  options.item_entries = 6;
  options.pixie_moves = 400;
  options.tolerance = 1e-4;
  options.top_k = 7;
  for (std::uint32_t row = 0; row < kTargets; ++row) options.candidates.push_back(row % 3 == 1 ? 0 : 1);
  for (std::uint32_t source = 0; source < kSources; ++source) {
    for (std::uint32_t times = 1; times <= 2; ++times) {
      options.excluded.values.push_back(static_cast<std::uint32_t>(times * source % kTargets));
    }
    options.excluded.offsets.push_back(options.excluded.values.size());
  }
  return options;
}

/// The rows of this rank's home block.
PprOptions at_home(PprOptions options, const comm::Communicator& comm) {
  const IndexRange home = graph::BlockDistribution(kSources, comm.size()).block(comm.rank());
  const graph::RaggedRows<std::uint32_t> all = std::exchange(options.excluded, {});
  for (std::uint64_t row = home.begin; row < home.end; ++row) {
    for (std::uint64_t i = all.offsets[row]; i < all.offsets[row + 1]; ++i) {
      options.excluded.values.push_back(all.values[i]);
    }
    options.excluded.offsets.push_back(options.excluded.values.size());
  }
  return options;
}

TEST(PprExclusions, EqualTheSerialTwinInBothLayouts) {
  const graph::GraphBlocks whole = tests::random_bipartite(kSources, kTargets, 300, 3);
  PprOptions options = excluding_options();
  for (const bool exclude_linked : {true, false}) {
    options.exclude_linked = exclude_linked;
    for (const auto& [method, serial] : {std::pair(PprMethod::kWalks, &tests::serial_ppr_walks),
                                         std::pair(PprMethod::kItemIndex, &tests::serial_ppr_index),
                                         std::pair(PprMethod::kVerd, &tests::serial_ppr_verd)}) {
      SCOPED_TRACE(ppr_method_name(method));
      options.method = method;
      const graph::NeighborLists expected = serial(whole, options);
      const PprOptions mine = at_home(options, world());
      EXPECT_EQ(whole_lists(personalized_pagerank(world(), my_cut(whole), mine)), expected) << "replicated";
      for (const tests::Spread spread : tests::kSpreads) {
        EXPECT_EQ(whole_lists(personalized_pagerank(world(), tests::distribute(world(), whole, spread), mine)),
                  expected)
            << tests::name_of(spread);
      }
    }
  }
}

/// The lists that are left of longer ones.
graph::NeighborLists filtered(const graph::NeighborLists& lists, const PprOptions& options) {
  graph::NeighborLists result;
  for (std::uint64_t row = 0; row < lists.num_rows(); ++row) {
    for (std::size_t i = 0; i < lists.targets_of(row).size(); ++i) {
      const std::uint64_t target = lists.targets_of(row)[i];
      const auto begin = options.excluded.values.begin();
      const bool excluded = std::find(begin + static_cast<std::ptrdiff_t>(options.excluded.offsets[row]),
                                      begin + static_cast<std::ptrdiff_t>(options.excluded.offsets[row + 1]),
                                      target) != begin + static_cast<std::ptrdiff_t>(options.excluded.offsets[row + 1]);
      const bool full = result.targets.size() - result.offsets.back() == options.top_k;
      if (options.candidates[target] == 0 || excluded || full) continue;
      result.targets.push_back(target);
      result.scores.push_back(lists.scores_of(row)[i]);
    }
    result.offsets.push_back(result.targets.size());
  }
  return result;
}

// Power iteration and Pixie know all scores before they leave any out.
TEST(PprExclusions, AreLeftOutOfLongerLists) {
  const graph::GraphBlocks whole = tests::random_bipartite(kSources, kTargets, 300, 3);
  PprOptions options = excluding_options();
  PprOptions everything = options;
  everything.candidates.clear();
  everything.excluded = {};
  everything.top_k = kTargets;
  const comm::Communicator alone = world().split(world().rank().value());

  options.method = everything.method = PprMethod::kPower;
  const graph::DistributedGraph one =
      graph::DistributedGraph::build(alone, whole, tests::assign(alone, whole.schema, tests::Spread::kBlock));
  const graph::NeighborLists power = filtered(personalized_pagerank(alone, one, everything).lists, options);
  EXPECT_FALSE(power.targets.empty());
  for (const tests::Spread spread : tests::kSpreads) {
    const graph::DistributedGraph graph = tests::distribute(world(), whole, spread);
    EXPECT_EQ(whole_lists(personalized_pagerank(world(), graph, at_home(options, world()))), power)
        << tests::name_of(spread);
  }
  options.method = everything.method = PprMethod::kPixie;
  const graph::NeighborLists pixie = filtered(personalized_pagerank(alone, whole, everything).lists, options);
  EXPECT_EQ(whole_lists(personalized_pagerank(world(), my_cut(whole), at_home(options, world()))), pixie);
}

TEST(PprExclusions, CandidatesAreOnePerTarget) {
  const graph::GraphBlocks whole = tests::random_bipartite(kSources, kTargets, 300, 3);
  PprOptions options = at_home(excluding_options(), world());
  options.candidates.pop_back();
  EXPECT_THROW((void)personalized_pagerank(world(), my_cut(whole), options), ConfigError);
}

}  // namespace
}  // namespace rove::algorithms
