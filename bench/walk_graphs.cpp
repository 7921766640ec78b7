// SPDX-License-Identifier: Apache-2.0
#include "bench/walk_graphs.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>
#include <vector>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/base/hash.hpp"
#include "engine/base/random.hpp"
#include "engine/parallel/parallel.hpp"

namespace rove::bench {

namespace {

/// Source in the high half, destination in the low half.
using PackedEdge = std::uint64_t;

std::vector<PackedEdge> distinct(std::vector<PackedEdge> edges) {
  parallel::sort(std::span(edges), std::less<>());
  edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
  return edges;
}

graph::AdjacencyBlock adjacency(std::span<const PackedEdge> sorted, std::uint64_t rows) {
  graph::AdjacencyBlock block;
  block.offsets.assign(rows + 1, 0);
  block.targets.reserve(sorted.size());
  for (const PackedEdge edge : sorted) {
    ++block.offsets[(edge >> 32U) + 1];
    block.targets.push_back(static_cast<std::uint32_t>(edge));
  }
  for (std::size_t row = 0; row < rows; ++row) block.offsets[row + 1] += block.offsets[row];
  return block;
}

std::vector<VertexKey> ascending_keys(std::uint64_t count, std::uint64_t salt) {
  std::vector<VertexKey> keys(count);
  for (std::size_t i = 0; i < count; ++i) keys[i] = VertexKey{mix64(i, salt) >> 1U};
  std::sort(keys.begin(), keys.end());
  return keys;
}

std::uint64_t power_law_rank(double unit, std::uint64_t count, double exponent) {
  const double span = std::pow(static_cast<double>(count), 1.0 - exponent) - 1.0;
  const double rank = std::pow(unit * span + 1.0, 1.0 / (1.0 - exponent)) - 1.0;
  return std::min(count - 1, static_cast<std::uint64_t>(rank));
}

graph::GraphBlocks bipartite(std::vector<PackedEdge> edges, std::uint64_t users, std::uint64_t items,
                             std::uint64_t seed) {
  graph::GraphBlocks blocks;
  const VertexTypeId user = blocks.schema.add_vertex_type("user", users);
  const VertexTypeId item = blocks.schema.add_vertex_type("item", items);
  blocks.schema.add_edge_type(
      {.source = user, .relation = "rates", .destination = item, .count = edges.size(), .relations = {}});
  blocks.keys = {ascending_keys(users, seed), ascending_keys(items, seed + 1)};
  blocks.edges.resize(1);
  blocks.edges[0].by_source = adjacency(edges, users);
  for (PackedEdge& edge : edges) edge = (edge << 32U) | (edge >> 32U);
  parallel::sort(std::span(edges), std::less<>());
  blocks.edges[0].by_destination = adjacency(edges, items);
  return blocks;
}

}  // namespace

graph::GraphBlocks symmetrised_rmat(std::uint32_t scale, std::uint32_t edge_factor, std::uint64_t seed) {
  const std::uint64_t n = std::uint64_t{1} << scale;
  const std::uint64_t m = n * edge_factor;
  const RandomStream random(seed, Purpose::kGenerate);
  const KeyedPermutation permutation(seed, Purpose::kGenerate, 1, n);
  std::vector<PackedEdge> edges(2 * m);
  parallel::for_each({0, m}, 1U << 14U, [&](std::uint64_t e) {
    std::uint64_t u = 0;
    std::uint64_t v = 0;
    for (std::uint32_t level = 0; level < scale; ++level) {
      const double x = to_unit(random.draw(e, 0, level));
      u = 2 * u + static_cast<std::uint64_t>(x >= 0.76);
      v = 2 * v + static_cast<std::uint64_t>((x >= 0.57 && x < 0.76) || x >= 0.95);
    }
    u = permutation.apply(u);
    v = permutation.apply(v);
    edges[2 * e] = (u << 32U) | v;
    edges[2 * e + 1] = (v << 32U) | u;
  });
  edges = distinct(std::move(edges));
  std::erase_if(edges, [](PackedEdge edge) { return (edge >> 32U) == (edge & 0xFFFFFFFFU); });

  std::vector<std::uint32_t> number(n);
  std::uint32_t connected = 0;
  for (std::size_t i = 0; i < edges.size(); ++i) {
    if (i == 0 || (edges[i] >> 32U) != (edges[i - 1] >> 32U)) number[edges[i] >> 32U] = connected++;
  }
  for (PackedEdge& edge : edges) edge = (std::uint64_t{number[edge >> 32U]} << 32U) | number[edge & 0xFFFFFFFFU];

  graph::GraphBlocks blocks;
  const VertexTypeId node = blocks.schema.add_vertex_type("node", connected);
  blocks.schema.add_edge_type({.source = node,
                               .relation = "links",
                               .destination = node,
                               .count = edges.size(),
                               .undirected = true,
                               .relations = {}});
  blocks.keys = {ascending_keys(connected, seed)};
  blocks.edges.resize(1);
  blocks.edges[0].by_source = adjacency(edges, connected);
  blocks.edges[0].by_destination = blocks.edges[0].by_source;
  return blocks;
}

graph::GraphBlocks power_law_bipartite(std::uint64_t users, std::uint64_t items, std::uint64_t interactions,
                                       std::uint64_t seed) {
  const RandomStream random(seed, Purpose::kGenerate);
  const KeyedPermutation user_order(seed, Purpose::kGenerate, 1, users);
  const KeyedPermutation item_order(seed, Purpose::kGenerate, 2, items);
  std::vector<PackedEdge> edges;
  for (std::uint64_t next = 0; edges.size() < interactions;) {
    const std::size_t kept = edges.size();
    const std::uint64_t more = (interactions - kept) * 5 / 4 + 16;
    edges.resize(kept + more);
    parallel::for_each({0, more}, 1U << 14U, [&](std::uint64_t i) {
      const std::uint64_t user = power_law_rank(to_unit(random.draw(next + i, 0, 0)), users, 0.5);
      const std::uint64_t item = power_law_rank(to_unit(random.draw(next + i, 0, 1)), items, 0.9);
      edges[kept + i] = (user_order.apply(user) << 32U) | item_order.apply(item);
    });
    next += more;
    edges = distinct(std::move(edges));
  }
  // Too many by less than the last round; which ones go is a matter of a hash, not of position.
  const std::uint64_t surplus = edges.size() - interactions;
  const KeyedPermutation drop(seed, Purpose::kGenerate, 3, edges.size());
  std::uint64_t position = 0;
  std::erase_if(edges, [&](PackedEdge) { return drop.apply(position++) < surplus; });

  return bipartite(std::move(edges), users, items, seed);
}

graph::GraphBlocks read_adjacency(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw IoError(fmt::format("cannot open {}", path));
  std::vector<PackedEdge> edges;
  std::uint64_t users = 0;
  std::uint64_t items = 0;
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream numbers(line);
    std::uint64_t user = 0;
    if (!(numbers >> user)) continue;
    users = std::max(users, user + 1);
    for (std::uint64_t item = 0; numbers >> item;) {
      items = std::max(items, item + 1);
      edges.push_back((user << 32U) | item);
    }
  }
  return bipartite(distinct(std::move(edges)), users, items, 1);
}

