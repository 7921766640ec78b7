// SPDX-License-Identifier: Apache-2.0
#include "bench/bipartite_graphs.hpp"

#include <algorithm>
#include <chrono>
#include <functional>
#include <numeric>

#include "engine/base/hash.hpp"
#include "engine/base/huge_buffer.hpp"
#include "engine/base/random.hpp"
#include "engine/graph/block_distribution.hpp"
#include "engine/parallel/parallel.hpp"
#include "io/ids/resolve_interactions.hpp"
#include "io/import/import_graph.hpp"

namespace rove::bench {
namespace {

struct Pair {
  std::uint32_t user = 0;
  std::uint32_t item = 0;
  friend auto operator<=>(const Pair&, const Pair&) = default;
};

io::TextLayout adjacency_file(const std::string& path) {
  io::TextLayout layout;
  layout.files = {path};
  layout.format = io::TextFormat::kAdjacency;
  return layout;
}

/// Numbers of a file to rows by key, and the keys by row.
struct Rows {
  std::vector<std::uint32_t> row_of;
  std::vector<VertexKey> keys;
};

Rows rows_by_key(const std::string& type, std::uint32_t count) {
  const VertexKeyHasher hasher(type);
  std::vector<VertexKey> key_of(count);
  for (std::uint32_t i = 0; i < count; ++i) key_of[i] = hasher(std::to_string(i));
  std::vector<std::uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0U);
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) { return key_of[a] < key_of[b]; });
  Rows rows{std::vector<std::uint32_t>(count), std::vector<VertexKey>(count)};
  for (std::uint32_t row = 0; row < count; ++row) {
    rows.row_of[order[row]] = row;
    rows.keys[row] = key_of[order[row]];
  }
  return rows;
}

void fill_block(const std::vector<Pair>& sorted, IndexRange block, std::vector<std::uint64_t>& offsets,
                std::vector<std::uint32_t>& targets) {
  const auto begin = std::lower_bound(sorted.begin(), sorted.end(), Pair{static_cast<std::uint32_t>(block.begin), 0});
  offsets.assign(block.size() + 1, 0);
  for (auto pair = begin; pair != sorted.end() && pair->user < block.end; ++pair) {
    ++offsets[pair->user - block.begin + 1];
    targets.push_back(pair->item);
  }
  std::partial_sum(offsets.begin(), offsets.end(), offsets.begin());
}

BipartiteGraph make_graph(const comm::Communicator& comm, std::vector<Pair> train, std::uint32_t users,
                          std::uint32_t items) {
  Rows user_rows = rows_by_key("user", users);
  Rows item_rows = rows_by_key("item", items);
  for (Pair& pair : train) pair = {user_rows.row_of[pair.user], item_rows.row_of[pair.item]};
  parallel::sort(std::span(train), std::less<>());
  train.erase(std::unique(train.begin(), train.end()), train.end());

  BipartiteGraph result;
  graph::Schema& schema = result.blocks.schema;
  const VertexTypeId user = schema.add_vertex_type("user", users);
  const VertexTypeId item = schema.add_vertex_type("item", items);
  graph::EdgeType type;
  type.source = user;
  type.relation = "rates";
  type.destination = item;
  type.count = train.size();
  (void)schema.add_edge_type(type);
  const IndexRange user_block = result.blocks.distribution(user, comm.size()).block(comm.rank());
  const IndexRange item_block = result.blocks.distribution(item, comm.size()).block(comm.rank());
  const auto slice = [](const std::vector<VertexKey>& keys, IndexRange block) {
    return std::vector<VertexKey>(keys.begin() + static_cast<std::ptrdiff_t>(block.begin),
                                  keys.begin() + static_cast<std::ptrdiff_t>(block.end));
  };
  result.blocks.keys = {slice(user_rows.keys, user_block), slice(item_rows.keys, item_block)};
  graph::EdgeBlocks edges;
  fill_block(train, user_block, edges.by_source.offsets, edges.by_source.targets);

  struct Reversed {
    std::uint32_t item = 0;
    std::uint32_t user = 0;
    std::uint64_t position = 0;
    bool operator<(const Reversed& other) const { return item != other.item ? item < other.item : user < other.user; }
  };
  std::vector<Reversed> reversed(train.size());
  for (std::uint64_t i = 0; i < train.size(); ++i) reversed[i] = {train[i].item, train[i].user, i};
  parallel::sort(std::span(reversed), std::less<>());
  edges.by_destination.offsets.assign(item_block.size() + 1, 0);
  for (const Reversed& edge : reversed) {
    if (!item_block.contains(edge.item)) continue;
    ++edges.by_destination.offsets[edge.item - item_block.begin + 1];
    edges.by_destination.targets.push_back(edge.user);
    edges.edge_positions.push_back(edge.position);
  }
  std::partial_sum(edges.by_destination.offsets.begin(), edges.by_destination.offsets.end(),
                   edges.by_destination.offsets.begin());
  result.blocks.edges.push_back(std::move(edges));
  return result;
}

}  // namespace

