// SPDX-License-Identifier: Apache-2.0
#include "engine/graph/replicate.hpp"

#include <algorithm>
#include <numeric>

#include <gtest/gtest.h>

#include "tests/support/graphs.hpp"
#include "tests/support/mpi.hpp"

namespace rove::graph {
namespace {

using tests::world;

void expect_side(const CsrGraph& csr, const AdjacencyBlock& expected, std::uint64_t first_target,
                 const std::string& what) {
  EXPECT_EQ(csr.offsets, expected.offsets) << what;
  ASSERT_EQ(csr.targets.size(), expected.targets.size()) << what;
  for (std::size_t slot = 0; slot < csr.targets.size(); ++slot) {
    EXPECT_EQ(csr.targets[slot].value(), first_target + expected.targets[slot]) << what << " slot " << slot;
  }
  EXPECT_TRUE(csr.weights.empty() && csr.times.empty() && csr.relations.empty()) << what;
}

TEST(Replicate, EveryRankHoldsTheWholeGraph) {
  std::vector<tests::NamedGraph> graphs = tests::awkward_graphs();
  graphs.push_back({"typed", tests::random_typed(50, 3)});
  const comm::Communicator alone = world().split(world().rank().value());
  for (const tests::NamedGraph& named : graphs) {
    const DistributedGraph graph = tests::distribute(world(), named.whole, tests::Spread::kScattered);
    for (std::uint16_t e = 0; e < named.whole.schema.edge_types().size(); ++e) {
      const EdgeType& type = named.whole.schema.edge_type(EdgeTypeId{e});
      const DistributedGraph whole = build_alone(alone, gather_whole(world(), graph, EdgeTypeId{e}));
      EXPECT_EQ(whole.halo().comm().size(), 1);
      EXPECT_EQ(whole.num_owned(), named.whole.schema.num_vertices());
      EXPECT_EQ(whole.num_local(), whole.num_owned());
      for (std::uint32_t v = 0; v < whole.num_owned(); ++v) {
        EXPECT_EQ(whole.index_map().stable_of(LocalVertexId{v}).value(), v);
        const VertexTypeId vertices = whole.type_of(LocalVertexId{v});
        const std::uint64_t row = v - whole.schema().stable_range(vertices).begin;
        EXPECT_EQ(whole.owned_keys()[v], named.whole.keys[vertices.index()][row]) << named.name;
      }
      expect_side(whole.by_source(EdgeTypeId{0}), named.whole.edges[e].by_source,
                  whole.schema().stable_range(type.destination).begin, named.name + " by source");
      expect_side(whole.by_destination(EdgeTypeId{0}), named.whole.edges[e].by_destination,
                  whole.schema().stable_range(type.source).begin, named.name + " by destination");
    }
  }
}

/// The side with old numbers again: row order[i] of the result is row i of `side`.
void expect_reordered(const AdjacencyBlock& side, const AdjacencyBlock& original,
                      const std::vector<std::uint32_t>& rows, const std::vector<std::uint32_t>& targets) {
  ASSERT_EQ(side.offsets.size(), rows.size() + 1);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::vector<std::uint32_t> found;
    for (std::uint64_t slot = side.offsets[i]; slot < side.offsets[i + 1]; ++slot) {
      found.push_back(targets[side.targets[slot]]);
    }
    const std::vector<std::uint32_t> expected(
        original.targets.begin() + static_cast<std::ptrdiff_t>(original.offsets[rows[i]]),
        original.targets.begin() + static_cast<std::ptrdiff_t>(original.offsets[rows[i] + 1U]));
    EXPECT_EQ(found, expected) << "row " << rows[i];
  }
}

TEST(Reordered, RowsKeepTheirKeysAndTheOrderOfTheirSlots) {
  for (const tests::NamedGraph& named : tests::awkward_graphs()) {
    RowOrder order;
    for (const VertexType& type : named.whole.schema.vertex_types()) {
      std::vector<std::uint32_t>& rows = order.emplace_back(type.count);
      std::iota(rows.begin(), rows.end(), 0U);
      std::ranges::sort(rows, {}, [](std::uint32_t row) { return row * 0x9E3779B1U; });
    }
    const GraphBlocks result = reordered(named.whole, order);
    for (std::size_t t = 0; t < order.size(); ++t) {
      ASSERT_EQ(result.keys[t].size(), order[t].size()) << named.name;
      for (std::size_t i = 0; i < order[t].size(); ++i) {
        EXPECT_EQ(result.keys[t][i], named.whole.keys[t][order[t][i]]) << named.name;
      }
    }
    for (std::size_t e = 0; e < named.whole.edges.size(); ++e) {
      SCOPED_TRACE(named.name);
      const EdgeType& type = named.whole.schema.edge_types()[e];
      const std::vector<std::uint32_t>& sources = order[type.source.index()];
      const std::vector<std::uint32_t>& destinations = order[type.destination.index()];
      expect_reordered(result.edges[e].by_source, named.whole.edges[e].by_source, sources, destinations);
      expect_reordered(result.edges[e].by_destination, named.whole.edges[e].by_destination, destinations, sources);
    }
  }
}

}  // namespace
}  // namespace rove::graph
