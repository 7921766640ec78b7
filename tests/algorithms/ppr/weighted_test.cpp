// SPDX-License-Identifier: Apache-2.0
// PPR over edge weights: every method that takes them, on both layouts, against the exact solution.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "algorithms/ppr/ppr.hpp"
#include "engine/base/error.hpp"
#include "engine/base/progress.hpp"
#include "tests/algorithms/ppr/expect_exact.hpp"
#include "tests/algorithms/ppr/serial_ppr.hpp"
#include "tests/algorithms/ppr/weighted_graphs.hpp"
#include "tests/algorithms/ppr/whole_lists.hpp"
#include "tests/support/graphs.hpp"
#include "tests/support/mpi.hpp"

namespace rove::algorithms {
namespace {

using tests::my_cut;
using tests::weighted_bipartite;
using tests::whole_lists;
using tests::world;

PprOptions weighted_options() {
  PprOptions options;
  options.targets = VertexTypeId{1};
  options.weighted = true;
  options.walks = 60;
  options.item_walks = 40;
  options.item_entries = 6;
  options.verd_walks = 30;
  options.tolerance = 1e-4;
  options.top_k = 7;
  return options;
}

constexpr PprMethod kWalking[] = {PprMethod::kWalks, PprMethod::kItemIndex, PprMethod::kVerd};

TEST(PprWeighted, GivesTheSameBytesEverywhere) {
  const comm::Communicator alone = world().split(world().rank().value());
  for (const graph::GraphBlocks& whole : {weighted_bipartite(0.0F, true), tests::random_typed(30, 4)}) {
    PprOptions options = weighted_options();
    for (const PprMethod method : {PprMethod::kWalks, PprMethod::kItemIndex, PprMethod::kVerd, PprMethod::kPower}) {
      SCOPED_TRACE(ppr_method_name(method));
      options.method = method;
      const bool on_both = method != PprMethod::kPower;
      options.source_rows.reset();
      if (!on_both) options.source_rows = std::vector<std::uint64_t>{0, 3, 11, 17};
      const graph::DistributedGraph one =
          graph::DistributedGraph::build(alone, whole, tests::assign(alone, whole.schema, tests::Spread::kBlock));
      const PprResult expected = personalized_pagerank(alone, one, options);
      EXPECT_FALSE(expected.lists.targets.empty());
      if (on_both) {
        const PprResult replicated = personalized_pagerank(world(), my_cut(whole), options);
        EXPECT_EQ(whole_lists(replicated), expected.lists) << "replicated";
        EXPECT_EQ(world().all_gather_v<float>(replicated.error_bounds).data, expected.error_bounds);
      }
      for (const tests::Spread spread : tests::kSpreads) {
        const PprResult partitioned =
            personalized_pagerank(world(), tests::distribute(world(), whole, spread), options);
        EXPECT_EQ(whole_lists(partitioned), expected.lists) << tests::name_of(spread);
        EXPECT_EQ(partitioned.num_cold, expected.num_cold);
      }
    }
  }
}

// Equal weights, whatever they are, change no bit: not of walks, not of flow, and a power of two not of sums.
TEST(PprWeighted, EqualWeightsAreNone) {
  const graph::GraphBlocks whole = weighted_bipartite(4.0F);
  const graph::DistributedGraph graph = tests::distribute(world(), whole, tests::Spread::kScattered);
  for (const PprMethod method : {PprMethod::kWalks, PprMethod::kVerd, PprMethod::kPower}) {
    PprOptions options = weighted_options();
    options.method = method;
    const graph::NeighborLists weighted = personalized_pagerank(world(), graph, options).lists;
    options.weighted = false;
    EXPECT_EQ(weighted, personalized_pagerank(world(), graph, options).lists) << ppr_method_name(method);
  }
}

TEST(PprWeighted, PowerIterationSolvesTheWeightedEquations) {
  PprOptions options = weighted_options();
  options.method = PprMethod::kPower;
  options.tolerance = 1e-9;
  options.top_k = 1000;
  options.source_rows = std::vector<std::uint64_t>{0, 1, 4, 9, 13, 15};
  for (const graph::GraphBlocks& whole : {weighted_bipartite(0.0F, true), tests::random_typed(20, 4)}) {
    const graph::DistributedGraph graph = tests::distribute(world(), whole, tests::Spread::kScattered);
    const graph::NeighborLists lists = whole_lists(personalized_pagerank(world(), graph, options));
    for (const std::uint64_t row : *options.source_rows) {
      const auto exact = tests::exact_list(whole, options, static_cast<std::uint32_t>(row));
      ASSERT_EQ(lists.targets_of(row).size(), exact.targets.size()) << "row " << row;
      for (std::size_t i = 0; i < exact.scores.size(); ++i) {
        EXPECT_NEAR(lists.scores_of(row)[i], exact.scores[i], 1e-7) << "row " << row << " entry " << i;
      }
    }
  }
}

// Deviations from the exact scores are within five standard deviations, by the variance bound (2 - c) pi / R, and
// within the bound that is written beside the list.
TEST(PprWeighted, WalksAgreeWithTheExactScores) {
  PprOptions options = weighted_options();
  options.exclude_linked = false;
  options.top_k = 1000;
  options.walks = options.item_walks = options.verd_walks = 40'000;
  options.item_entries = 1000;
  options.source_rows = std::vector<std::uint64_t>{1, 4, 9};
  for (const graph::GraphBlocks& whole : {weighted_bipartite(0.0F, true), tests::random_typed(20, 4)}) {
    for (const PprMethod method : kWalking) {
      SCOPED_TRACE(ppr_method_name(method));
      options.method = method;
      tests::expect_exact_lists(whole, options, 3);
    }
  }
}

/// Counts what is reported of one stage.
class Updates final : public ProgressSink {
 public:
  explicit Updates(std::string stage) : stage_(std::move(stage)) {}
  void begin(std::string_view stage, std::uint64_t /*total*/, std::string_view /*unit*/) override {
    is_open_ = stage == stage_;
  }
  void update(std::uint64_t /*done*/, std::string_view /*detail*/) override { count_ += is_open_ ? 1 : 0; }
  void end(std::string_view /*detail*/) override { is_open_ = false; }
  [[nodiscard]] std::uint64_t count() const { return count_; }

