// SPDX-License-Identifier: Apache-2.0
#include "engine/graph/redistribute.hpp"

#include <numeric>
#include <vector>

#include <gtest/gtest.h>

#include "engine/graph/distributed_graph.hpp"
#include "tests/support/graphs.hpp"
#include "tests/support/mpi.hpp"

namespace rove::graph {
namespace {

using tests::world;

constexpr VertexTypeId kUser{0};
constexpr std::uint64_t kUsers = 23;

DistributedGraph users_and_items(tests::Spread spread) {
  return tests::distribute(world(), tests::random_bipartite(kUsers, 31, 150, 8), spread);
}

/// Row r has r % 4 entries: 100 r, 100 r + 1, ...
NeighborLists lists_of(std::span<const std::uint64_t> rows) {
  NeighborLists lists;
  for (const std::uint64_t row : rows) {
    for (std::uint64_t i = 0; i < row % 4; ++i) {
      lists.targets.push_back(100 * row + i);
      lists.scores.push_back(static_cast<float>(row) - static_cast<float>(i) / 8.0F);
    }
    lists.offsets.push_back(lists.targets.size());
  }
  return lists;
}

std::vector<std::uint64_t> home_rows() {
  const IndexRange block = BlockDistribution(kUsers, world().size()).block(world().rank());
  std::vector<std::uint64_t> rows(block.size());
  std::iota(rows.begin(), rows.end(), block.begin);
  return rows;
}

std::vector<std::uint64_t> owned_rows(const DistributedGraph& graph) {
  std::vector<std::uint64_t> rows;
  const IndexRange owned = graph.owned_of_type(kUser);
  for (std::uint64_t v = owned.begin; v < owned.end; ++v) {
    rows.push_back(graph.schema().row_of(graph.index_map().stable_of(LocalVertexId{static_cast<std::uint32_t>(v)})));
  }
  return rows;
}

class Redistribute : public testing::TestWithParam<tests::Spread> {};
INSTANTIATE_TEST_SUITE_P(Spreads, Redistribute, testing::ValuesIn(tests::kSpreads),
                         [](const auto& spread) { return std::string(tests::name_of(spread.param)); });

TEST_P(Redistribute, FixedRowsGoHomeInRowOrderAndBack) {
  const DistributedGraph graph = users_and_items(GetParam());
  const std::vector<std::uint64_t> owned = owned_rows(graph);

  const auto home = graph.home(kUser).to_home<std::uint64_t>(world(), owned);
  const auto back = graph.home(kUser).to_owners<std::uint64_t>(world(), home);

  EXPECT_EQ(home, home_rows());
  EXPECT_EQ(back, owned);
}

TEST_P(Redistribute, WideRowsKeepTheirColumns) {
  const DistributedGraph graph = users_and_items(GetParam());
  std::vector<float> wide;
  for (const std::uint64_t row : owned_rows(graph)) {
    for (int column = 0; column < 3; ++column)
      wide.push_back(static_cast<float>(row) + 0.25F * static_cast<float>(column));
  }

  const auto home = graph.home(kUser).to_home<float>(world(), wide, 3);

  std::size_t i = 0;
  for (const std::uint64_t row : home_rows()) {
    for (int column = 0; column < 3; ++column) {
      EXPECT_EQ(home[i++], static_cast<float>(row) + 0.25F * static_cast<float>(column));
    }
  }
  EXPECT_EQ(i, home.size());
}

TEST_P(Redistribute, RankedListsGoHomeAndBack) {
  const DistributedGraph graph = users_and_items(GetParam());
  const NeighborLists owned = lists_of(owned_rows(graph));

  const NeighborLists home = graph.home(kUser).to_home(world(), owned);
  const NeighborLists back = graph.home(kUser).to_owners(world(), home);

  EXPECT_EQ(home, lists_of(home_rows()));
  EXPECT_EQ(back, owned);
}

TEST_P(Redistribute, AdjacencyReachesTheOwnersWithItsAttributes) {
  const DistributedGraph graph = users_and_items(GetParam());
  AdjacencyBlock home;
  for (const std::uint64_t row : home_rows()) {
    for (std::uint64_t i = 0; i < row % 3; ++i) {
      home.targets.push_back(static_cast<std::uint32_t>(10 * row + i));
      home.times.push_back(static_cast<std::int64_t>(row) - 5);
    }
    home.offsets.push_back(home.targets.size());
  }

  const AdjacencyBlock owned = graph.home(kUser).to_owners(world(), home);

  std::size_t slot = 0;
  std::size_t i = 0;
  for (const std::uint64_t row : owned_rows(graph)) {
    ASSERT_EQ(owned.offsets[i + 1] - owned.offsets[i], row % 3);
    ++i;
    for (std::uint64_t k = 0; k < row % 3; ++k, ++slot) {
      EXPECT_EQ(owned.targets[slot], 10 * row + k);
      EXPECT_EQ(owned.times[slot], static_cast<std::int64_t>(row) - 5);
    }
  }
  EXPECT_TRUE(owned.weights.empty());
  EXPECT_TRUE(owned.relations.empty());
}

}  // namespace
}  // namespace rove::graph
