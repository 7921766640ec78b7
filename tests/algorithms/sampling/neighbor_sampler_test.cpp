// SPDX-License-Identifier: Apache-2.0
#include "algorithms/sampling/neighbor_sampler.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <unordered_map>

#include <gtest/gtest.h>

#include "engine/base/error.hpp"
#include "engine/base/hash.hpp"
#include "engine/base/random.hpp"
#include "tests/support/graphs.hpp"
#include "tests/support/mpi.hpp"

namespace rove::algorithms {

namespace {

using exec::Direction;
using Fanouts = std::vector<std::vector<std::int64_t>>;

/// One slot of an anchor, read from the graph as one rank holds it.
struct Slot {
  std::uint32_t neighbor = 0;
  std::uint64_t position = 0;
};

std::vector<Slot> slots_of(const graph::GraphBlocks& whole, const SampledLink& link, std::uint32_t row) {
  const graph::EdgeBlocks& edges = whole.edges[link.type.index()];
  const bool in = link.direction == Direction::kIn;
  const graph::AdjacencyBlock& block = in ? edges.by_destination : edges.by_source;
  std::vector<Slot> slots;
  for (std::uint64_t s = block.offsets[row]; s < block.offsets[row + 1]; ++s) {
    slots.push_back({block.targets[s], in ? edges.edge_positions[s] : s});
  }
  return slots;
}

/// The sampler as its definition reads, with a set for Floyd's algorithm and a map for the relabelling.
SampledSubgraph serial_sample(const graph::GraphBlocks& whole, std::span<const SampledLink> links,
                              const FanoutOptions& options, std::span<const SeedRows> seeds, std::uint64_t epoch) {
  const graph::Schema& schema = whole.schema;
  SampledSubgraph result;
  result.vertices.resize(schema.vertex_types().size());
  result.edges.resize(links.size());
  std::vector<std::map<std::uint32_t, std::uint32_t>> locals(result.vertices.size());
  const auto local_of = [&](VertexTypeId type, std::uint32_t row) {
    std::vector<std::uint32_t>& rows = result.vertices[type.index()].rows;
    const auto [place, is_new] = locals[type.index()].emplace(row, static_cast<std::uint32_t>(rows.size()));
    if (is_new) rows.push_back(row);
    return place->second;
  };
  for (SampledVertices& vertices : result.vertices) vertices.hop_offsets.push_back(0);
  for (SampledEdges& edges : result.edges) edges.hop_offsets.push_back(0);
  for (const SeedRows& set : seeds) {
    for (const std::uint32_t row : set.rows) local_of(set.type, row);
  }
  for (SampledVertices& vertices : result.vertices) vertices.hop_offsets.push_back(vertices.rows.size());
  for (std::size_t hop = 0; hop < options.fanouts.size(); ++hop) {
    for (std::size_t l = 0; l < links.size(); ++l) {
      const graph::EdgeType& type = schema.edge_type(links[l].type);
      const bool in = links[l].direction == Direction::kIn;
      const VertexTypeId anchors = in ? type.destination : type.source;
      const std::vector<std::uint64_t> hops = result.vertices[anchors.index()].hop_offsets;
      const RandomStream stream(options.seed, Purpose::kNeighbor,
                                mix64(mix64(epoch, hop), std::uint64_t{links[l].type.value()} * 2 + (in ? 0 : 1)));
      for (std::uint64_t v = hops[hop]; v < hops[hop + 1]; ++v) {
        const std::uint32_t row = result.vertices[anchors.index()].rows[v];
        const std::vector<Slot> slots = slots_of(whole, links[l], row);
        const std::int64_t fanout = options.fanouts[hop][l];
        const std::uint64_t degree = slots.size();
        const auto count = static_cast<std::uint64_t>(std::max<std::int64_t>(fanout, 0));
        const auto draw = [&](std::uint64_t j, std::uint64_t range) -> std::uint64_t {
          const auto word = [&](std::uint64_t w) {
            return std::uint64_t{
                stream.block(whole.keys[anchors.index()][row].value(), static_cast<std::uint32_t>(w / 4), 0)[w % 4]};
          };
          if (degree < 65'536) return (word(j) * range) >> 32U;
          return slot_multiply_shift(word(2 * j) | (word(2 * j + 1) << 32U), range);
        };
        std::vector<std::uint64_t> drawn;
        if (degree == 0) continue;
        if (fanout < 0 || (!options.replace && degree <= count)) {
          for (std::uint64_t s = 0; s < degree; ++s) drawn.push_back(s);
        } else if (options.replace) {
          for (std::uint64_t j = 0; j < count; ++j) drawn.push_back(draw(j, degree));
        } else {
          std::set<std::uint64_t> taken;
          for (std::uint64_t j = 0; j < count; ++j) {
            const std::uint64_t i = degree - count + j;
            const std::uint64_t r = draw(j, i + 1);
            drawn.push_back(taken.contains(r) ? i : r);
            taken.insert(drawn.back());
          }
        }
        for (const std::uint64_t s : drawn) {
          result.edges[l].positions.push_back(slots[s].position);
          result.edges[l].anchors.push_back(static_cast<std::uint32_t>(v));
          result.edges[l].neighbors.push_back(local_of(in ? type.source : type.destination, slots[s].neighbor));
        }
      }
      result.edges[l].hop_offsets.push_back(result.edges[l].positions.size());
    }
    for (SampledVertices& vertices : result.vertices) vertices.hop_offsets.push_back(vertices.rows.size());
  }
  return result;
}

void expect_equal(const SampledSubgraph& got, const SampledSubgraph& expected, const std::string& what) {
  ASSERT_EQ(got.vertices.size(), expected.vertices.size()) << what;
  for (std::size_t t = 0; t < got.vertices.size(); ++t) {
    EXPECT_EQ(got.vertices[t].rows, expected.vertices[t].rows) << what << ", type " << t;
    EXPECT_EQ(got.vertices[t].hop_offsets, expected.vertices[t].hop_offsets) << what << ", type " << t;
  }
  ASSERT_EQ(got.edges.size(), expected.edges.size()) << what;
  for (std::size_t l = 0; l < got.edges.size(); ++l) {
    EXPECT_EQ(got.edges[l].neighbors, expected.edges[l].neighbors) << what << ", link " << l;
    EXPECT_EQ(got.edges[l].anchors, expected.edges[l].anchors) << what << ", link " << l;
    EXPECT_EQ(got.edges[l].positions, expected.edges[l].positions) << what << ", link " << l;
    EXPECT_EQ(got.edges[l].hop_offsets, expected.edges[l].hop_offsets) << what << ", link " << l;
  }
}

std::vector<SampledLink> all_links(const graph::Schema& schema) {
  std::vector<SampledLink> links;
  for (std::uint16_t e = 0; e < schema.edge_types().size(); ++e) {
    links.push_back({EdgeTypeId{e}, Direction::kIn});
    links.push_back({EdgeTypeId{e}, Direction::kOut});
  }
  return links;
}

SamplingGraph replicate(const graph::GraphBlocks& whole, std::span<const SampledLink> links) {
  const comm::Communicator& comm = tests::world();
  return SamplingGraph::replicated(comm, tests::cut(whole, comm.rank(), comm.size()), links);
}

std::vector<std::uint32_t> rows_from(std::uint32_t begin, std::uint32_t count) {
  std::vector<std::uint32_t> rows(count);
  for (std::uint32_t i = 0; i < count; ++i) rows[i] = begin + i;
  return rows;
}

/// 5 standard deviations above the mean of a chi-square variable.
double chi_square_limit(double degrees_of_freedom) {
  return degrees_of_freedom + 5 * std::sqrt(2 * degrees_of_freedom);
}

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

}  // namespace

}  // namespace rove::algorithms