 private:
  std::string stage_;
  bool is_open_ = false;
  std::uint64_t count_ = 0;
};

// One hop reaches a source's slots, not all edges: a batch that has room for those of one source has for many.
TEST(PprWeighted, ABatchOfOneHopHoldsManySources) {
  constexpr std::uint32_t kUsers = 200;
  constexpr std::uint32_t kItems = 50;
  constexpr std::uint32_t kDegree = 4;
  tests::EdgeList list;
  list.type.source = VertexTypeId{0};
  list.type.relation = "rates";
  list.type.destination = VertexTypeId{1};
  list.type.has_weights = true;
  for (std::uint32_t user = 0; user < kUsers; ++user) {
    for (std::uint32_t i = 0; i < kDegree; ++i) {
      tests::Edge edge{.source = user, .destination = (7 * user + 11 * i) % kItems};
      edge.weight = static_cast<float>(1 + i);
      list.edges.push_back(edge);
    }
  }
  const graph::GraphBlocks whole = tests::make_graph({{"user", kUsers}, {"item", kItems}}, {list});
  PprOptions options = weighted_options();
  options.method = PprMethod::kItemIndex;
  const PprResult replicated = personalized_pagerank(world(), my_cut(whole), options);
  Updates batches("ppr: decomposition");
  options.progress = &batches;
  options.batch_bytes = std::uint64_t{3} * 16 * 2 * kUsers * kDegree;
  const PprResult result =
      personalized_pagerank(world(), tests::distribute(world(), whole, tests::Spread::kScattered), options);
  EXPECT_EQ(whole_lists(result), whole_lists(replicated));
  if (world().is_root()) {
    EXPECT_LT(batches.count(), kUsers / 10);
    EXPECT_GT(batches.count(), 0U);
  }
}

TEST(PprWeighted, RefusesWhatTakesNoWeights) {
  PprOptions options = weighted_options();
  const graph::GraphBlocks plain = my_cut(tests::random_bipartite(24, 16, 140, 6));
  EXPECT_THROW((void)personalized_pagerank(world(), plain, options), ConfigError);
  const graph::GraphBlocks weighted = my_cut(weighted_bipartite(0.0F));
  options.method = PprMethod::kPixie;
  try {
    (void)personalized_pagerank(world(), weighted, options);
    FAIL();
  } catch (const ConfigError& error) {
    for (const char* method : {"item-index", "verd", "walks", "maintained", "power"}) {
      EXPECT_NE(std::string(error.what()).find(method), std::string::npos) << method;
    }
  }
}

}  // namespace
}  // namespace rove::algorithms
