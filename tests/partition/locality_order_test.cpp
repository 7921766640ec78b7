// SPDX-License-Identifier: Apache-2.0
#include "partition/locality_order.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/graphs.hpp"
#include "tests/support/mpi.hpp"

namespace rove::partition {
namespace {

using tests::world;

constexpr std::uint32_t kGroups = 6;

/// Users and items in groups that lie scattered: row r belongs to group r mod `kGroups`. Nine edges of ten stay within.
graph::GraphBlocks scattered_groups(std::uint32_t users, std::uint32_t items) {
  tests::EdgeList list;
  list.type.source = VertexTypeId{0};
  list.type.relation = "rates";
  list.type.destination = VertexTypeId{1};
  for (std::uint32_t user = 0; user < users; ++user) {
    for (std::uint32_t k = 0; k < 10; ++k) {
      const std::uint64_t mixed = (std::uint64_t{user} * 10 + k + 1) * 0x9E3779B97F4A7C15ULL;
      const auto any = static_cast<std::uint32_t>((mixed ^ mixed >> 29U) >> 20U) % items;
      const std::uint32_t own = any / kGroups * kGroups + user % kGroups;
      list.edges.push_back({user, k == 0 || own >= items ? any : own});
    }
  }
  return tests::make_graph({{"user", users}, {"item", items}}, {list});
}

std::vector<std::uint32_t> all_rows(std::uint64_t count) {
  std::vector<std::uint32_t> rows(count);
  std::iota(rows.begin(), rows.end(), 0U);
  return rows;
}

TEST(LocalityOrder, BringsGroupsTogether) {
  const comm::Communicator alone = world().split(world().rank().value());
  const graph::GraphBlocks whole = scattered_groups(1200, 600);
  const graph::RowOrder order = locality_order(alone, whole, kGroups);
  ASSERT_EQ(order.size(), 2U);
  for (const std::vector<std::uint32_t>& rows : order) {
    std::vector<std::uint32_t> sorted = rows;
    std::ranges::sort(sorted);
    EXPECT_EQ(sorted, all_rows(rows.size()));
    std::uint64_t same_group = 0;
    for (std::size_t i = 1; i < rows.size(); ++i) same_group += rows[i] % kGroups == rows[i - 1] % kGroups ? 1U : 0U;
    // As they lie, no row follows one of its group; in any order at random, one of six does.
    EXPECT_GT(same_group, rows.size() * 8 / 10);
  }
}

TEST(LocalityOrder, LeavesWhatCannotBeClusteredAsItIs) {
  const comm::Communicator alone = world().split(world().rank().value());
  std::vector<tests::NamedGraph> graphs = tests::awkward_graphs();
  graphs.push_back({"groups", scattered_groups(60, 30)});
  for (const tests::NamedGraph& named : graphs) {
    const std::uint64_t vertices = named.whole.schema.num_vertices();
    for (const std::uint64_t clusters : {std::uint64_t{0}, std::uint64_t{1}, vertices / 2 + 1, vertices * 10 + 2}) {
      const graph::RowOrder order = locality_order(alone, named.whole, clusters);
      ASSERT_EQ(order.size(), named.whole.schema.vertex_types().size()) << named.name;
      for (std::size_t t = 0; t < order.size(); ++t) {
        EXPECT_EQ(order[t], all_rows(named.whole.schema.vertex_types()[t].count)) << named.name << " " << clusters;
      }
    }
  }
}

TEST(LocalityOrder, HoldsEveryRowOnceOnAnyGraph) {
  const comm::Communicator alone = world().split(world().rank().value());
  for (const tests::NamedGraph& named : tests::awkward_graphs()) {
    const std::uint64_t vertices = named.whole.schema.num_vertices();
    for (const std::uint64_t clusters : {std::uint64_t{2}, vertices / 2}) {
      const graph::RowOrder order = locality_order(alone, named.whole, clusters);
      for (std::size_t t = 0; t < order.size(); ++t) {
        std::vector<std::uint32_t> sorted = order[t];
        std::ranges::sort(sorted);
        EXPECT_EQ(sorted, all_rows(named.whole.schema.vertex_types()[t].count)) << named.name << " " << clusters;
      }
    }
  }
}

}  // namespace
}  // namespace rove::partition
