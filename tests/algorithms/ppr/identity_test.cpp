// SPDX-License-Identifier: Apache-2.0
// Neighbour sets are those of the serial twins, bit for bit, on any ranks, in both layouts, and under partitions by
// METIS and by hash; started with one thread, and with two.
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "algorithms/ppr/ppr.hpp"
#include "partition/partitioner.hpp"
#include "tests/algorithms/ppr/serial_ppr.hpp"
#include "tests/algorithms/ppr/whole_lists.hpp"
#include "tests/support/graphs.hpp"
#include "tests/support/mpi.hpp"

namespace rove::algorithms {
namespace {

using tests::whole_lists;
using tests::world;

graph::DistributedGraph cut_by(const std::string& method, const graph::GraphBlocks& whole) {
  const graph::GraphBlocks mine = tests::cut(whole, world().rank(), world().size());
  partition::PartitionOptions options;
  options.method = method;
  options.parts = world().size();
  return graph::DistributedGraph::build(world(), mine, partition::assign(world(), mine, options));
}

void expect_identity(const graph::GraphBlocks& whole, PprOptions options) {
  options.walks = 60;
  options.item_walks = 50;
  options.verd_walks = 30;
  options.item_entries = 12;
  options.top_k = 9;
  options.tolerance = 1e-3;
  const graph::GraphBlocks mine = tests::cut(whole, world().rank(), world().size());
  const graph::DistributedGraph by_metis = cut_by("metis", whole);
  const graph::DistributedGraph by_hash = cut_by("hash", whole);
  for (const auto& [method, serial] : {std::pair(PprMethod::kWalks, &tests::serial_ppr_walks),
                                       std::pair(PprMethod::kItemIndex, &tests::serial_ppr_index),
                                       std::pair(PprMethod::kVerd, &tests::serial_ppr_verd)}) {
    SCOPED_TRACE(ppr_method_name(method));
    options.method = method;
    const graph::NeighborLists expected = serial(whole, options);
    EXPECT_FALSE(expected.targets.empty());
    const PprResult replicated = personalized_pagerank(world(), mine, options);
    EXPECT_EQ(whole_lists(replicated), expected) << "replicated";
    for (const graph::DistributedGraph* graph : {&by_metis, &by_hash}) {
      const PprResult partitioned = personalized_pagerank(world(), *graph, options);
      EXPECT_EQ(whole_lists(partitioned), expected) << (graph == &by_metis ? "METIS" : "hash");
      EXPECT_EQ(partitioned.error_bounds, replicated.error_bounds);
    }
  }
  options.method = PprMethod::kPower;
  options.source_rows = std::vector<std::uint64_t>{0, 3, 11, 38};
  const comm::Communicator alone = world().split(world().rank().value());
  const graph::DistributedGraph one =
      graph::DistributedGraph::build(alone, whole, tests::assign(alone, whole.schema, tests::Spread::kBlock));
  const graph::NeighborLists expected = personalized_pagerank(alone, one, options).lists;
  for (const graph::DistributedGraph* graph : {&by_metis, &by_hash}) {
    EXPECT_EQ(whole_lists(personalized_pagerank(world(), *graph, options)), expected) << "power";
  }
}

TEST(PprIdentity, Bipartite) {
  PprOptions options;
  options.targets = VertexTypeId{1};
  expect_identity(tests::random_bipartite(60, 40, 500, 5), options);
}

TEST(PprIdentity, TypedGraphOntoTheSourcesOwnType) {
  PprOptions options;
  options.exclude_linked = false;
  expect_identity(tests::random_typed(40, 3), options);
}

}  // namespace
}  // namespace rove::algorithms