graph::GraphBlocks home_blocks(const graph::GraphBlocks& whole, Rank rank, std::int32_t ranks) {
  graph::GraphBlocks mine;
  mine.schema = whole.schema;
  const auto block_of = [&](VertexTypeId type) { return whole.distribution(type, ranks).block(rank); };
  const auto rows = [](const graph::AdjacencyBlock& all, IndexRange block) {
    graph::AdjacencyBlock part;
    part.offsets.clear();
    for (std::uint64_t row = block.begin; row <= block.end; ++row) {
      part.offsets.push_back(all.offsets[row] - all.offsets[block.begin]);
    }
    part.targets.assign(all.targets.begin() + static_cast<std::ptrdiff_t>(all.offsets[block.begin]),
                        all.targets.begin() + static_cast<std::ptrdiff_t>(all.offsets[block.end]));
    return part;
  };
  for (std::uint16_t t = 0; t < whole.keys.size(); ++t) {
    const IndexRange block = block_of(VertexTypeId{t});
    mine.keys.emplace_back(whole.keys[t].begin() + static_cast<std::ptrdiff_t>(block.begin),
                           whole.keys[t].begin() + static_cast<std::ptrdiff_t>(block.end));
  }
  for (std::uint16_t e = 0; e < whole.edges.size(); ++e) {
    const graph::EdgeType& type = whole.schema.edge_type(EdgeTypeId{e});
    graph::EdgeBlocks part;
    part.by_source = rows(whole.edges[e].by_source, block_of(type.source));
    part.by_destination = rows(whole.edges[e].by_destination, block_of(type.destination));
    const std::vector<std::uint64_t>& positions = whole.edges[e].edge_positions;
    if (!positions.empty()) {
      const IndexRange block = block_of(type.destination);
      const std::vector<std::uint64_t>& offsets = whole.edges[e].by_destination.offsets;
      part.edge_positions.assign(positions.begin() + static_cast<std::ptrdiff_t>(offsets[block.begin]),
                                 positions.begin() + static_cast<std::ptrdiff_t>(offsets[block.end]));
    }
    mine.edges.push_back(std::move(part));
  }
  return mine;
}

graph::DistributedGraph hash_distributed(const comm::Communicator& comm, const graph::GraphBlocks& blocks) {
  graph::Assignment assignment{comm.size(), "hash", {}};
  for (const auto& keys : blocks.keys) {
    auto& parts = assignment.parts.emplace_back();
    for (const VertexKey key : keys) {
      parts.push_back(static_cast<std::int32_t>(mix64(key.value(), 5) % static_cast<std::uint64_t>(comm.size())));
    }
  }
  return graph::DistributedGraph::build(comm, blocks, assignment);
}

}  // namespace rove::bench