BipartiteGraph read_adjacency(const comm::Communicator& comm, const std::string& train, const std::string& test) {
  io::ImportOptions options;
  io::EdgeOptions& edges = options.edges.emplace_back();
  edges.source_type = "user";
  edges.relation_name = "rates";
  edges.destination_type = "item";
  edges.layout = adjacency_file(train);
  io::ImportedGraph graph = io::import_graph(comm, options);
  BipartiteGraph result{std::move(graph.blocks), {}, {}};
  if (test.empty()) return result;
  const auto index = [&](std::uint16_t type, const char* name) {
    return io::IdIndex(comm, name, VertexTypeId{type}, graph.ids[type], result.blocks.keys[type], graph.overrides);
  };
  io::ResolvedInteractions held_out =
      io::resolve_interactions(comm, adjacency_file(test), index(0, "user"), index(1, "item"));
  result.test_offsets = std::move(held_out.offsets);
  result.test_items = std::move(held_out.targets);
  return result;
}

BipartiteGraph zipf_graph(const comm::Communicator& comm, std::uint64_t users, std::uint64_t items,
                          std::uint64_t interactions) {
  std::vector<double> cumulative(items);
  double total = 0;
  for (std::uint64_t i = 0; i < items; ++i) cumulative[i] = total += 1.0 / static_cast<double>(i + 1);
  const RandomStream random(1, Purpose::kGenerate);
  std::vector<Pair> pairs(interactions);
  parallel::for_each({0, interactions}, 4096, [&](std::uint64_t i) {
    const double point = to_unit(random.draw(i, 0, 0)) * total;
    const auto item = std::upper_bound(cumulative.begin(), cumulative.end(), point) - cumulative.begin();
    pairs[i] = {static_cast<std::uint32_t>(slot_multiply_shift(random.draw(i, 0, 1), users)),
                static_cast<std::uint32_t>(std::min<std::ptrdiff_t>(item, static_cast<std::ptrdiff_t>(items) - 1))};
  });
  return make_graph(comm, std::move(pairs), static_cast<std::uint32_t>(users), static_cast<std::uint32_t>(items));
}

graph::DistributedGraph scatter(const comm::Communicator& comm, const graph::GraphBlocks& blocks) {
  graph::Assignment assignment;
  assignment.num_parts = comm.size();
  assignment.method = "hash";
  for (std::uint16_t t = 0; t < blocks.schema.vertex_types().size(); ++t) {
    const IndexRange block = blocks.distribution(VertexTypeId{t}, comm.size()).block(comm.rank());
    std::vector<std::int32_t>& parts = assignment.parts.emplace_back();
    for (std::uint64_t row = block.begin; row < block.end; ++row) {
      const std::uint64_t hash = mix64(blocks.schema.stable_id(VertexTypeId{t}, row).value(), 7);
      parts.push_back(static_cast<std::int32_t>(hash % static_cast<std::uint64_t>(comm.size())));
    }
  }
  return graph::DistributedGraph::build(comm, blocks, assignment);
}

Bandwidth measure_bandwidth() {
  constexpr std::uint64_t kSize = std::uint64_t{1} << 25U;
  constexpr std::uint64_t kGrain = std::uint64_t{1} << 18U;
  constexpr int kRepetitions = 8;
  HugeBuffer<double> a(kSize);
  HugeBuffer<double> b(kSize);
  HugeBuffer<double> c(kSize);
  const auto best = [&](double bytes, const std::function<void(IndexRange)>& body) {
    double seconds = 1e9;
    for (int k = 0; k < kRepetitions; ++k) {
      const auto start = std::chrono::steady_clock::now();
      parallel::for_chunks({0, kSize}, kGrain, body);
      seconds = std::min(seconds, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    return bytes * static_cast<double>(kSize) / seconds * 1e-9;
  };
  Bandwidth result;
  result.copy = best(16, [&](IndexRange r) { std::copy(a.data() + r.begin, a.data() + r.end, c.data() + r.begin); });
  result.triad = best(24, [&](IndexRange r) {
    for (std::uint64_t i = r.begin; i < r.end; ++i) a[i] = b[i] + 3.0 * c[i];
  });
  parallel::PerThread<double> sink;
  result.read = best(8, [&](IndexRange r) {
    double sums[8] = {};
    for (std::uint64_t i = r.begin; i < r.end; i += 8) {
      for (std::uint64_t k = 0; k < 8; ++k) sums[k] += a[i + k];
    }
    sink.local() += std::accumulate(std::begin(sums), std::end(sums), 0.0);
  });
  return result;
}

}  // namespace rove::bench
