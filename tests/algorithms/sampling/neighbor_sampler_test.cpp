// SPDX-License-Identifier: Apache-2.0
#include "algorithms/sampling/neighbor_sampler.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/error.hpp"
#include "tests/algorithms/sampling/serial_sampler.hpp"
#include "tests/support/graphs.hpp"

namespace rove::algorithms {

namespace {

using exec::Direction;
using namespace tests;

TEST(NeighborSampler, EqualsItsDefinition) {
  NeighborSampler::Workspace workspace;  // one for all graphs
  for (const tests::NamedGraph& named : tests::awkward_graphs()) {
    const std::vector<SampledLink> links = all_links(named.whole.schema);
    const SamplingGraph graph = replicate(named.whole, links);
    SampledSubgraph got;
    for (const bool replace : {false, true}) {
      for (const std::vector<std::int64_t>& per_hop :
           {std::vector<std::int64_t>{3, 2}, {1, 5, 2}, {0, 4}, {-1, 2}, {40}, {}}) {
        if (replace && !per_hop.empty() && per_hop.front() < 0) continue;
        FanoutOptions options{{}, replace, 9};
        for (const std::int64_t fanout : per_hop) options.fanouts.emplace_back(links.size(), fanout);
        if (options.fanouts.size() > 1 && links.size() > 1) options.fanouts[1][0] = 0;
        const NeighborSampler sampler(graph, options);
        for (std::uint16_t t = 0; t < named.whole.schema.vertex_types().size(); ++t) {
          const auto count = named.whole.schema.vertex_type(VertexTypeId{t}).count;
          const std::vector<std::uint32_t> rows =
              rows_from(0, static_cast<std::uint32_t>(std::min<std::uint64_t>(count, 20)));
          const SeedRows seeds{VertexTypeId{t}, rows};
          sampler.sample({&seeds, 1}, 3, workspace, got);
          expect_equal(got, serial_sample(named.whole, links, options, {&seeds, 1}, 3), named.name);
        }
      }
    }
  }
}

TEST(NeighborSampler, EqualsItsDefinitionAtHubs) {
  // Degrees on both sides of each change of method: 64 slots (bit set), 32 draws (scan), 2^16 slots (64-bit draws).
  std::vector<tests::Edge> edges;
  const std::vector<std::uint32_t> degrees{63, 64, 65, 300, 65'535, 65'536, 70'000};
  for (std::uint32_t row = 0; row < degrees.size(); ++row) {
    for (std::uint32_t i = 0; i < degrees[row]; ++i) edges.push_back({row, i});
  }
  graph::EdgeType type;
  type.source = VertexTypeId{0};
  type.relation = "rates";
  type.destination = VertexTypeId{1};
  const graph::GraphBlocks whole = tests::make_graph({{"user", 7}, {"item", 70'000}}, {{type, edges}});
  const std::vector<SampledLink> links{{EdgeTypeId{0}, Direction::kOut}};
  const SamplingGraph graph = replicate(whole, links);
  const std::vector<std::uint32_t> rows = rows_from(0, 7);
  const SeedRows seeds{VertexTypeId{0}, rows};
  NeighborSampler::Workspace workspace;
  SampledSubgraph got;
  for (const std::int64_t fanout : {1, 15, 31, 32, 33, 62, 63, 64, 200, 5'000}) {
    for (const bool replace : {false, true}) {
      const FanoutOptions options{{{fanout}}, replace, 1};
      NeighborSampler(graph, options).sample({&seeds, 1}, 0, workspace, got);
      expect_equal(got, serial_sample(whole, links, options, {&seeds, 1}, 0), "fan-out " + std::to_string(fanout));
    }
  }
}

TEST(NeighborSampler, RelabelsInTablesThatGrow) {
  // More items than a table has places for at first: it hashes, and grows within a batch.
  std::vector<tests::Edge> edges;
  for (std::uint32_t i = 0; i < 40'000; ++i) edges.push_back({i / 400, i * 7 % 200'000});
  graph::EdgeType type;
  type.source = VertexTypeId{0};
  type.relation = "rates";
  type.destination = VertexTypeId{1};
  const graph::GraphBlocks whole = tests::make_graph({{"user", 100}, {"item", 200'000}}, {{type, edges}});
  const std::vector<SampledLink> links = all_links(whole.schema);
  const SamplingGraph graph = replicate(whole, links);
  const std::vector<std::uint32_t> rows = rows_from(0, 100);
  const SeedRows seeds{VertexTypeId{0}, rows};
  const FanoutOptions options{{{150, 150}, {10, 10}}, false, 4};
  const NeighborSampler sampler(graph, options);
  NeighborSampler::Workspace workspace;
  SampledSubgraph got;
  for (std::uint64_t epoch = 0; epoch < 3; ++epoch) {
    sampler.sample({&seeds, 1}, epoch, workspace, got);
    expect_equal(got, serial_sample(whole, links, options, {&seeds, 1}, epoch), "epoch " + std::to_string(epoch));
  }
}

// By the sampler of shared subgraphs and by the one of disjoint ones: scratch of the fan-out's size would be 25 GB.
TEST(NeighborSampler, HoldsWhatIsDrawnNotWhatIsAskedFor) {
  const graph::GraphBlocks whole = tests::random_bipartite(30, 20, 200, 4);
  const std::vector<SampledLink> links = all_links(whole.schema);
  const SamplingGraph graph = replicate(whole, links);
  const std::vector<std::uint32_t> rows = rows_from(0, 30);
  const SeedRows seeds{VertexTypeId{0}, rows};
  for (const bool disjoint : {false, true}) {
    FanoutOptions options{{std::vector<std::int64_t>(links.size(), std::int64_t{1} << 30U)}, false, 4};
    options.disjoint = disjoint;
    NeighborSampler::Workspace workspace;
    SampledSubgraph got;
    NeighborSampler(graph, options).sample({&seeds, 1}, 0, workspace, got);
    expect_equal(got, serial_sample(whole, links, options, {&seeds, 1}, 0), disjoint ? "disjoint" : "shared");
  }
}

TEST(NeighborSampler, DrawsAllSubsetsEquallyOften) {
  // A user with 6 items, 3 drawn: 20 subsets without, 216 sequences with replacement; epochs are independent.
  graph::EdgeType type;
  type.source = VertexTypeId{0};
  type.relation = "rates";
  type.destination = VertexTypeId{1};
  std::vector<tests::Edge> edges;
  for (std::uint32_t i = 0; i < 6; ++i) edges.push_back({0, i});
  const graph::GraphBlocks whole = tests::make_graph({{"user", 1}, {"item", 6}}, {{type, edges}});
  const std::vector<SampledLink> links{{EdgeTypeId{0}, Direction::kOut}};
  const SamplingGraph graph = replicate(whole, links);
  const std::vector<std::uint32_t> rows{0};
  const SeedRows seeds{VertexTypeId{0}, rows};
  NeighborSampler::Workspace workspace;
  SampledSubgraph got;
  constexpr std::uint64_t kEpochs = 21'600;
  for (const bool replace : {false, true}) {
    const NeighborSampler sampler(graph, {{{3}}, replace, 5});
    std::map<std::vector<std::uint64_t>, std::uint64_t> seen;
    for (std::uint64_t epoch = 0; epoch < kEpochs; ++epoch) {
      sampler.sample({&seeds, 1}, epoch, workspace, got);
      std::vector<std::uint64_t> drawn = got.edges[0].positions;
      if (!replace) std::sort(drawn.begin(), drawn.end());
      ++seen[drawn];
    }
    const double outcomes = replace ? 216 : 20;
    ASSERT_EQ(static_cast<double>(seen.size()), outcomes);
    const double expected = static_cast<double>(kEpochs) / outcomes;
    double chi_square = 0;
    for (const auto& [drawn, count] : seen) {
      const double difference = static_cast<double>(count) - expected;
      chi_square += difference * difference / expected;
    }
    EXPECT_LT(chi_square, chi_square_limit(outcomes - 1));
  }
}

TEST(NeighborSampler, DoesNotDependOnBatchesOrThreads) {
  const graph::GraphBlocks whole = tests::random_bipartite(300, 100, 6'000, 4);
  const std::vector<SampledLink> links = all_links(whole.schema);
  const SamplingGraph graph = replicate(whole, links);
  const FanoutOptions options{{{4, 4}, {3, 3}}, false, 8};
  const NeighborSampler sampler(graph, options);
  const std::vector<std::uint32_t> rows = rows_from(0, 300);
  const SeedRows seeds{VertexTypeId{0}, rows};
  const auto run = [&](std::uint64_t batch_size) {
    std::vector<SampledSubgraph> batches((rows.size() + batch_size - 1) / batch_size);
    sampler.sample_batches(seeds, batch_size, 2,
                           [&](std::uint64_t b, const SampledSubgraph& batch) { batches[b] = batch; });
    return batches;
  };
  // The program runs with one thread and with two; the definition knows of none.
  const std::vector<SampledSubgraph> one = run(32);
  for (std::size_t b = 0; b < one.size(); ++b) {
    const SeedRows part{VertexTypeId{0}, seeds.rows.subspan(b * 32, std::min<std::size_t>(32, rows.size() - b * 32))};
    expect_equal(one[b], serial_sample(whole, links, options, {&part, 1}, 2), "batch " + std::to_string(b));
  }

  // What a seed draws at the first hop is the same in a batch of its own.
  const std::vector<SampledSubgraph> single = run(1);
  for (std::size_t b = 0; b < one.size(); ++b) {
    for (std::size_t l = 0; l < links.size(); ++l) {
      std::vector<std::uint64_t> joined;
      for (std::size_t v = b * 32; v < std::min<std::size_t>((b + 1) * 32, 300); ++v) {
        const SampledEdges& edges = single[v].edges[l];
        joined.insert(joined.end(), edges.positions.begin(),
                      edges.positions.begin() + static_cast<std::ptrdiff_t>(edges.hop_offsets[1]));
      }
      const SampledEdges& edges = one[b].edges[l];
      EXPECT_EQ(joined, std::vector<std::uint64_t>(
                            edges.positions.begin(),
                            edges.positions.begin() + static_cast<std::ptrdiff_t>(edges.hop_offsets[1])));
    }
  }
}

TEST(NeighborSampler, RefusesWhatHasNoMeaning) {
  const graph::GraphBlocks whole = tests::random_bipartite(10, 5, 40, 1);
  const std::vector<SampledLink> links{{EdgeTypeId{0}, Direction::kOut}};
  const SamplingGraph graph = replicate(whole, links);
  EXPECT_THROW(NeighborSampler(graph, {{{1, 2}}, false, 1}), ConfigError);
  EXPECT_THROW(NeighborSampler(graph, {{{-2}}, false, 1}), ConfigError);
  EXPECT_THROW(NeighborSampler(graph, {{{-1}}, true, 1}), ConfigError);
  const std::vector<SampledLink> both{{EdgeTypeId{0}, Direction::kBoth}};
  EXPECT_THROW(replicate(whole, both), ConfigError);
  const std::vector<SampledLink> twice{links[0], links[0]};
  EXPECT_THROW(replicate(whole, twice), ConfigError);
  const NeighborSampler sampler(graph, {{{2}}, false, 1});
  NeighborSampler::Workspace workspace;
  SampledSubgraph result;
  for (const std::vector<std::uint32_t>& rows : {std::vector<std::uint32_t>{3, 3}, std::vector<std::uint32_t>{10}}) {
    const SeedRows seeds{VertexTypeId{0}, rows};
    EXPECT_THROW(sampler.sample({&seeds, 1}, 0, workspace, result), InternalError);
  }
}

/// A user linked to items 0, 1, ... with these weights and times.
graph::GraphBlocks one_user(std::span<const float> weights, std::span<const std::int64_t> times) {
  graph::EdgeType type;
  type.source = VertexTypeId{0};
  type.relation = "rates";
  type.destination = VertexTypeId{1};
  type.has_weights = !weights.empty();
  type.has_times = !times.empty();
  const std::size_t count = std::max(weights.size(), times.size());
  std::vector<tests::Edge> edges;
  for (std::uint32_t i = 0; i < count; ++i) {
    edges.push_back({0, i, weights.empty() ? 1 : weights[i], times.empty() ? 0 : times[i]});
  }
  return tests::make_graph({{"user", 1}, {"item", count}}, {{type, edges}});
}

/// Slots that a lone user draws, in the order drawn.
std::vector<std::uint64_t> draw_alone(const SamplingGraph& graph, const FanoutOptions& options, std::uint64_t epoch,
                                      std::int64_t time = 0) {
  const std::vector<std::uint32_t> rows{0};
  const std::vector<std::int64_t> times{time};
  const SeedRows seeds{VertexTypeId{0}, rows, times};
  NeighborSampler::Workspace workspace;
  SampledSubgraph got;
  NeighborSampler(graph, options).sample({&seeds, 1}, epoch, workspace, got);
  return got.edges[0].positions;
}

TEST(NeighborSampler, EqualsItsDefinitionByWeightByTimeAndDisjoint) {
  NeighborSampler::Workspace workspace;
  SampledSubgraph got;
  std::vector<tests::NamedGraph> graphs = tests::awkward_graphs();
  graphs.push_back({"typed_larger", tests::random_typed(120, 8)});
  for (const tests::NamedGraph& named : graphs) {
    const std::vector<SampledLink> links = all_links(named.whole.schema);
    for (const int kind : {0, 1, 2, 3, 4, 5, 6}) {
      FanoutOptions options;
      options.replace = kind % 2 == 1;
      options.seed = 4;
      options.weighted = kind == 0 || kind == 1 || kind == 6;
      options.temporal = kind == 2 || kind == 3 ? TemporalRule::kUniform
                         : kind == 4            ? TemporalRule::kLast
                                                : TemporalRule::kNone;
      options.disjoint = kind >= 5;
      const SamplingGraph graph = replicate(named.whole, links, options.attributes());
      for (const std::vector<std::int64_t>& per_hop : {std::vector<std::int64_t>{3, 2}, {1, 5, 2}, {-1, 2}, {40}}) {
        if (options.replace && per_hop.front() < 0) continue;
        options.fanouts.clear();
        for (const std::int64_t fanout : per_hop) options.fanouts.emplace_back(links.size(), fanout);
        const NeighborSampler sampler(graph, options);
        for (std::uint16_t t = 0; t < named.whole.schema.vertex_types().size(); ++t) {
          const auto count = named.whole.schema.vertex_type(VertexTypeId{t}).count;
          std::vector<std::uint32_t> rows =
              rows_from(0, static_cast<std::uint32_t>(std::min<std::uint64_t>(count, 20)));
          if (options.is_disjoint() && !rows.empty()) rows.push_back(rows.front());
          std::vector<std::int64_t> times(rows.size());
          for (std::size_t i = 0; i < times.size(); ++i) times[i] = static_cast<std::int64_t>(i * 37 % 1000);
          const SeedRows seeds{VertexTypeId{t}, rows, times};
          sampler.sample({&seeds, 1}, 3, workspace, got);
          expect_equal(got, serial_sample(named.whole, links, options, {&seeds, 1}, 3),
                       named.name + ", kind " + std::to_string(kind));
        }
      }
    }
  }
}

TEST(NeighborSampler, DrawsInProportionToWeights) {
  // Five items, one of weight 0. Two drawn: 16 ordered pairs with, 12 without replacement.
  const std::vector<float> weights{1, 4, 0, 2, 3};
  const graph::GraphBlocks whole = one_user(weights, {});
  const std::vector<SampledLink> links{{EdgeTypeId{0}, Direction::kOut}};
  constexpr double kTotal = 10;
  constexpr std::uint64_t kEpochs = 20'000;
  for (const bool replace : {false, true}) {
    const FanoutOptions options{{{2}}, replace, 5, true};
    const SamplingGraph graph = replicate(whole, links, options.attributes());
    std::map<std::vector<std::uint64_t>, double> seen;
    for (std::uint64_t epoch = 0; epoch < kEpochs; ++epoch) ++seen[draw_alone(graph, options, epoch)];
    double chi_square = 0;
    double outcomes = 0;
    for (std::uint64_t a = 0; a < weights.size(); ++a) {
      for (std::uint64_t b = 0; b < weights.size(); ++b) {
        const double left = replace ? kTotal : kTotal - static_cast<double>(weights[a]);
        const double p = static_cast<double>(weights[a]) / kTotal *
                         (a == b && !replace ? 0 : static_cast<double>(weights[b]) / left);
        const double count = seen[{a, b}];
        if (p == 0) {
          EXPECT_EQ(count, 0) << a << ", " << b;
          continue;
        }
        chi_square += (count - kEpochs * p) * (count - kEpochs * p) / (kEpochs * p);
        ++outcomes;
      }
    }
    EXPECT_EQ(outcomes, replace ? 16 : 12);
    EXPECT_LT(chi_square, chi_square_limit(outcomes - 1));
  }
}

TEST(NeighborSampler, AnotherSlotDisplacesAtMostOneDrawnByWeight) {
  std::vector<float> weights;
  for (int i = 0; i < 30; ++i) weights.push_back(static_cast<float>(1 + i % 7));
  const FanoutOptions options{{{6}}, false, 5, true};
  const std::vector<SampledLink> links{{EdgeTypeId{0}, Direction::kOut}};
  const SamplingGraph before = replicate(one_user(weights, {}), links, options.attributes());
  weights.push_back(9);
  const SamplingGraph after = replicate(one_user(weights, {}), links, options.attributes());
  std::uint64_t displaced = 0;
  for (std::uint64_t epoch = 0; epoch < 300; ++epoch) {
    std::set<std::uint64_t> old_slots;
    for (const std::uint64_t slot : draw_alone(before, options, epoch)) old_slots.insert(slot);
    std::uint64_t fresh = 0;
    for (const std::uint64_t slot : draw_alone(after, options, epoch)) {
      if (old_slots.contains(slot)) continue;
      EXPECT_EQ(slot, 30U);
      ++fresh;
    }
    EXPECT_LE(fresh, 1U);
    displaced += fresh;
  }
  EXPECT_GT(displaced, 0U);
}

TEST(NeighborSampler, SeesNoEdgeLaterThanTheSeed) {
  const std::vector<std::int64_t> times{50, 10, 40, 10, 30, 90, 20};
  const graph::GraphBlocks whole = one_user({}, times);
  const std::vector<SampledLink> links{{EdgeTypeId{0}, Direction::kOut}};
  FanoutOptions last{{{3}}, false, 5, false, TemporalRule::kLast};
  const SamplingGraph graph = replicate(whole, links, last.attributes());
  // The latest three, earliest first; equal times in slot order.
  EXPECT_EQ(draw_alone(graph, last, 0, 45), (std::vector<std::uint64_t>{6, 4, 2}));
  EXPECT_EQ(draw_alone(graph, last, 0, 40), (std::vector<std::uint64_t>{6, 4, 2}));
  EXPECT_EQ(draw_alone(graph, last, 0, 10), (std::vector<std::uint64_t>{1, 3}));
  EXPECT_EQ(draw_alone(graph, last, 0, 9), (std::vector<std::uint64_t>{}));
  // Two of the five not later than 40, uniformly: 10 subsets.
  const FanoutOptions uniform{{{2}}, false, 5, false, TemporalRule::kUniform};
  constexpr std::uint64_t kEpochs = 10'000;
  std::map<std::set<std::uint64_t>, double> seen;
  for (std::uint64_t epoch = 0; epoch < kEpochs; ++epoch) {
    const std::vector<std::uint64_t> drawn = draw_alone(graph, uniform, epoch, 40);
    for (const std::uint64_t slot : drawn) EXPECT_LE(times[slot], 40);
    ++seen[{drawn.begin(), drawn.end()}];
  }
  EXPECT_EQ(seen.size(), 10U);
  double chi_square = 0;
  for (const auto& [drawn, count] : seen) chi_square += (count - 1'000) * (count - 1'000) / 1'000;
  EXPECT_LT(chi_square, chi_square_limit(9));
  // With replacement, `last` draws among as many latest edges as it draws.
  last.replace = true;
  std::set<std::uint64_t> drawn;
  for (std::uint64_t epoch = 0; epoch < 100; ++epoch) {
    const std::vector<std::uint64_t> slots = draw_alone(graph, last, epoch, 60);
    EXPECT_EQ(slots.size(), 3U);
    drawn.insert(slots.begin(), slots.end());
  }
  EXPECT_EQ(drawn, (std::set<std::uint64_t>{0, 2, 4}));
}

TEST(NeighborSampler, DisjointSubgraphsAreThoseOfTheirSeedsAlone) {
  const graph::GraphBlocks whole = tests::random_bipartite(100, 40, 1'500, 4);
  const std::vector<SampledLink> links = all_links(whole.schema);
  const SamplingGraph graph = replicate(whole, links);
  FanoutOptions options{{{4, 4}, {3, 3}}, false, 8};
  options.disjoint = true;
  const NeighborSampler sampler(graph, options);
  const std::vector<std::uint32_t> rows = rows_from(10, 12);
  const SeedRows seeds{VertexTypeId{0}, rows};
  NeighborSampler::Workspace workspace;
  SampledSubgraph together;
  SampledSubgraph alone;
  sampler.sample({&seeds, 1}, 0, workspace, together);
  for (std::uint32_t seed = 0; seed < rows.size(); ++seed) {
    const SeedRows one{VertexTypeId{0}, std::span(rows).subspan(seed, 1)};
    sampler.sample({&one, 1}, 0, workspace, alone);
    for (std::size_t l = 0; l < links.size(); ++l) {
      std::vector<std::uint64_t> of_seed;
      const bool in = links[l].direction == Direction::kIn;
      for (std::size_t e = 0; e < together.edges[l].positions.size(); ++e) {
        const std::uint32_t anchor = together.edges[l].anchors[e];
        EXPECT_EQ(together.vertices[in ? 1 : 0].seeds[anchor],
                  together.vertices[in ? 0 : 1].seeds[together.edges[l].neighbors[e]]);
        if (together.vertices[in ? 1 : 0].seeds[anchor] == seed) of_seed.push_back(together.edges[l].positions[e]);
      }
      EXPECT_EQ(of_seed, alone.edges[l].positions);
    }
  }
}

TEST(NeighborSampler, RefusesAttributesItWasNotGiven) {
  const std::vector<float> weights{1, 2};
  const std::vector<std::int64_t> times{1, 2};
  const graph::GraphBlocks whole = one_user(weights, times);
  const std::vector<SampledLink> links{{EdgeTypeId{0}, Direction::kOut}};
  const SamplingGraph bare = replicate(whole, links);
  EXPECT_THROW(NeighborSampler(bare, {{{1}}, false, 1, true}), InternalError);
  EXPECT_THROW(NeighborSampler(bare, {{{1}}, false, 1, false, TemporalRule::kLast}), InternalError);
  EXPECT_THROW(NeighborSampler(bare, {{{1}}, false, 1, true, TemporalRule::kLast}), ConfigError);
  for (const float bad : {-1.0F, std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    const std::vector<float> broken{1, bad};
    EXPECT_THROW(static_cast<void>(replicate(one_user(broken, {}), links, {true, false, false, false})), InputError);
  }
  const FanoutOptions temporal{{{1}}, false, 1, false, TemporalRule::kUniform};
  const SamplingGraph timed = replicate(whole, links, temporal.attributes());
  NeighborSampler::Workspace workspace;
  SampledSubgraph result;
  const std::vector<std::uint32_t> rows{0};
  const SeedRows untimed{VertexTypeId{0}, rows};
  EXPECT_THROW(NeighborSampler(timed, temporal).sample({&untimed, 1}, 0, workspace, result), InternalError);
}

}  // namespace

}  // namespace rove::algorithms
