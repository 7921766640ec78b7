// SPDX-License-Identifier: Apache-2.0
#include "tests/algorithms/sampling/serial_sampler.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include <gtest/gtest.h>

#include "engine/base/hash.hpp"
#include "engine/base/math.hpp"
#include "engine/base/random.hpp"
#include "tests/support/graphs.hpp"
#include "tests/support/mpi.hpp"

namespace rove::tests {

using namespace algorithms;
using exec::Direction;

std::vector<Slot> slots_of(const graph::GraphBlocks& whole, const SampledLink& link, std::uint32_t row) {
  const graph::EdgeBlocks& edges = whole.edges[link.type.index()];
  const bool in = link.direction == Direction::kIn;
  const graph::AdjacencyBlock& block = in ? edges.by_destination : edges.by_source;
  std::vector<Slot> slots;
  for (std::uint64_t s = block.offsets[row]; s < block.offsets[row + 1]; ++s) {
    slots.push_back({block.targets[s], in ? edges.edge_positions[s] : s, block.weights.empty() ? 1 : block.weights[s],
                     block.times.empty() ? 0 : block.times[s]});
  }
  return slots;
}

namespace {

/// What one anchor draws.
class Anchor {
 public:
  Anchor(const FanoutOptions& options, const graph::EdgeType& type, RandomStream stream, std::uint64_t entity)
      : options_(options), type_(type), stream_(stream), entity_(entity) {}

  std::vector<Slot> draw(std::vector<Slot> slots, std::int64_t fanout, std::int64_t time) const {
    if (fanout == 0) return {};
    const auto count = fanout < 0 ? std::numeric_limits<std::size_t>::max() : static_cast<std::size_t>(fanout);
    if (options_.temporal != TemporalRule::kNone && type_.has_times) {
      std::erase_if(slots, [&](const Slot& slot) { return slot.time > time; });
      std::stable_sort(slots.begin(), slots.end(), [](const Slot& a, const Slot& b) { return a.time < b.time; });
      if (options_.temporal == TemporalRule::kLast && slots.size() > count) {
        slots.erase(slots.begin(), slots.end() - static_cast<std::ptrdiff_t>(count));
      }
    }
    if (slots.empty()) return {};
    if (options_.weighted && type_.has_weights)
      return options_.replace ? multinomial(slots, count) : successive(slots, count);
    if (!options_.replace && slots.size() <= count) return slots;
    std::vector<Slot> drawn;
    std::set<std::uint64_t> taken;
    for (std::uint64_t j = 0; j < count; ++j) {
      if (options_.replace) {
        drawn.push_back(slots[uniform(j, slots.size(), slots.size())]);
        continue;
      }
      // Floyd: the j-th draw is among the first degree - count + j + 1 slots; a slot taken already gives the last one.
      const std::uint64_t last = slots.size() - count + j;
      std::uint64_t slot = uniform(j, slots.size(), last + 1);
      if (!taken.insert(slot).second) taken.insert(slot = last);
      drawn.push_back(slots[slot]);
    }
    return drawn;
  }

