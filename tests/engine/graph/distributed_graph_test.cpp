// SPDX-License-Identifier: Apache-2.0
#include "engine/graph/distributed_graph.hpp"

#include <algorithm>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.hpp"
#include "engine/graph/validate.hpp"
#include "tests/support/gather.hpp"
#include "tests/support/graphs.hpp"
#include "tests/support/mpi.hpp"

namespace rove::graph {
namespace {

using tests::world;

std::vector<StableVertexId> stable_ids_of_all(const DistributedGraph& graph) {
  std::vector<StableVertexId> ids;
  for (std::uint32_t v = 0; v < graph.num_local(); ++v) ids.push_back(graph.index_map().stable_of(LocalVertexId{v}));
  return ids;
}

TEST(DistributedGraph, HoldsTheEdgesOfTheBlocksInTheirSlots) {
  for (const tests::NamedGraph& named : tests::awkward_graphs()) {
    for (const tests::Spread spread : tests::kSpreads) {
      SCOPED_TRACE(named.name + " " + tests::name_of(spread));
      const DistributedGraph graph = tests::distribute(world(), named.whole, spread);
      const GraphBlocks blocks = tests::cut(named.whole, world().rank(), world().size());

      EXPECT_THAT(validate(world(), graph, &blocks), testing::IsEmpty());
    }
  }
}

TEST(DistributedGraph, ListsTheNeighboursOfTheWholeGraphSlotBySlot) {
  const GraphBlocks whole = tests::random_typed(40, 5);
  const DistributedGraph graph = tests::distribute(world(), whole, tests::Spread::kScattered);
  const Schema& schema = graph.schema();

  for (std::size_t e = 0; e < schema.edge_types().size(); ++e) {
    const EdgeType& type = schema.edge_types()[e];
    const CsrGraph& csr = graph.by_destination(EdgeTypeId{static_cast<std::uint16_t>(e)});
    const AdjacencyBlock& expected = whole.edges[e].by_destination;
    const IndexRange owned = graph.owned_of_type(type.destination);
    for (std::uint64_t row = 0; row < owned.size(); ++row) {
      const auto local = static_cast<std::uint32_t>(owned.begin + row);
      const std::uint64_t whole_row = schema.row_of(graph.index_map().stable_of(LocalVertexId{local}));
      ASSERT_EQ(csr.degree(row), expected.offsets[whole_row + 1] - expected.offsets[whole_row]);
      for (std::uint64_t i = 0; i < csr.degree(row); ++i) {
        const std::uint64_t slot = csr.offsets[row] + i;
        const std::uint64_t whole_slot = expected.offsets[whole_row] + i;
        EXPECT_EQ(graph.index_map().stable_of(csr.targets[slot]),
                  schema.stable_id(type.source, expected.targets[whole_slot]));
        if (type.has_weights) {
          EXPECT_EQ(csr.weights[slot], expected.weights[whole_slot]);
        }
        if (type.has_times) {
          EXPECT_EQ(csr.times[slot], expected.times[whole_slot]);
        }
        if (!type.relations.empty()) {
          EXPECT_EQ(csr.relations[slot], expected.relations[whole_slot]);
        }
      }
    }
  }
}

TEST(DistributedGraph, GhostsAreTheDistinctRemoteEndpointsByOwnerThenStableId) {
  const DistributedGraph graph = tests::distribute(world(), tests::random_graph(60, 300, 7), tests::Spread::kScattered);
  const IndexMap& map = graph.index_map();

  std::vector<LocalVertexId> used;
  for (const CsrGraph* csr : {&graph.by_source(EdgeTypeId{0}), &graph.by_destination(EdgeTypeId{0})}) {
    for (const LocalVertexId target : csr->targets) {
      if (!map.is_owned(target)) used.push_back(target);
    }
  }
  std::sort(used.begin(), used.end());
  used.erase(std::unique(used.begin(), used.end()), used.end());

  EXPECT_EQ(used.size(), graph.num_local() - graph.num_owned());
  for (std::uint32_t v = graph.num_owned() + 1; v < graph.num_local(); ++v) {
    EXPECT_LT(map.global_of(LocalVertexId{v - 1}), map.global_of(LocalVertexId{v}));
  }
}

TEST(DistributedGraph, KeysFollowTheirVertices) {
  const GraphBlocks whole = tests::random_bipartite(20, 30, 100, 3);
  const DistributedGraph graph = tests::distribute(world(), whole, tests::Spread::kScattered);

  ASSERT_EQ(graph.owned_keys().size(), graph.num_owned());
  for (std::uint32_t v = 0; v < graph.num_owned(); ++v) {
    const StableVertexId stable = graph.index_map().stable_of(LocalVertexId{v});
    const auto& keys = whole.keys[graph.schema().type_of(stable).index()];
    EXPECT_EQ(graph.owned_keys()[v], keys[graph.schema().row_of(stable)]);
  }
}

TEST(IndexMap, NumberingsAreInverses) {
  for (const tests::Spread spread : tests::kSpreads) {
    const DistributedGraph graph = tests::distribute(world(), tests::random_typed(30, 2), spread);
    const IndexMap& map = graph.index_map();
    const std::vector<StableVertexId> ids = stable_ids_of_all(graph);

    const std::vector<GlobalVertexId> globals = map.global_of(world(), ids);

    for (std::uint32_t v = 0; v < graph.num_local(); ++v) {
      const LocalVertexId local{v};
      EXPECT_EQ(globals[v], map.global_of(local));
      const bool owned_here = graph.partition().owner_of(globals[v]) == world().rank();
      EXPECT_EQ(owned_here, map.is_owned(local));
      EXPECT_EQ(map.find_owned(ids[v]).has_value(), owned_here);
      if (owned_here) {
        EXPECT_EQ(map.find_owned(ids[v]), local);
        EXPECT_EQ(map.local_of_owned(globals[v]), local);
      }
    }
  }
}

TEST(IndexMap, AnswersForVerticesThatAreNeitherOwnedNorGhosts) {
  const DistributedGraph graph = tests::distribute(world(), tests::random_graph(50, 60, 1), tests::Spread::kBlock);
  std::vector<StableVertexId> everything;
  if (world().rank().value() % 2 == 0) {
    for (std::uint64_t i = 50; i-- > 0;) everything.emplace_back(i);
  }

  const std::vector<GlobalVertexId> globals = graph.index_map().global_of(world(), everything);

  // Under the block spread of a single type both numberings agree.
  for (std::size_t i = 0; i < everything.size(); ++i) EXPECT_EQ(globals[i].value(), everything[i].value());
}

TEST(HaloExchange, EachGhostReceivesWhatItsOwnerHolds) {
  for (const tests::Spread spread : tests::kSpreads) {
    const DistributedGraph graph = tests::distribute(world(), tests::random_typed(30, 9), spread);
    std::vector<std::uint64_t> rows(std::uint64_t{graph.num_local()} * 2, 0);
    for (std::uint32_t v = 0; v < graph.num_owned(); ++v) {
      rows[2 * v] = graph.index_map().stable_of(LocalVertexId{v}).value();
      rows[2 * v + 1] = graph.index_map().global_of(LocalVertexId{v}).value();
    }

    graph.halo().update<std::uint64_t>(rows, 2);

    for (std::uint32_t v = 0; v < graph.num_local(); ++v) {
      EXPECT_EQ(rows[2 * v], graph.index_map().stable_of(LocalVertexId{v}).value());
      EXPECT_EQ(rows[2 * v + 1], graph.index_map().global_of(LocalVertexId{v}).value());
    }
  }
}

TEST(HaloExchange, AccumulatingOnesCountsTheGhostCopies) {
  const DistributedGraph graph = tests::distribute(world(), tests::random_graph(40, 200, 4), tests::Spread::kScattered);
  const std::vector<std::uint64_t> ones(graph.num_local(), 1);
  std::vector<std::uint64_t> copies(graph.num_owned());

  graph.halo().accumulate<std::uint64_t>(
      ones, 1, [&](LocalVertexId owned, std::span<const std::uint64_t> row) { copies[owned.index()] += row[0]; });

  std::uint64_t total = 0;
  for (const std::uint64_t count : copies) total += count;
  const std::uint64_t ghosts = graph.num_local() - graph.num_owned();
  EXPECT_EQ(world().all_reduce(total, comm::ReduceOp::kSum), world().all_reduce(ghosts, comm::ReduceOp::kSum));
  for (std::uint32_t v = 0; v < graph.num_owned(); ++v) {
    const auto rows = graph.halo().send_rows();
    EXPECT_EQ(copies[v], static_cast<std::uint64_t>(std::count(rows.begin(), rows.end(), LocalVertexId{v})));
  }
}

TEST(Build, RefusesAnAssignmentWithAnotherNumberOfParts) {
  const GraphBlocks blocks = tests::cut(tests::random_graph(20, 40, 1), world().rank(), world().size());
  Assignment assignment = tests::assign(world(), blocks.schema, tests::Spread::kBlock);
  assignment.num_parts += 1;

  EXPECT_THROW((void)DistributedGraph::build(world(), blocks, assignment), InputError);
}

TEST(Build, OneBadPartOnOneRankIsAnErrorOnAll) {
  const GraphBlocks blocks = tests::cut(tests::random_graph(20, 40, 1), world().rank(), world().size());
  Assignment assignment = tests::assign(world(), blocks.schema, tests::Spread::kBlock);
  if (world().rank().value() == world().size() - 1) assignment.parts[0].back() = world().size();

  try {
    (void)DistributedGraph::build(world(), blocks, assignment);
    FAIL() << "expected an InputError";
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("puts row 19 of type 'vertex' into part"));
  }
}

TEST(Build, RefusesATargetOutOfRange) {
  GraphBlocks blocks = tests::cut(tests::random_graph(20, 40, 1), world().rank(), world().size());
  if (!blocks.edges[0].by_source.targets.empty()) blocks.edges[0].by_source.targets.front() = 20;
  const Assignment assignment = tests::assign(world(), blocks.schema, tests::Spread::kBlock);

  EXPECT_THROW((void)DistributedGraph::build(world(), blocks, assignment), InputError);
}

TEST(Validate, ReportsEdgesThatAreNotThoseOfTheBlocks) {
  const GraphBlocks whole = tests::random_graph(20, 60, 1);
  const DistributedGraph graph = tests::distribute(world(), whole, tests::Spread::kScattered);
  GraphBlocks other = tests::cut(whole, world().rank(), world().size());
  std::vector<std::uint32_t>& targets = other.edges[0].by_source.targets;
  for (std::uint32_t& target : targets) target = (target + 1) % 20;

  const std::vector<std::string> problems = validate(world(), graph, &other);

  EXPECT_THAT(problems, testing::ElementsAre(testing::HasSubstr("by source: not the edges of the blocks")));
}

TEST(Validate, ReportsDirectionsThatDisagree) {
  GraphBlocks whole = tests::random_graph(20, 60, 1);
  std::vector<std::uint32_t>& targets = whole.edges[0].by_destination.targets;
  targets.front() = (targets.front() + 1) % 20;
  const DistributedGraph graph = tests::distribute(world(), whole, tests::Spread::kScattered);

  EXPECT_THAT(validate(world(), graph), testing::ElementsAre(testing::HasSubstr("do not hold the same edges")));
}

}  // namespace
}  // namespace rove::graph
