// SPDX-License-Identifier: Apache-2.0
#include "tests/support/graphs.hpp"

#include <algorithm>
#include <numeric>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "engine/base/hash.hpp"
#include "engine/base/random.hpp"

namespace rove::tests {

namespace {

using graph::AdjacencyBlock;
using graph::EdgeType;
using graph::GraphBlocks;
using graph::VertexType;

std::vector<VertexKey> keys_of(const VertexType& type) {
  std::vector<VertexKey> keys;
  for (std::uint64_t row = 0; row < type.count; ++row)
    keys.push_back(vertex_key(type.name, fmt::format("{}{}", type.name, row)));
  std::sort(keys.begin(), keys.end());
  return keys;
}

/// The adjacency of edges that are sorted by `row_of`.
AdjacencyBlock adjacency_of(const EdgeType& type, std::span<const Edge> edges, std::uint64_t num_rows,
                            std::uint32_t Edge::* row, std::uint32_t Edge::* target) {
  AdjacencyBlock block;
  block.offsets.assign(num_rows + 1, 0);
  for (const Edge& edge : edges) {
    ++block.offsets[edge.*row + 1U];
    block.targets.push_back(edge.*target);
    if (type.has_weights) block.weights.push_back(edge.weight);
    if (type.has_times) block.times.push_back(edge.time);
    if (!type.relations.empty()) block.relations.push_back(edge.relation);
  }
  std::partial_sum(block.offsets.begin(), block.offsets.end(), block.offsets.begin());
  return block;
}

template <class T>
std::vector<T> slice(const std::vector<T>& values, std::uint64_t begin, std::uint64_t end) {
  if (values.empty()) return {};
  return {values.begin() + static_cast<std::ptrdiff_t>(begin), values.begin() + static_cast<std::ptrdiff_t>(end)};
}

AdjacencyBlock rows_of(const AdjacencyBlock& whole, IndexRange rows) {
  const std::uint64_t begin = whole.offsets[rows.begin];
  const std::uint64_t end = whole.offsets[rows.end];
  AdjacencyBlock block;
  block.offsets = slice(whole.offsets, rows.begin, rows.end + 1);
  for (std::uint64_t& offset : block.offsets) offset -= begin;
  block.targets = slice(whole.targets, begin, end);
  block.weights = slice(whole.weights, begin, end);
  block.times = slice(whole.times, begin, end);
  block.relations = slice(whole.relations, begin, end);
  return block;
}

EdgeType edge_type(unsigned source, std::string relation, unsigned destination, bool undirected = false) {
  EdgeType type;
  type.source = VertexTypeId{static_cast<std::uint16_t>(source)};
  type.relation = std::move(relation);
  type.destination = VertexTypeId{static_cast<std::uint16_t>(destination)};
  type.undirected = undirected;
  return type;
}

GraphBlocks one_type(std::uint64_t num_vertices, std::vector<Edge> edges, bool undirected = false) {
  return make_graph({{"vertex", num_vertices}}, {{edge_type(0, "links", 0, undirected), std::move(edges)}});
}

}  // namespace

GraphBlocks make_graph(const std::vector<VertexType>& types, const std::vector<EdgeList>& lists) {
  GraphBlocks whole;
  for (const VertexType& type : types) {
    whole.schema.add_vertex_type(type.name, type.count);
    whole.keys.push_back(keys_of(type));
  }
  for (const EdgeList& list : lists) {
    std::vector<Edge> edges = list.edges;
    if (list.type.undirected) {
      for (const Edge& edge : list.edges) {
        if (edge.source == edge.destination) continue;
        edges.push_back(edge);
        std::swap(edges.back().source, edges.back().destination);
      }
    }
    std::stable_sort(edges.begin(), edges.end(), [](const Edge& a, const Edge& b) {
      return std::tie(a.source, a.destination, a.relation) < std::tie(b.source, b.destination, b.relation);
    });
    EdgeType type = list.type;
    type.count = edges.size();
    whole.schema.add_edge_type(type);

    graph::EdgeBlocks blocks;
    blocks.by_source = adjacency_of(type, edges, types[type.source.index()].count, &Edge::source, &Edge::destination);
    blocks.edge_positions.resize(edges.size());
    std::iota(blocks.edge_positions.begin(), blocks.edge_positions.end(), 0U);
    std::stable_sort(blocks.edge_positions.begin(), blocks.edge_positions.end(),
                     [&](std::uint64_t a, std::uint64_t b) { return edges[a].destination < edges[b].destination; });
    std::vector<Edge> incoming;
    for (const std::uint64_t position : blocks.edge_positions) incoming.push_back(edges[position]);
    blocks.by_destination =
        adjacency_of(type, incoming, types[type.destination.index()].count, &Edge::destination, &Edge::source);
    whole.edges.push_back(std::move(blocks));
  }
  return whole;
}

std::vector<Edge> random_edges(std::uint64_t num_sources, std::uint64_t num_destinations, bool same_type,
                               std::uint64_t num_edges, std::uint32_t num_relations, std::uint64_t seed) {
  const RandomStream random(seed, Purpose::kGenerate);
  const std::uint64_t last_source = std::max<std::uint64_t>(num_sources * 8 / 10, 1);
  const std::uint64_t last_destination = std::max<std::uint64_t>(num_destinations * 9 / 10, 1);
  std::vector<Edge> edges;
  if (num_sources == 0 || num_destinations == 0) return edges;
  for (std::uint64_t i = 0; i < num_edges; ++i) {
    const RandomBlock block = random.block(i, 0, 0);
    if (block[3] % 8 == 0 && !edges.empty()) {
      edges.push_back(edges.back());
    } else {
      Edge edge;
      edge.source = static_cast<std::uint32_t>(block[0] % last_source);
      edge.destination = block[3] % 4 == 1 ? 0U : static_cast<std::uint32_t>(block[1] % last_destination);
      if (same_type && block[3] % 16 == 3) edge.destination = edge.source;
      edge.relation = num_relations == 0 ? 0 : block[2] % num_relations;
      edges.push_back(edge);
    }
    edges.back().weight = static_cast<float>(block[2] % 1000 + 1) / 100.0F;
    edges.back().time = 1'600'000'000 + static_cast<std::int64_t>(block[2] % 100000);
  }
  return edges;
}

GraphBlocks random_graph(std::uint64_t num_vertices, std::uint64_t num_edges, std::uint64_t seed, bool undirected,
                         bool weighted) {
  EdgeType type = edge_type(0, "links", 0, undirected);
  type.has_weights = weighted;
  return make_graph({{"vertex", num_vertices}},
                    {{type, random_edges(num_vertices, num_vertices, true, num_edges, 0, seed)}});
}

GraphBlocks random_bipartite(std::uint64_t num_users, std::uint64_t num_items, std::uint64_t num_edges,
                             std::uint64_t seed) {
  return make_graph({{"user", num_users}, {"item", num_items}},
                    {{edge_type(0, "rates", 1), random_edges(num_users, num_items, false, num_edges, 0, seed)}});
}

void scatter_slots(GraphBlocks& whole) {
  graph::EdgeBlocks& edges = whole.edges[0];
  // Every second slot of a row first, then the others.
  const auto order_of = [](const graph::AdjacencyBlock& block) {
    std::vector<std::uint64_t> order;
    for (std::size_t row = 0; row + 1 < block.offsets.size(); ++row) {
      for (const std::uint64_t first : {0U, 1U}) {
        for (std::uint64_t slot = block.offsets[row] + first; slot < block.offsets[row + 1]; slot += 2) {
          order.push_back(slot);
        }
      }
    }
    return order;
  };
  const auto permute = [](auto& values, const std::vector<std::uint64_t>& order) {
    if (values.empty()) return;
    auto old = values;
    for (std::size_t i = 0; i < order.size(); ++i) values[i] = old[order[i]];
  };
  const auto permute_block = [&](graph::AdjacencyBlock& block, const std::vector<std::uint64_t>& order) {
    permute(block.targets, order);
    permute(block.weights, order);
    permute(block.times, order);
    permute(block.relations, order);
  };
  const std::vector<std::uint64_t> by_source = order_of(edges.by_source);
  const std::vector<std::uint64_t> by_destination = order_of(edges.by_destination);
  permute_block(edges.by_source, by_source);
  permute_block(edges.by_destination, by_destination);
  permute(edges.edge_positions, by_destination);
  std::vector<std::uint64_t> new_position(by_source.size());
  for (std::uint64_t i = 0; i < by_source.size(); ++i) new_position[by_source[i]] = i;
  for (std::uint64_t& position : edges.edge_positions) position = new_position[position];
}

GraphBlocks random_typed(std::uint64_t num_users, std::uint64_t seed) {
  const std::uint64_t num_items = num_users / 2 + 1;
  const std::uint64_t num_entities = num_users / 4 + 1;
  EdgeType rates = edge_type(0, "rates", 1);
  rates.has_weights = true;
  rates.has_times = true;
  EdgeType has = edge_type(1, "has", 2);
  has.relations = {"genre", "director", "actor"};
  return make_graph(
      {{"user", num_users}, {"item", num_items}, {"entity", num_entities}},
      {{rates, random_edges(num_users, num_items, false, num_users * 5, 0, seed)},
       {has, random_edges(num_items, num_entities, false, num_items * 3, 3, seed + 1)},
       {edge_type(0, "follows", 0, true), random_edges(num_users, num_users, true, num_users * 2, 0, seed + 2)},
       {edge_type(2, "unused", 1), {}}});
}

std::vector<NamedGraph> awkward_graphs() {
  std::vector<Edge> star_in;
  std::vector<Edge> star_out;
  std::vector<Edge> path;
  for (std::uint32_t i = 1; i < 40; ++i) {
    star_in.push_back({i, 0});
    star_out.push_back({0, i});
    path.push_back({i - 1, i});
  }
  std::vector<NamedGraph> graphs;
  graphs.push_back({"empty", one_type(0, {})});
  graphs.push_back({"one_vertex", one_type(1, {})});
  graphs.push_back({"one_self_loop", one_type(1, {{0, 0}})});
  graphs.push_back({"isolated_vertices", one_type(12, {})});
  graphs.push_back({"fewer_vertices_than_ranks", one_type(3, {{0, 1}, {1, 2}, {2, 0}})});
  graphs.push_back({"star_in", one_type(40, star_in)});
  graphs.push_back({"star_out", one_type(40, star_out)});
  graphs.push_back({"path", one_type(40, path)});
  graphs.push_back({"undirected_path", one_type(40, path, true)});
  graphs.push_back({"parallel_edges", one_type(4, {{0, 1}, {0, 1}, {0, 1}, {1, 0}, {2, 2}, {2, 2}, {3, 0}})});
  graphs.push_back({"type_without_vertices", random_bipartite(9, 0, 0, 1)});
  graphs.push_back({"random_directed", random_graph(60, 300, 2)});
  graphs.push_back({"random_undirected", random_graph(60, 150, 3, true)});
  graphs.push_back({"random_weighted", random_graph(60, 300, 4, false, true)});
  graphs.push_back({"bipartite", random_bipartite(50, 30, 250, 5)});
  graphs.push_back({"typed", random_typed(40, 6)});
  return graphs;
}

GraphBlocks cut(const GraphBlocks& whole, Rank rank, std::int32_t ranks) {
  GraphBlocks mine;
  mine.schema = whole.schema;
  const auto rows_of_type = [&](VertexTypeId type) { return whole.distribution(type, ranks).block(rank); };
  for (std::uint16_t t = 0; t < whole.keys.size(); ++t) {
    const IndexRange rows = rows_of_type(VertexTypeId{t});
    mine.keys.push_back(slice(whole.keys[t], rows.begin, rows.end));
  }
  for (std::uint16_t t = 0; t < whole.edges.size(); ++t) {
    const EdgeType& type = whole.schema.edge_type(EdgeTypeId{t});
    const graph::EdgeBlocks& edges = whole.edges[t];
    const IndexRange incoming = rows_of_type(type.destination);
    const auto& slots = edges.by_destination.offsets;
    mine.edges.push_back({rows_of(edges.by_source, rows_of_type(type.source)), rows_of(edges.by_destination, incoming),
                          slice(edges.edge_positions, slots[incoming.begin], slots[incoming.end])});
  }
  return mine;
}

graph::Assignment assign(const comm::Communicator& comm, const graph::Schema& schema,
                         const std::function<std::int32_t(StableVertexId)>& part_of) {
  graph::Assignment assignment;
  assignment.num_parts = comm.size();
  assignment.method = "test";
  for (std::uint16_t t = 0; t < schema.vertex_types().size(); ++t) {
    const VertexTypeId type{t};
    const graph::BlockDistribution homes(schema.vertex_type(type).count, comm.size());
    const IndexRange rows = homes.block(comm.rank());
    auto& parts = assignment.parts.emplace_back();
    for (std::uint64_t row = rows.begin; row < rows.end; ++row) parts.push_back(part_of(schema.stable_id(type, row)));
  }
  return assignment;
}

const char* name_of(Spread spread) {
  return spread == Spread::kBlock ? "block" : spread == Spread::kScattered ? "scattered" : "last_only";
}

graph::Assignment assign(const comm::Communicator& comm, const graph::Schema& schema, Spread spread) {
  const auto ranks = static_cast<std::uint64_t>(comm.size());
  return assign(comm, schema, [&](StableVertexId vertex) {
    switch (spread) {
      case Spread::kBlock: {
        const VertexTypeId type = schema.type_of(vertex);
        return graph::BlockDistribution(schema.vertex_type(type).count, comm.size())
            .home_of(schema.row_of(vertex))
            .value();
      }
      case Spread::kScattered:
        return static_cast<std::int32_t>(mix64(vertex.value(), 17) % ranks);
      case Spread::kLastOnly:
        break;
    }
    return comm.size() - 1;
  });
}

graph::DistributedGraph distribute(const comm::Communicator& comm, const GraphBlocks& whole, Spread spread) {
  return graph::DistributedGraph::build(comm, cut(whole, comm.rank(), comm.size()), assign(comm, whole.schema, spread));
}

}  // namespace rove::tests