 private:
  [[nodiscard]] std::uint64_t word(std::uint64_t w) const {
    return stream_.block(entity_, static_cast<std::uint32_t>(w / 4), 0)[w % 4];
  }
  [[nodiscard]] std::uint64_t uniform(std::uint64_t j, std::uint64_t degree, std::uint64_t range) const {
    if (degree < 65'536) return (word(j) * range) >> 32U;
    return slot_multiply_shift(word(2 * j) | (word(2 * j + 1) << 32U), range);
  }
  [[nodiscard]] std::vector<Slot> multinomial(const std::vector<Slot>& slots, std::size_t count) const {
    double total = 0;
    for (const Slot& slot : slots) total += static_cast<double>(slot.weight);
    std::vector<Slot> drawn;
    for (std::uint32_t j = 0; total > 0 && j < count; ++j) {
      const double x = to_unit(stream_.draw(entity_, j, 0)) * total;
      double sum = 0;
      for (const Slot& slot : slots) {
        sum += static_cast<double>(slot.weight);
        if (sum <= x) continue;
        drawn.push_back(slot);
        break;
      }
    }
    return drawn;
  }
  [[nodiscard]] std::vector<Slot> successive(const std::vector<Slot>& slots, std::size_t count) const {
    std::vector<std::pair<double, std::size_t>> keys;
    for (std::size_t s = 0; s < slots.size(); ++s) {
      if (!(slots[s].weight > 0)) continue;
      const RandomBlock block = stream_.block(entity_, static_cast<std::uint32_t>(s / 2), 1);
      const std::uint64_t bits = block[s % 2 * 2] | (std::uint64_t{block[s % 2 * 2 + 1]} << 32U);
      keys.emplace_back(-math::log(to_unit(bits) + 0x1p-54) / static_cast<double>(slots[s].weight), s);
    }
    // Where there are no more slots than asked for, all come, as they stand.
    if (slots.size() > count) {
      std::sort(keys.begin(), keys.end());
      keys.resize(std::min(keys.size(), count));
    }
    std::vector<Slot> drawn;
    for (const auto& [key, slot] : keys) drawn.push_back(slots[slot]);
    return drawn;
  }

  const FanoutOptions& options_;
  const graph::EdgeType& type_;
  RandomStream stream_;
  std::uint64_t entity_;
};

}  // namespace

SampledSubgraph serial_sample(const graph::GraphBlocks& whole, std::span<const SampledLink> links,
                              const FanoutOptions& options, std::span<const SeedRows> seeds, std::uint64_t epoch) {
  const graph::Schema& schema = whole.schema;
  const bool disjoint = options.disjoint || options.temporal != TemporalRule::kNone;
  SampledSubgraph result;
  result.vertices.resize(schema.vertex_types().size());
  result.edges.resize(links.size());
  std::vector<std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t>> locals(result.vertices.size());
  std::vector<std::uint64_t> tags;
  std::vector<std::int64_t> times;
  const auto local_of = [&](VertexTypeId type, std::uint32_t seed, std::uint32_t row) {
    SampledVertices& vertices = result.vertices[type.index()];
    const auto [place, is_new] =
        locals[type.index()].emplace(std::pair(seed, row), static_cast<std::uint32_t>(vertices.rows.size()));
    if (is_new) {
      vertices.rows.push_back(row);
      if (disjoint) vertices.seeds.push_back(seed);
    }
    return place->second;
  };
  for (SampledVertices& vertices : result.vertices) vertices.hop_offsets.push_back(0);
  for (SampledEdges& edges : result.edges) edges.hop_offsets.push_back(0);
  for (const SeedRows& set : seeds) {
    for (std::size_t i = 0; i < set.rows.size(); ++i) {
      times.push_back(options.temporal == TemporalRule::kNone ? 0 : set.times[i]);
      tags.push_back(
          mix64(whole.keys[set.type.index()][set.rows[i]].value(), static_cast<std::uint64_t>(times.back())) | 1U);
      local_of(set.type, disjoint ? static_cast<std::uint32_t>(tags.size() - 1) : 0, set.rows[i]);
    }
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
        const std::uint32_t seed = disjoint ? result.vertices[anchors.index()].seeds[v] : 0;
        const std::uint64_t key = whole.keys[anchors.index()][row].value();
        const Anchor anchor(options, type, stream, disjoint ? mix64(key, tags[seed]) : key);
        for (const Slot& slot :
             anchor.draw(slots_of(whole, links[l], row), options.fanouts[hop][l], disjoint ? times[seed] : 0)) {
          result.edges[l].positions.push_back(slot.position);
          result.edges[l].anchors.push_back(static_cast<std::uint32_t>(v));
          result.edges[l].neighbors.push_back(local_of(in ? type.source : type.destination, seed, slot.neighbor));
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
    EXPECT_EQ(got.vertices[t].seeds, expected.vertices[t].seeds) << what << ", type " << t;
    EXPECT_EQ(got.vertices[t].hop_offsets, expected.vertices[t].hop_offsets) << what << ", type " << t;
  }
  ASSERT_EQ(got.edges.size(), expected.edges.size()) << what;
  for (std::size_t l = 0; l < got.edges.size(); ++l) {
    EXPECT_EQ(got.edges[l].neighbors, expected.edges[l].neighbors) << what << ", link " << l;
    EXPECT_EQ(got.edges[l].anchors, expected.edges[l].anchors) << what << ", link " << l;
    EXPECT_EQ(got.edges[l].positions, expected.edges[l].positions) << what << ", link " << l;
    EXPECT_EQ(got.edges[l].hop_offsets, expected.edges[l].hop_offsets) << what << ", link " << l;
    EXPECT_EQ(got.edges[l].weights, expected.edges[l].weights) << what << ", link " << l;
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

SamplingGraph replicate(const graph::GraphBlocks& whole, std::span<const SampledLink> links,
                        SamplingAttributes attributes) {
  const comm::Communicator& comm = world();
  return SamplingGraph::replicated(comm, cut(whole, comm.rank(), comm.size()), links, attributes);
}

std::vector<std::uint32_t> rows_from(std::uint32_t begin, std::uint32_t count) {
  std::vector<std::uint32_t> rows(count);
  for (std::uint32_t i = 0; i < count; ++i) rows[i] = begin + i;
  return rows;
}

double chi_square_limit(double degrees_of_freedom) {
  return degrees_of_freedom + 5 * std::sqrt(2 * degrees_of_freedom);
}

}  // namespace rove::tests
