// SPDX-License-Identifier: Apache-2.0
#include "engine/graph/schema.hpp"

#include <gtest/gtest.h>

#include "engine/graph/block_distribution.hpp"
#include "engine/graph/partition.hpp"

namespace rove::graph {
namespace {

Schema three_types() {
  Schema schema;
  const VertexTypeId user = schema.add_vertex_type("user", 3);
  schema.add_vertex_type("nobody", 0);
  const VertexTypeId item = schema.add_vertex_type("item", 2);
  EdgeType rates;
  rates.source = user;
  rates.relation = "rates";
  rates.destination = item;
  rates.count = 5;
  schema.add_edge_type(rates);
  return schema;
}

TEST(Schema, NumbersVerticesTypeByType) {
  const Schema schema = three_types();

  EXPECT_EQ(schema.num_vertices(), 5U);
  EXPECT_EQ(schema.stable_range(VertexTypeId{0}), (IndexRange{0, 3}));
  EXPECT_EQ(schema.stable_range(VertexTypeId{1}), (IndexRange{3, 3}));
  EXPECT_EQ(schema.stable_range(VertexTypeId{2}), (IndexRange{3, 5}));
  EXPECT_EQ(schema.stable_id(VertexTypeId{2}, 1), StableVertexId{4});
}

TEST(Schema, FindsTheTypeOfAVertexAcrossAnEmptyType) {
  const Schema schema = three_types();

  EXPECT_EQ(schema.type_of(StableVertexId{2}), VertexTypeId{0});
  EXPECT_EQ(schema.type_of(StableVertexId{3}), VertexTypeId{2});
  EXPECT_EQ(schema.row_of(StableVertexId{4}), 1U);
}

TEST(Schema, FindsTypesByName) {
  const Schema schema = three_types();

  EXPECT_EQ(schema.find_vertex_type("item"), VertexTypeId{2});
  EXPECT_EQ(schema.find_vertex_type("shop"), std::nullopt);
  EXPECT_EQ(schema.find_edge_type("user", "rates", "item"), EdgeTypeId{0});
  EXPECT_EQ(schema.find_edge_type("item", "rates", "user"), std::nullopt);
  EXPECT_EQ(schema.name_of(EdgeTypeId{0}), "user,rates,item");
  EXPECT_EQ(schema.num_edges(), 5U);
}

TEST(Schema, FindsTheEdgeTypesOfARelation) {
  Schema schema = three_types();
  EdgeType more;
  more.relation = "holds";
  schema.add_edge_type(more);
  more.relation = "rates";
  schema.add_edge_type(more);

  EXPECT_EQ(schema.edge_types_of("rates"), (std::vector{EdgeTypeId{0}, EdgeTypeId{2}}));
  EXPECT_EQ(schema.edge_types_of("holds"), std::vector{EdgeTypeId{1}});
  EXPECT_TRUE(schema.edge_types_of("rate").empty());
  EXPECT_EQ(schema.relations(), (std::vector<std::string>{"rates", "holds"}));
}

TEST(BlockDistribution, EveryIndexLiesInTheBlockOfItsHome) {
  for (const std::uint64_t n : {0U, 1U, 2U, 10U, 63U}) {
    for (const std::int32_t parts : {1, 2, 4, 7, 70}) {
      const BlockDistribution blocks(n, parts);
      std::uint64_t covered = 0;
      for (std::int32_t p = 0; p < parts; ++p) {
        const IndexRange block = blocks.block(Rank{p});
        EXPECT_EQ(block.begin, covered);
        covered = block.end;
        for (std::uint64_t i = block.begin; i < block.end; ++i) EXPECT_EQ(blocks.home_of(i), Rank{p});
      }
      EXPECT_EQ(covered, n);
    }
  }
}

TEST(Partition, OwnerSkipsRanksThatOwnNothing) {
  const Partition partition({0, 0, 2, 2, 5, 5});

  EXPECT_EQ(partition.num_ranks(), 5);
  EXPECT_EQ(partition.owner_of(GlobalVertexId{0}), Rank{1});
  EXPECT_EQ(partition.owner_of(GlobalVertexId{1}), Rank{1});
  EXPECT_EQ(partition.owner_of(GlobalVertexId{2}), Rank{3});
  EXPECT_EQ(partition.owner_of(GlobalVertexId{4}), Rank{3});
}

}  // namespace
}  // namespace rove::graph
