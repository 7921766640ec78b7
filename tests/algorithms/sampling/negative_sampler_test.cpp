// SPDX-License-Identifier: Apache-2.0
#include "algorithms/sampling/negative_sampler.hpp"

#include <cmath>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/error.hpp"
#include "tests/algorithms/sampling/serial_sampler.hpp"
#include "tests/support/graphs.hpp"

namespace rove::algorithms {

namespace {

using namespace tests;

const std::vector<SampledLink>& forward() {
  static const std::vector<SampledLink> links{{EdgeTypeId{0}, exec::Direction::kOut}};
  return links;
}

/// What may be drawn for a row, and with which probability.
std::vector<double> definition(const graph::GraphBlocks& whole, std::uint32_t source,
                               NegativeDistribution distribution) {
  const graph::EdgeType& type = whole.schema.edge_type(EdgeTypeId{0});
  std::vector<double> p(whole.schema.vertex_type(type.destination).count, 1);
  if (distribution == NegativeDistribution::kPopularity) {
    const std::vector<std::uint64_t>& offsets = whole.edges[0].by_destination.offsets;
    for (std::size_t row = 0; row < p.size(); ++row) {
      p[row] = std::pow(static_cast<double>(offsets[row + 1] - offsets[row]), 0.75);
    }
  }
  for (const Slot& slot : slots_of(whole, forward()[0], source)) p[slot.neighbor] = 0;
  if (type.source == type.destination) p[source] = 0;
  double total = 0;
  for (const double value : p) total += value;
  for (double& value : p) value = total > 0 ? value / total : 0;
  return p;
}

void expect_follows_definition(const graph::GraphBlocks& whole, std::uint32_t source, const std::string& what) {
  const SamplingGraph graph = replicate(whole, forward());
  for (const NegativeDistribution distribution : {NegativeDistribution::kUniform, NegativeDistribution::kPopularity}) {
    const NegativeSampler sampler(graph, 0, {4, distribution, 11});
    const std::vector<double> p = definition(whole, source, distribution);
    std::vector<double> seen(p.size());
    constexpr std::uint64_t kDraws = 5'000;
    std::vector<std::uint32_t> out(sampler.per_positive());
    for (std::uint64_t epoch = 0; epoch < kDraws; ++epoch) {
      sampler.sample(source, 17, epoch, out);
      for (const std::uint32_t row : out) ++seen[row];
    }
    double chi_square = 0;
    double outcomes = 0;
    for (std::size_t row = 0; row < p.size(); ++row) {
      const double expected = 4 * kDraws * p[row];
      if (expected == 0) {
        EXPECT_EQ(seen[row], 0) << what << ", row " << row;
        continue;
      }
      chi_square += (seen[row] - expected) * (seen[row] - expected) / expected;
      ++outcomes;
    }
    EXPECT_LT(chi_square, chi_square_limit(outcomes - 1)) << what;
  }
}

TEST(NegativeSampler, DrawsFromTheComplementAlone) {
  expect_follows_definition(random_bipartite(30, 40, 400, 3), 2, "a user with a few items");
  // A user with all items but three: nearly every draw collides.
  graph::EdgeType type;
  type.source = VertexTypeId{0};
  type.relation = "rates";
  type.destination = VertexTypeId{1};
  std::vector<Edge> edges;
  for (std::uint32_t i = 0; i < 1'000; ++i) {
    if (i != 3 && i != 500 && i != 999) edges.push_back({0, i});
    if (i % 2 == 1) edges.push_back({1, i});
  }
  for (std::uint32_t user = 2; user < 10; ++user) edges.push_back({user, 500});
  expect_follows_definition(make_graph({{"user", 10}, {"item", 1'000}}, {{type, edges}}), 0, "a user with most items");
  // A vertex is no negative of its own.
  expect_follows_definition(random_graph(30, 120, 5), 1, "one vertex type");
}

TEST(NegativeSampler, SaysWhenThereIsNone) {
  graph::EdgeType type;
  type.source = VertexTypeId{0};
  type.relation = "rates";
  type.destination = VertexTypeId{1};
  const graph::GraphBlocks whole = make_graph({{"user", 2}, {"item", 3}}, {{type, {{0, 0}, {0, 1}, {0, 2}, {1, 1}}}});
  const SamplingGraph graph = replicate(whole, forward());
  std::vector<std::uint32_t> out(3);
  for (const NegativeDistribution distribution : {NegativeDistribution::kUniform, NegativeDistribution::kPopularity}) {
    NegativeSampler(graph, 0, {3, distribution, 1}).sample(0, 0, 0, out);
    EXPECT_EQ(out, std::vector<std::uint32_t>(3, NegativeSampler::kNone));
  }
  const std::vector<SampledLink> backward{{EdgeTypeId{0}, exec::Direction::kIn}};
  EXPECT_THROW(NegativeSampler(replicate(whole, backward), 0, {}), ConfigError);
}

TEST(NegativeSampler, FindsLinksWhateverTheSlotOrder) {
  // By time the slots of a row do not ascend.
  const graph::GraphBlocks whole = random_typed(60, 3);
  const SamplingGraph graph = replicate(whole, forward(), {false, false, true, false});
  const NegativeSampler sampler(graph, 0, {});
  const std::uint64_t num_items = whole.schema.vertex_types()[1].count;
  for (std::uint32_t user = 0; user < 60; ++user) {
    std::set<std::uint32_t> linked;
    for (const Slot& slot : slots_of(whole, forward()[0], user)) linked.insert(slot.neighbor);
    for (std::uint32_t item = 0; item < num_items; ++item) {
      EXPECT_EQ(sampler.is_linked(user, item), linked.contains(item));
    }
  }
}

}  // namespace

}  // namespace rove::algorithms
