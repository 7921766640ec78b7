// SPDX-License-Identifier: Apache-2.0
// Neighbour sampling, fan-out [15, 10], batches of 1,024 users, with edge numbers: edges per second over all threads
// and ranks. Usage: sampling_bench <adjacency file | bipartite> [passes] [partitioned]. A user-item graph as two types
// with a link each way, and as one type with both directions stored; "bipartite" is synthetic, 1M users x 200k items x
// 20M interactions. Users are in random order for a file, ascending for the synthetic graph; 200 batches a pass, the
// best pass counts. "partitioned" on several ranks: vertices lie scattered, ranks sample 16 batches at a time.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include "bench/walk_graphs.hpp"
#include <fmt/format.h>

#include "algorithms/sampling/neighbor_sampler.hpp"
#include "algorithms/sampling/partitioned_sampler.hpp"
#include "engine/base/hash.hpp"
#include "engine/base/random.hpp"
#include "engine/comm/environment.hpp"
#include "engine/parallel/parallel.hpp"

namespace {

using namespace rove;
using algorithms::FanoutOptions;
using algorithms::NeighborSampler;
using algorithms::SampledLink;
using algorithms::SampledSubgraph;
using algorithms::SamplingGraph;

constexpr std::uint64_t kBatch = 1024;
constexpr std::uint64_t kBatches = 200;

std::vector<std::uint32_t> seed_rows(std::uint64_t users, bool shuffled) {
  std::vector<std::uint32_t> rows;
  const KeyedPermutation permutation(7, Purpose::kBatchOrder, 0, users);
  while (rows.size() < kBatch * kBatches) {
    for (std::uint64_t i = 0; i < users && rows.size() < kBatch * kBatches; ++i) {
      // No batch crosses the end of the users, where rows would repeat.
      if (i == 0) rows.resize(rows.size() / kBatch * kBatch);
      rows.push_back(static_cast<std::uint32_t>(shuffled ? permutation.apply(i) : i));
    }
  }
  return rows;
}

/// Where each slot by destination lies by source; both sides list a row's neighbours ascending.
void number_edges(graph::EdgeBlocks& edges) {
  edges.edge_positions.resize(edges.by_source.targets.size());
  std::vector<std::uint64_t> next = edges.by_destination.offsets;
  for (std::uint64_t i = 0; i < edges.by_source.targets.size(); ++i) {
    edges.edge_positions[next[edges.by_source.targets[i]]++] = i;
  }
}

/// The same graph with one vertex type, users before items, and one undirected edge type.
graph::GraphBlocks homogeneous(const graph::GraphBlocks& typed) {
  const graph::EdgeBlocks& edges = typed.edges[0];
  const std::uint64_t users = typed.schema.vertex_types()[0].count;
  const std::uint64_t items = typed.schema.vertex_types()[1].count;
  graph::GraphBlocks result;
  result.schema.add_vertex_type("vertex", users + items);
  graph::EdgeType type;
  type.relation = "links";
  type.source = type.destination = VertexTypeId{0};
  type.count = 2 * edges.by_source.targets.size();
  type.undirected = true;
  result.schema.add_edge_type(type);
  result.keys.emplace_back();
  for (std::uint64_t v = 0; v < users + items; ++v) result.keys[0].push_back(VertexKey{v});
  graph::EdgeBlocks& both = result.edges.emplace_back();
  graph::AdjacencyBlock& out = both.by_source;
  out.offsets.assign(edges.by_source.offsets.begin(), edges.by_source.offsets.end());
  for (const std::uint32_t item : edges.by_source.targets) {
    out.targets.push_back(static_cast<std::uint32_t>(users + item));
  }
  const std::uint64_t first = out.offsets.back();
  for (std::uint64_t item = 1; item <= items; ++item) {
    out.offsets.push_back(first + edges.by_destination.offsets[item]);
  }
  out.targets.insert(out.targets.end(), edges.by_destination.targets.begin(), edges.by_destination.targets.end());
  return result;
}

std::vector<std::vector<std::int64_t>> fanouts(const SamplingGraph& graph) {
  const std::size_t links = graph.adjacencies().size();
  return {std::vector<std::int64_t>(links, 15), std::vector<std::int64_t>(links, 10)};
}

/// Every rank samples its block of the batches over rows that their owners answer for.
void measure_partitioned(const comm::Communicator& comm, const graph::GraphBlocks& whole,
                         std::span<const SampledLink> links, std::span<const std::uint32_t> rows, int passes) {
  constexpr std::uint64_t kRound = 16;
  const graph::GraphBlocks blocks = bench::home_blocks(whole, comm.rank(), comm.size());
  graph::Assignment assignment{comm.size(), "hash", {}};
  for (const std::vector<VertexKey>& keys : blocks.keys) {
    std::vector<std::int32_t>& parts = assignment.parts.emplace_back();
    for (const VertexKey key : keys) {
      parts.push_back(static_cast<std::int32_t>(mix64(key.value(), 9) % static_cast<std::uint64_t>(comm.size())));
    }
  }
  const auto graph = algorithms::PartitionedSamplingGraph::build(comm, blocks, assignment, links);
  const algorithms::PartitionedSampler sampler(graph, {{{15, 15}, {10, 10}}, false, 42});
  const IndexRange mine = graph::BlockDistribution(rows.size() / kBatch, comm.size()).block(comm.rank());
  double best = 1e9;
  std::uint64_t edges = 0;
  algorithms::SamplingTraffic traffic;
  for (int pass = 0; pass < passes; ++pass) {
    traffic = {};
    edges = 0;
    std::vector<SampledSubgraph> results;
    comm.barrier();
    const auto start = std::chrono::steady_clock::now();
    for (std::uint64_t at = 0; comm.all_reduce(mine.size() - at, comm::ReduceOp::kMax) > 0;) {
      const std::uint64_t end = std::min(mine.size(), at + kRound);
      std::vector<std::vector<algorithms::SeedRows>> batches;
      for (; at < end; ++at) {
        batches.push_back({{VertexTypeId{0}, rows.subspan((mine.begin + at) * kBatch, kBatch)}});
      }
      sampler.sample(comm, batches, static_cast<std::uint64_t>(pass), results, traffic);
      for (const SampledSubgraph& batch : results) edges += batch.num_edges();
    }
    comm.barrier();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  edges = comm.all_reduce(edges, comm::ReduceOp::kSum);
  const std::uint64_t requests = comm.all_reduce(traffic.requests, comm::ReduceOp::kSum);
  const std::uint64_t answers = comm.all_reduce(traffic.answers, comm::ReduceOp::kSum);
  const std::uint64_t batches = rows.size() / kBatch;
  if (!comm.is_root()) return;
  fmt::print(
      "partitioned, {} ranks x {} threads: {:.1f} M edges/s, {:.0f} edges a batch, {} bytes asked and {} bytes "
      "answered between ranks a batch\n",
      comm.size(), parallel::concurrency(), static_cast<double>(edges) / best * 1e-6,
      static_cast<double>(edges) / static_cast<double>(batches), requests / batches, answers / batches);
}

void measure(const SamplingGraph& graph, bool replace, std::span<const std::uint32_t> rows, int passes) {
  const NeighborSampler sampler(graph, {fanouts(graph), replace, 42});
  double best = 1e9;
  std::uint64_t edges = 0;
  std::uint64_t vertices = 0;
  for (int pass = 0; pass < passes; ++pass) {
    parallel::PerThread<std::array<std::uint64_t, 2>> counts;
    const auto start = std::chrono::steady_clock::now();
    sampler.sample_batches({VertexTypeId{0}, rows}, kBatch, static_cast<std::uint64_t>(pass),
                           [&](std::uint64_t, const SampledSubgraph& batch) {
                             counts.local()[0] += batch.num_edges();
                             for (const auto& type : batch.vertices) counts.local()[1] += type.rows.size();
                           });
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    edges = 0;
    vertices = 0;
    counts.for_each([&](const std::array<std::uint64_t, 2>& part) {
      edges += part[0];
      vertices += part[1];
    });
    best = std::min(best, seconds);
  }
  const auto batches = static_cast<double>(rows.size() / kBatch);
  fmt::print(
      "{} replacement: {:.1f} M edges/s, {:.3f} ms of one thread a batch, {:.0f} edges and {:.0f} vertices a batch\n",
      replace ? "with" : "without", static_cast<double>(edges) / best * 1e-6,
      best / batches * 1e3 * parallel::concurrency(), static_cast<double>(edges) / batches,
      static_cast<double>(vertices) / batches);
}

}  // namespace

int main(int argc, char** argv) {
  return comm::run_main(&argc, &argv, [&](comm::Environment& environment) {
    const std::string name = argc > 1 ? argv[1] : "bipartite";
    const int passes = argc > 2 ? std::atoi(argv[2]) : 5;
    const bool synthetic = name == "bipartite";
    graph::GraphBlocks blocks =
        synthetic ? bench::power_law_bipartite(1'000'000, 200'000, 20'000'000, 1) : bench::read_adjacency(name);
    number_edges(blocks.edges[0]);
    const std::vector<SampledLink> links{{EdgeTypeId{0}, exec::Direction::kOut}, {EdgeTypeId{0}, exec::Direction::kIn}};
    const std::uint64_t users = blocks.schema.vertex_type(VertexTypeId{0}).count;
    const comm::Communicator& world = environment.world();
    const std::vector<std::uint32_t> rows = seed_rows(users, !synthetic);
    if (world.is_root()) {
      fmt::print("{}: {} users, {} interactions, {} threads\n", name, users, blocks.schema.num_edges(),
                 parallel::concurrency());
    }
    if (argc > 3) {
      measure_partitioned(world, blocks, links, rows, passes);
      return 0;
    }
    {
      const SamplingGraph graph = SamplingGraph::replicated(world, blocks, links);
      fmt::print("two types\n");
      measure(graph, false, rows, passes);
      measure(graph, true, rows, passes);
    }
    blocks = homogeneous(blocks);
    const SamplingGraph graph = SamplingGraph::replicated(world, blocks, std::span(links).first(1));
    fmt::print("one type\n");
    measure(graph, false, rows, passes);
    measure(graph, true, rows, passes);
    return 0;
  });
}
