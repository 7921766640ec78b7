// SPDX-License-Identifier: Apache-2.0
#include "tests/support/graphs.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/gather.hpp"
#include "tests/support/mpi.hpp"
#include "tests/support/shared_temp_directory.hpp"

namespace rove::tests {
namespace {

using ::testing::ElementsAre;

TEST(MakeGraph, OrdersSlotsAndNamesEdgePositions) {
  graph::EdgeType type;
  type.relation = "links";
  const graph::GraphBlocks whole = make_graph({{"vertex", 3}}, {{type, {{2, 0}, {0, 2}, {0, 1}, {0, 2}}}});

  const graph::EdgeBlocks& edges = whole.edges[0];
  EXPECT_THAT(edges.by_source.offsets, ElementsAre(0, 3, 3, 4));
  EXPECT_THAT(edges.by_source.targets, ElementsAre(1, 2, 2, 0));
  EXPECT_THAT(edges.by_destination.offsets, ElementsAre(0, 1, 2, 4));
  EXPECT_THAT(edges.by_destination.targets, ElementsAre(2, 0, 0, 0));
  EXPECT_THAT(edges.edge_positions, ElementsAre(3, 0, 1, 2));
  EXPECT_EQ(whole.schema.edge_type(EdgeTypeId{0}).count, 4U);
}

TEST(MakeGraph, CompletesUndirectedEdgesButNotSelfLoops) {
  graph::EdgeType type;
  type.undirected = true;
  const graph::GraphBlocks whole = make_graph({{"vertex", 2}}, {{type, {{0, 1}, {1, 1}}}});

  EXPECT_THAT(whole.edges[0].by_source.targets, ElementsAre(1, 0, 1));
}

TEST(Cut, PutsTogetherWhatItCutsFromEveryAwkwardGraph) {
  for (const NamedGraph& graph : awkward_graphs()) {
    SCOPED_TRACE(graph.name);
    const graph::GraphBlocks mine = cut(graph.whole, world().rank(), world().size());

    for (std::size_t t = 0; t < graph.whole.keys.size(); ++t) {
      EXPECT_TRUE(std::ranges::is_sorted(graph.whole.keys[t]));
      EXPECT_EQ(gathered<VertexKey>(world(), mine.keys[t]), graph.whole.keys[t]);
    }
    for (std::size_t t = 0; t < graph.whole.edges.size(); ++t) {
      const graph::EdgeBlocks& whole = graph.whole.edges[t];
      EXPECT_EQ(gathered<std::uint32_t>(world(), mine.edges[t].by_source.targets), whole.by_source.targets);
      EXPECT_EQ(gathered<std::int64_t>(world(), mine.edges[t].by_destination.times), whole.by_destination.times);
      EXPECT_EQ(gathered<float>(world(), mine.edges[t].by_destination.weights), whole.by_destination.weights);
      EXPECT_EQ(gathered<std::uint64_t>(world(), mine.edges[t].edge_positions), whole.edge_positions);
      EXPECT_EQ(mine.edges[t].by_source.offsets.back(), mine.edges[t].by_source.targets.size());
    }
  }
}

TEST(RandomEdges, HaveAHubSelfLoopsRepetitionsAndIsolatedVertices) {
  const graph::GraphBlocks whole = random_graph(60, 300, 2);
  const graph::AdjacencyBlock& out = whole.edges[0].by_source;
  const graph::AdjacencyBlock& in = whole.edges[0].by_destination;

  EXPECT_GT(in.offsets[1], 40U);
  EXPECT_EQ(out.offsets[48], out.offsets[60]);
  EXPECT_EQ(in.offsets[54], in.offsets[60]);
  std::size_t self_loops = 0;
  for (std::uint32_t row = 0; row < 60; ++row) {
    self_loops += static_cast<std::size_t>(
        std::count(out.targets.begin() + static_cast<std::ptrdiff_t>(out.offsets[row]),
                   out.targets.begin() + static_cast<std::ptrdiff_t>(out.offsets[row + 1]), row));
  }
  EXPECT_GT(self_loops, 5U);
}

TEST(InStableOrder, UndoesEverySpread) {
  const graph::GraphBlocks whole = random_typed(40, 6);
  for (const Spread spread : kSpreads) {
    SCOPED_TRACE(name_of(spread));
    const graph::DistributedGraph graph = distribute(world(), whole, spread);
    std::vector<std::uint64_t> values;
    for (const StableVertexId vertex : graph.index_map().owned_stable()) {
      values.push_back(2 * vertex.value());
      values.push_back(2 * vertex.value() + 1);
    }

    const std::vector<std::uint64_t> ordered = in_stable_order<std::uint64_t>(world(), graph, values, 2);

    ASSERT_EQ(ordered.size(), 2 * whole.schema.num_vertices());
    for (std::uint64_t i = 0; i < ordered.size(); ++i) EXPECT_EQ(ordered[i], i);
  }
}

TEST(SharedTempDirectory, IsSeenByAllAndRemoved) {
  std::filesystem::path path;
  {
    const SharedTempDirectory directory(world());
    path = directory.path();
    if (world().is_root()) std::ofstream(directory / "file") << "content";
    world().barrier();
    EXPECT_TRUE(std::filesystem::exists(directory / "file"));
  }
  world().barrier();
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace rove::tests
