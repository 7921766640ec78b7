// SPDX-License-Identifier: Apache-2.0
#include "algorithms/sampling/ladies_sampler.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/error.hpp"
#include "engine/base/hash.hpp"
#include "engine/base/math.hpp"
#include "engine/base/random.hpp"
#include "tests/algorithms/sampling/serial_sampler.hpp"
#include "tests/support/graphs.hpp"

namespace rove::algorithms {

namespace {

using namespace tests;

/// One layer as the paper computes it: dense rows of A, column norms over the layer, a draw without putting back, and
/// the normalised rows of what was drawn.
struct Layer {
  std::map<std::pair<std::size_t, std::uint32_t>, double> probability;             ///< of (type, row)
  std::set<std::pair<std::size_t, std::uint32_t>> next;                            ///< drawn, and the seeds
  std::vector<std::map<std::pair<std::uint32_t, std::uint64_t>, double>> weights;  ///< by link, of (anchor row, edge)
};

double value_of(const std::vector<Slot>& slots, const Slot& slot, bool weighted) {
  if (!weighted) return 1 / static_cast<double>(slots.size());
  double total = 0;
  for (const Slot& other : slots) total += static_cast<double>(other.weight);
  return total > 0 ? static_cast<double>(slot.weight) / total : 0;
}

Layer serial_layer(const graph::GraphBlocks& whole, std::span<const SampledLink> links, const LadiesOptions& options,
                   const std::set<std::pair<std::size_t, std::uint32_t>>& layer,
                   const std::set<std::pair<std::size_t, std::uint32_t>>& seeds, std::uint64_t hop,
                   std::uint64_t epoch) {
  Layer result;
  const auto for_each_edge = [&](const auto& visit) {
    for (std::size_t l = 0; l < links.size(); ++l) {
      const graph::EdgeType& type = whole.schema.edge_type(links[l].type);
      const bool in = links[l].direction == exec::Direction::kIn;
      const std::size_t anchors = (in ? type.destination : type.source).index();
      const std::size_t neighbors = (in ? type.source : type.destination).index();
      for (const auto& [t, row] : layer) {
        if (t != anchors) continue;
        const std::vector<Slot> slots = slots_of(whole, links[l], row);
        for (const Slot& slot : slots) {
          const double value = value_of(slots, slot, options.weighted && type.has_weights);
          if (value > 0) visit(l, row, neighbors, slot, value);
        }
      }
    }
  };
  for_each_edge([&](std::size_t, std::uint32_t, std::size_t neighbors, const Slot& slot, double value) {
    result.probability[{neighbors, slot.neighbor}] += value * value;
  });
  for (std::size_t t = 0; t < whole.keys.size(); ++t) {
    double total = 0;
    for (const auto& [vertex, p] : result.probability) total += vertex.first == t ? p : 0;
    std::vector<std::pair<double, std::uint32_t>> keys;
    const RandomStream stream(options.seed, Purpose::kNeighbor,
                              mix64(mix64(mix64(epoch, hop), 0x4C61646965730000U), t));
    for (auto& [vertex, p] : result.probability) {
      if (vertex.first != t) continue;
      p /= total;
      const std::uint64_t bits = stream.draw(whole.keys[t][vertex.second].value(), 0, 0);
      keys.emplace_back(-math::log(to_unit(bits) + 0x1p-54) / p, vertex.second);
    }
    std::sort(keys.begin(), keys.end());
    keys.resize(std::min<std::size_t>(keys.size(), options.layer_sizes[hop]));
    for (const auto& [key, row] : keys) result.next.emplace(t, row);
  }
  result.next.insert(seeds.begin(), seeds.end());
  result.weights.resize(links.size());
  std::vector<std::map<std::uint32_t, double>> totals(links.size());
  for_each_edge([&](std::size_t l, std::uint32_t row, std::size_t neighbors, const Slot& slot, double value) {
    const std::pair vertex(neighbors, slot.neighbor);
    if (!result.next.contains(vertex)) return;
    totals[l][row] += value / result.probability[vertex];
    result.weights[l][{row, slot.position}] = value / result.probability[vertex];
  });
  for (std::size_t l = 0; l < links.size(); ++l) {
    for (auto& [edge, weight] : result.weights[l]) weight /= totals[l][edge.first];
  }
  return result;
}

TEST(LadiesSampler, EqualsItsDefinition) {
  LadiesSampler::Workspace workspace;
  SampledSubgraph got;
  for (const NamedGraph& named : awkward_graphs()) {
    const std::vector<SampledLink> links = all_links(named.whole.schema);
    for (const bool weighted : {false, true}) {
      const LadiesOptions options{{6, 4}, 7, weighted};
      const SamplingGraph graph = replicate(named.whole, links, options.attributes());
      const LadiesSampler sampler(graph, options);
      for (std::uint16_t t = 0; t < named.whole.schema.vertex_types().size(); ++t) {
        const std::uint64_t count = named.whole.schema.vertex_type(VertexTypeId{t}).count;
        const std::vector<std::uint32_t> rows =
            rows_from(0, static_cast<std::uint32_t>(std::min<std::uint64_t>(count, 9)));
        const SeedRows set{VertexTypeId{t}, rows};
        sampler.sample({&set, 1}, 2, workspace, got);
        std::set<std::pair<std::size_t, std::uint32_t>> seeds;
        for (const std::uint32_t row : rows) seeds.emplace(t, row);
        std::set<std::pair<std::size_t, std::uint32_t>> layer = seeds;
        for (std::size_t hop = 0; hop < 2; ++hop) {
          const Layer expected = serial_layer(named.whole, links, options, layer, seeds, hop, 2);
          for (std::size_t l = 0; l < links.size(); ++l) {
            const graph::EdgeType& type = named.whole.schema.edge_type(links[l].type);
            const bool in = links[l].direction == exec::Direction::kIn;
            const SampledEdges& edges = got.edges[l];
            ASSERT_EQ(edges.hop_offsets.size(), 3U);
            EXPECT_EQ(edges.hop_offsets[hop + 1] - edges.hop_offsets[hop], expected.weights[l].size()) << named.name;
            for (std::uint64_t e = edges.hop_offsets[hop]; e < edges.hop_offsets[hop + 1]; ++e) {
              const std::uint32_t anchor =
                  got.vertices[(in ? type.destination : type.source).index()].rows[edges.anchors[e]];
              const auto found = expected.weights[l].find({anchor, edges.positions[e]});
              ASSERT_NE(found, expected.weights[l].end()) << named.name << ", layer " << hop;
              EXPECT_NEAR(static_cast<double>(edges.weights[e]), found->second, 1e-6 * found->second);
            }
          }
          layer = expected.next;
        }
      }
    }
  }
}

TEST(LadiesSampler, DrawsByColumnNorm) {
  // Layers of one vertex: each candidate comes with its probability. Two seeds with 3 and 2 items, one shared.
  graph::EdgeType type;
  type.source = VertexTypeId{0};
  type.relation = "rates";
  type.destination = VertexTypeId{1};
  const graph::GraphBlocks whole =
      make_graph({{"user", 2}, {"item", 4}}, {{type, {{0, 0}, {0, 1}, {0, 2}, {1, 2}, {1, 3}}}});
  const std::vector<SampledLink> links{{EdgeTypeId{0}, exec::Direction::kOut}};
  const LadiesOptions options{{1}, 3, false};
  const SamplingGraph graph = replicate(whole, links, options.attributes());
  const LadiesSampler sampler(graph, options);
  const std::vector<std::uint32_t> rows{0, 1};
  const SeedRows seeds{VertexTypeId{0}, rows};
  LadiesSampler::Workspace workspace;
  SampledSubgraph got;
  constexpr std::uint64_t kEpochs = 10'000;
  std::vector<double> seen(4);
  for (std::uint64_t epoch = 0; epoch < kEpochs; ++epoch) {
    sampler.sample({&seeds, 1}, epoch, workspace, got);
    ASSERT_EQ(got.vertices[1].rows.size(), 1U);
    ++seen[got.vertices[1].rows[0]];
  }
  // Squared rows: 1/9 for user 0's items, 1/4 for user 1's.
  const std::vector<double> norms{1.0 / 9, 1.0 / 9, 1.0 / 9 + 1.0 / 4, 1.0 / 4};
  double total = 0;
  for (const double norm : norms) total += norm;
  double chi_square = 0;
  for (std::size_t i = 0; i < norms.size(); ++i) {
    const double expected = kEpochs * norms[i] / total;
    chi_square += (seen[i] - expected) * (seen[i] - expected) / expected;
  }
  EXPECT_LT(chi_square, chi_square_limit(3));
}

TEST(LadiesSampler, RefusesWhatItCannotDraw) {
  const graph::GraphBlocks whole = random_bipartite(10, 5, 40, 1);
  const std::vector<SampledLink> links{{EdgeTypeId{0}, exec::Direction::kOut}};
  const SamplingGraph bare = replicate(whole, links);
  EXPECT_THROW(LadiesSampler(bare, {{4}, 1, false}), InternalError);
  const LadiesOptions empty_layer{{0}, 1, false};
  EXPECT_THROW(LadiesSampler(replicate(whole, links, empty_layer.attributes()), empty_layer), ConfigError);
}

}  // namespace

}  // namespace rove::algorithms
