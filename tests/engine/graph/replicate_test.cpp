// SPDX-License-Identifier: Apache-2.0
#include "engine/graph/replicate.hpp"

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
  for (const tests::NamedGraph& named : graphs) {
    const DistributedGraph graph = tests::distribute(world(), named.whole, tests::Spread::kScattered);
    for (std::uint16_t e = 0; e < named.whole.schema.edge_types().size(); ++e) {
      const EdgeType& type = named.whole.schema.edge_type(EdgeTypeId{e});
      const DistributedGraph whole = replicate(world(), graph, EdgeTypeId{e});
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

}  // namespace
}  // namespace rove::graph
