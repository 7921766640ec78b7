// SPDX-License-Identifier: Apache-2.0
#include "algorithms/sampling/pinsage_sampler.hpp"

#include <algorithm>
#include <map>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "algorithms/walks/pinsage.hpp"
#include "engine/base/error.hpp"
#include "engine/graph/block_distribution.hpp"
#include "tests/algorithms/sampling/serial_sampler.hpp"
#include "tests/support/graphs.hpp"
#include "tests/support/mpi.hpp"

namespace rove::algorithms {

namespace {

using namespace tests;

/// The lists of all rows, and of my home block.
struct Lists {
  graph::NeighborLists whole;
  graph::NeighborLists mine;
};

/// Lists that need not come from a graph: of different lengths, some empty, with the row itself among them.
Lists some_lists(std::uint64_t rows) {
  const IndexRange home = graph::BlockDistribution(rows, world().size()).block(world().rank());
  Lists lists;
  for (std::uint64_t row = 0; row < rows; ++row) {
    const std::uint64_t length = row % 5;
    for (std::uint64_t n = 0; n < length; ++n) {
      const std::uint64_t target = (row * row + 7 * n) % rows;
      const auto score =
          static_cast<float>(2.0 * static_cast<double>(length - n) / static_cast<double>(length * (length + 1)));
      for (graph::NeighborLists* to : {&lists.whole, &lists.mine}) {
        if (to == &lists.mine && !home.contains(row)) continue;
        to->targets.push_back(target);
        to->scores.push_back(score);
      }
    }
    lists.whole.offsets.push_back(lists.whole.targets.size());
    if (home.contains(row)) lists.mine.offsets.push_back(lists.mine.targets.size());
  }
  return lists;
}

/// Layer by layer with a map, as the definition reads.
SampledSubgraph serial_layers(std::size_t num_types, std::size_t type, const graph::NeighborLists& lists,
                              std::span<const std::uint32_t> seeds, std::uint64_t layers) {
  SampledSubgraph result;
  result.vertices.resize(num_types);
  result.edges.resize(1);
  for (SampledVertices& vertices : result.vertices) vertices.hop_offsets = {0};
  SampledVertices& met = result.vertices[type];
  SampledEdges& edges = result.edges.front();
  edges.hop_offsets = {0};
  std::map<std::uint32_t, std::uint32_t> numbers;
  const auto number_of = [&](std::uint32_t row) {
    const auto [at, is_new] = numbers.emplace(row, static_cast<std::uint32_t>(numbers.size()));
    if (is_new) met.rows.push_back(row);
    return at->second;
  };
  const auto end_hop = [&] {
    for (SampledVertices& vertices : result.vertices) vertices.hop_offsets.push_back(vertices.rows.size());
  };
  for (const std::uint32_t seed : seeds) number_of(seed);
  end_hop();
  for (std::uint64_t layer = 0; layer < layers; ++layer) {
    const std::uint64_t end = met.hop_offsets[layer + 1];
    for (std::uint64_t v = met.hop_offsets[layer]; v < end; ++v) {
      const std::uint32_t row = met.rows[v];
      for (std::uint64_t n = lists.offsets[row]; n < lists.offsets[row + 1]; ++n) {
        edges.neighbors.push_back(number_of(static_cast<std::uint32_t>(lists.targets[n])));
        edges.anchors.push_back(static_cast<std::uint32_t>(v));
        edges.weights.push_back(lists.scores[n]);
      }
    }
    edges.hop_offsets.push_back(edges.neighbors.size());
    end_hop();
  }
  return result;
}

TEST(PinsageSampler, EqualsItsDefinitionWhereverListsLie) {
  const graph::GraphBlocks whole = random_typed(40, 33);
  for (const std::uint16_t t : {std::uint16_t{0}, std::uint16_t{1}}) {
    const VertexTypeId type{t};
    const std::uint64_t rows = whole.schema.vertex_type(type).count;
    const Lists lists = some_lists(rows);
    for (const std::uint64_t layers : {1U, 2U, 4U}) {
      const PinsageSampler sampler(whole.schema, type, lists.mine, layers);
      // Ranks have different numbers of batches, the first none when there is another.
      std::vector<std::vector<std::uint32_t>> seeds;
      std::vector<std::vector<SeedRows>> batches;
      const auto mine = world().size() == 1 ? 3U : static_cast<std::uint32_t>(world().rank().value());
      for (std::uint32_t b = 0; b < mine; ++b) {
        seeds.push_back(rows_from(b, std::min<std::uint32_t>(6, static_cast<std::uint32_t>(rows) - b)));
      }
      for (const std::vector<std::uint32_t>& of_batch : seeds) batches.push_back({{type, of_batch}});
      std::vector<SampledSubgraph> got;
      SamplingTraffic traffic;
      sampler.sample(world(), batches, got, traffic);
      ASSERT_EQ(got.size(), mine);
      for (std::uint32_t b = 0; b < mine; ++b) {
        expect_equal(got[b],
                     serial_layers(whole.schema.vertex_types().size(), type.index(), lists.whole, seeds[b], layers),
                     "type " + std::to_string(t) + ", layers " + std::to_string(layers));
      }
      EXPECT_EQ(traffic.exchanges, 3 * layers);
      EXPECT_TRUE(world().size() > 1 || traffic.requests + traffic.answers == 0);
    }
  }
}

TEST(PinsageSampler, RefusesSeedsWithoutLists) {
  const graph::GraphBlocks whole = random_typed(40, 33);
  const PinsageSampler sampler(whole.schema, VertexTypeId{1},
                               some_lists(whole.schema.vertex_type(VertexTypeId{1}).count).mine, 1);
  std::vector<SampledSubgraph> got;
  SamplingTraffic traffic;
  const std::vector<std::uint32_t> one{0};
  const std::vector<std::uint32_t> twice{0, 0};
  for (const SeedRows& seeds : {SeedRows{VertexTypeId{0}, one}, SeedRows{VertexTypeId{1}, twice}}) {
    const std::vector<std::vector<SeedRows>> batches{{seeds}};
    EXPECT_THROW(sampler.sample(world(), batches, got, traffic), InternalError);
  }
}

}  // namespace

}  // namespace rove::algorithms
