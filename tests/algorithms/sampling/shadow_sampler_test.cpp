// SPDX-License-Identifier: Apache-2.0
#include "algorithms/sampling/shadow_sampler.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "algorithms/sampling/link_batches.hpp"
#include "algorithms/sampling/negative_sampler.hpp"
#include "engine/base/error.hpp"
#include "tests/algorithms/sampling/serial_sampler.hpp"
#include "tests/support/graphs.hpp"

namespace rove::algorithms {

namespace {

using namespace tests;
using Vertex = std::pair<std::size_t, std::uint32_t>;  ///< type, row

/// A vertex's neighbours over all links, with their weights.
std::vector<std::pair<Vertex, double>> neighbors_of(const graph::GraphBlocks& whole, std::span<const SampledLink> links,
                                                    const Vertex& vertex) {
  std::vector<std::pair<Vertex, double>> result;
  for (const SampledLink& link : links) {
    const graph::EdgeType& type = whole.schema.edge_type(link.type);
    const bool in = link.direction == exec::Direction::kIn;
    if ((in ? type.destination : type.source).index() != vertex.first) continue;
    for (const Slot& slot : slots_of(whole, link, vertex.second)) {
      result.push_back({{(in ? type.source : type.destination).index(), slot.neighbor}, slot.weight});
    }
  }
  return result;
}

/// The scope of each seed as sets, and whether the edges are exactly the induced ones.
std::vector<std::set<Vertex>> scopes_of(const graph::GraphBlocks& whole, std::span<const SampledLink> links,
                                        const SampledSubgraph& got, std::size_t num_seeds) {
  std::vector<std::set<Vertex>> scopes(num_seeds);
  for (std::size_t t = 0; t < got.vertices.size(); ++t) {
    EXPECT_TRUE(std::is_sorted(got.vertices[t].seeds.begin(), got.vertices[t].seeds.end()));
    for (std::size_t v = 0; v < got.vertices[t].rows.size(); ++v) {
      EXPECT_TRUE(scopes[got.vertices[t].seeds[v]].emplace(t, got.vertices[t].rows[v]).second);
    }
  }
  for (std::size_t l = 0; l < links.size(); ++l) {
    const graph::EdgeType& type = whole.schema.edge_type(links[l].type);
    const bool in = links[l].direction == exec::Direction::kIn;
    const std::size_t anchors = (in ? type.destination : type.source).index();
    const std::size_t neighbors = (in ? type.source : type.destination).index();
    using InducedEdge = std::pair<std::size_t, std::pair<std::uint32_t, std::uint64_t>>;  // seed, anchor row, position
    std::vector<InducedEdge> expected;
    for (std::size_t s = 0; s < num_seeds; ++s) {
      for (const Vertex& vertex : scopes[s]) {
        if (vertex.first != anchors) continue;
        for (const Slot& slot : slots_of(whole, links[l], vertex.second)) {
          if (scopes[s].contains({neighbors, slot.neighbor})) expected.push_back({s, {vertex.second, slot.position}});
        }
      }
    }
    std::vector<InducedEdge> found;
    for (std::size_t e = 0; e < got.edges[l].positions.size(); ++e) {
      const std::uint32_t anchor = got.edges[l].anchors[e];
      EXPECT_EQ(got.vertices[anchors].seeds[anchor], got.vertices[neighbors].seeds[got.edges[l].neighbors[e]]);
      found.push_back(
          {got.vertices[anchors].seeds[anchor], {got.vertices[anchors].rows[anchor], got.edges[l].positions[e]}});
    }
    std::sort(expected.begin(), expected.end());
    std::sort(found.begin(), found.end());
    EXPECT_EQ(found, expected) << "link " << l;
  }
  return scopes;
}

TEST(ShadowSampler, InducesTheBallOfAllHops) {
  ShadowSampler::Workspace workspace;
  SampledSubgraph got;
  for (const NamedGraph& named : awkward_graphs()) {
    const std::vector<SampledLink> links = all_links(named.whole.schema);
    const SamplingGraph graph = replicate(named.whole, links);
    ShadowOptions options;
    options.fanout.fanouts.assign(2, std::vector<std::int64_t>(links.size(), FanoutOptions::kAll));
    const ShadowSampler sampler(graph, options);
    for (std::uint16_t t = 0; t < named.whole.schema.vertex_types().size(); ++t) {
      const std::uint64_t count = named.whole.schema.vertex_type(VertexTypeId{t}).count;
      std::vector<std::uint32_t> rows = rows_from(0, static_cast<std::uint32_t>(std::min<std::uint64_t>(count, 5)));
      if (!rows.empty()) rows.push_back(0);  // a seed may come twice
      const SeedRows seeds{VertexTypeId{t}, rows};
      sampler.sample({&seeds, 1}, 1, workspace, got);
      const std::vector<std::set<Vertex>> scopes = scopes_of(named.whole, links, got, rows.size());
      for (std::size_t s = 0; s < rows.size(); ++s) {
        std::set<Vertex> ball{{t, rows[s]}};
        for (int hop = 0; hop < 2; ++hop) {
          for (const Vertex& vertex : std::set<Vertex>(ball)) {
            for (const auto& [neighbor, weight] : neighbors_of(named.whole, links, vertex)) ball.insert(neighbor);
          }
        }
        EXPECT_EQ(scopes[s], ball) << named.name;
      }
    }
  }
}

TEST(ShadowSampler, DrawsItsScopeAsTheNeighborSamplerDoes) {
  const graph::GraphBlocks whole = random_bipartite(100, 40, 1'500, 4);
  const std::vector<SampledLink> links = all_links(whole.schema);
  const SamplingGraph graph = replicate(whole, links);
  ShadowOptions options;
  options.fanout.fanouts = {{5, 5}, {3, 3}};
  const std::vector<std::uint32_t> rows = rows_from(3, 8);
  const SeedRows seeds{VertexTypeId{0}, rows};
  ShadowSampler::Workspace workspace;
  SampledSubgraph got;
  ShadowSampler(graph, options).sample({&seeds, 1}, 6, workspace, got);
  const std::vector<std::set<Vertex>> scopes = scopes_of(whole, links, got, rows.size());
  for (std::size_t s = 0; s < rows.size(); ++s) {
    const SeedRows one{VertexTypeId{0}, std::span(rows).subspan(s, 1)};
    const SampledSubgraph drawn = serial_sample(whole, links, options.fanout, {&one, 1}, 6);
    std::set<Vertex> expected;
    for (std::size_t t = 0; t < 2; ++t) {
      for (const std::uint32_t row : drawn.vertices[t].rows) expected.emplace(t, row);
    }
    EXPECT_EQ(scopes[s], expected);
  }
}

/// Personalized PageRank of one vertex to the last bit that matters; walks that cannot go on end where they are.
std::map<Vertex, double> exact_ppr(const graph::GraphBlocks& whole, std::span<const SampledLink> links,
                                   const Vertex& seed, double restart, bool weighted) {
  std::map<Vertex, double> score;
  std::map<Vertex, double> residual{{seed, 1}};
  for (int step = 0; step < 200; ++step) {
    std::map<Vertex, double> next;
    for (const auto& [vertex, mass] : residual) {
      const auto neighbors = neighbors_of(whole, links, vertex);
      double total = 0;
      for (const auto& [neighbor, weight] : neighbors) total += weighted ? weight : 1;
      score[vertex] += total > 0 ? restart * mass : mass;
      if (!(total > 0)) continue;
      for (const auto& [neighbor, weight] : neighbors) {
        next[neighbor] += (1 - restart) * mass * (weighted ? weight : 1) / total;
      }
    }
    residual = std::move(next);
  }
  return score;
}

TEST(ShadowSampler, TakesTheHighestPersonalizedPageRank) {
  ShadowSampler::Workspace workspace;
  SampledSubgraph got;
  constexpr std::uint64_t kScope = 12;
  for (const bool weighted : {false, true}) {
    for (const NamedGraph& named : awkward_graphs()) {
      const std::vector<SampledLink> links = all_links(named.whole.schema);
      const SamplingGraph graph = replicate(named.whole, links, {weighted, false, false, false});
      ShadowOptions options;
      options.scope = ShadowScope::kPpr;
      options.scope_size = kScope;
      options.restart = 0.2;
      options.tolerance = 1e-13;
      const ShadowSampler sampler(graph, options);
      if (named.whole.schema.vertex_types()[0].count == 0) continue;
      const std::vector<std::uint32_t> rows = rows_from(
          0, static_cast<std::uint32_t>(std::min<std::uint64_t>(3, named.whole.schema.vertex_types()[0].count)));
      const SeedRows seeds{VertexTypeId{0}, rows};
      sampler.sample({&seeds, 1}, 0, workspace, got);
      const std::vector<std::set<Vertex>> scopes = scopes_of(named.whole, links, got, rows.size());
      for (std::size_t s = 0; s < rows.size(); ++s) {
        const Vertex seed{0, rows[s]};
        std::map<Vertex, double> exact = exact_ppr(named.whole, links, seed, 0.2, weighted);
        EXPECT_TRUE(scopes[s].contains(seed));
        std::vector<double> others;
        for (const auto& [vertex, score] : exact) {
          if (vertex != seed && score > 0) others.push_back(score);
        }
        std::sort(others.rbegin(), others.rend());
        EXPECT_EQ(scopes[s].size(), 1 + std::min<std::size_t>(others.size(), kScope)) << named.name;
        if (others.size() <= kScope) continue;
        for (const Vertex& vertex : scopes[s]) {
          // Equal scores may change places by rounding.
          EXPECT_TRUE(vertex == seed || exact[vertex] > others[kScope - 1] - 1e-9) << named.name;
        }
      }
    }
  }
}

// Scopes lie seed by seed, so a seed's place among those of its type is not its local number.
TEST(ShadowSampler, TrainingEdgesNameTheVerticesOfTheirSeeds) {
  const graph::GraphBlocks whole = random_bipartite(60, 25, 600, 4);
  const std::vector<SampledLink> links = all_links(whole.schema);
  const SamplingGraph graph = replicate(whole, links);
  const std::vector<EdgeTypeId> relations = {EdgeTypeId{0}};
  const auto out = std::ranges::find(links, SampledLink{relations.front(), exec::Direction::kOut});
  ASSERT_NE(out, links.end());
  std::vector<NegativeSampler> negatives;
  negatives.emplace_back(graph, static_cast<std::size_t>(out - links.begin()), NegativeOptions{2});
  const graph::AdjacencyBlock& rates = whole.edges.front().by_source;
  std::vector<SampledEdge> edges;
  for (std::uint32_t user = 0; user < 8; ++user) {
    const std::uint64_t position = rates.offsets[user];
    if (position == rates.offsets[user + 1]) continue;
    edges.push_back({position, user, rates.targets[position], 0, 0});
  }
  ASSERT_GT(edges.size(), 3U);
  ShadowOptions by_hops;
  by_hops.fanout.fanouts.assign(2, std::vector<std::int64_t>(links.size(), 3));
  ShadowOptions by_ppr;
  by_ppr.scope = ShadowScope::kPpr;
  by_ppr.scope_size = 12;
  for (const ShadowOptions& options : {by_hops, by_ppr}) {
    const LinkBatch places = make_link_batch(whole.schema, edges, {}, 5, {relations, negatives, true});
    LinkBatch batch = places;
    ShadowSampler::Workspace workspace;
    SampledSubgraph got;
    ShadowSampler(graph, options).sample(batch.seeds(), 5, workspace, got);
    name_vertices(whole.schema, relations, got, batch);
    const auto expect_own = [&](std::size_t type, std::uint32_t place, std::uint32_t vertex) {
      const std::size_t seed = place + (type == 0 ? 0 : places.rows.front().size());
      const SampledVertices& vertices = got.vertices[type];
      ASSERT_LT(vertex, vertices.rows.size());
      EXPECT_EQ(vertices.rows[vertex], places.rows[type][place]);
      EXPECT_EQ(vertices.seeds[vertex], seed);
      EXPECT_TRUE(vertex == 0 || vertices.seeds[vertex - 1] < seed);
    };
    for (std::size_t e = 0; e < edges.size(); ++e) {
      expect_own(0, places.sources[e], batch.sources[e]);
      expect_own(1, places.destinations[e], batch.destinations[e]);
      for (std::size_t i = 2 * e; i < 2 * e + 2; ++i) {
        if (places.negatives[i] == LinkBatch::kNone) {
          EXPECT_EQ(batch.negatives[i], LinkBatch::kNone);
        } else {
          expect_own(1, places.negatives[i], batch.negatives[i]);
        }
      }
    }
  }
}

TEST(ShadowSampler, RefusesOptionsOutOfRange) {
  const graph::GraphBlocks whole = random_bipartite(10, 5, 40, 1);
  const std::vector<SampledLink> links = all_links(whole.schema);
  const SamplingGraph graph = replicate(whole, links);
  ShadowOptions options;
  options.scope = ShadowScope::kPpr;
  for (const double restart : {0.0, 1.0, -1.0}) {
    options.restart = restart;
    EXPECT_THROW(ShadowSampler(graph, options), ConfigError);
  }
  options.restart = 0.15;
  options.tolerance = 0;
  EXPECT_THROW(ShadowSampler(graph, options), ConfigError);
  options = {};
  options.fanout.fanouts = {{3}};
  EXPECT_THROW(ShadowSampler(graph, options), ConfigError);
}

}  // namespace

}  // namespace rove::algorithms
