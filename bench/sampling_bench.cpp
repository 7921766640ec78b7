// SPDX-License-Identifier: Apache-2.0
// Neighbour sampling, fan-out [15, 10], batches of 1,024 users, with edge numbers: edges per second over all threads.
// Usage: sampling_bench <adjacency file | bipartite> [passes]. One user-item graph, both directions as two links;
// "bipartite" is synthetic, 1M users x 200k items x 20M interactions. Users are in random order for a file, ascending
// for the synthetic graph; 200 batches a pass, the best pass counts.
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

void measure(const SamplingGraph& graph, bool replace, std::span<const std::uint32_t> rows, int passes) {
  const NeighborSampler sampler(graph, {{{15, 15}, {10, 10}}, replace, 42});
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
    const SamplingGraph graph = SamplingGraph::replicated(environment.world(), blocks, links);
    const std::uint64_t users = blocks.schema.vertex_type(VertexTypeId{0}).count;
    fmt::print("{}: {} users, {} interactions, {} threads\n", name, users, blocks.schema.num_edges(),
               parallel::concurrency());
    const std::vector<std::uint32_t> rows = seed_rows(users, !synthetic);
    measure(graph, false, rows, passes);
    measure(graph, true, rows, passes);
    return 0;
  });
}
