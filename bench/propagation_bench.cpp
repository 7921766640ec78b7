// SPDX-License-Identifier: Apache-2.0
// propagation_bench [train.txt | synthetic ...]: one pull of 64 columns over the graph of an adjacency file, or a
// synthetic one of 1M users, 200k items and 20M draws, stored as float32 and as bfloat16: gathered bytes per second
// beside STREAM and, on one rank, beside the loop that anyone would write first; there also with rows by cluster, as
// training by columns lays them.
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "bench/bipartite_graphs.hpp"
#include <fmt/format.h>

#include "engine/base/huge_buffer.hpp"
#include "engine/base/isa.hpp"
#include "engine/base/simd.hpp"
#include "engine/comm/environment.hpp"
#include "engine/exec/propagation.hpp"
#include "engine/graph/replicate.hpp"
#include "engine/parallel/parallel.hpp"
#include "gnn/batch_options.hpp"
#include "partition/locality_order.hpp"

namespace {

using namespace rove;

constexpr std::uint32_t kWidth = 64;

void fill(HugeBuffer<float>& x) {
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 97) * 0.01F;
}
void fill(HugeBuffer<BFloat16>& x) {
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = to_bfloat16(static_cast<float>(i % 97) * 0.01F);
}

template <class Work>
double best_of(const comm::Communicator& world, int repetitions, const Work& work) {
  double best = 1e9;
  for (int k = 0; k < repetitions; ++k) {
    world.barrier();
    const auto start = std::chrono::steady_clock::now();
    work();
    world.barrier();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

/// The normalised adjacency as every library stores it: a value per slot.
struct Csr {
  std::vector<std::uint64_t> offsets{0};
  std::vector<std::uint32_t> targets;
  std::vector<float> values;
};

Csr normalised_adjacency(const exec::Propagation& propagation) {
  Csr csr;
  for (std::uint32_t row = 0; row < propagation.num_owned(); ++row) {
    const auto targets = propagation.targets_of(row);
    for (const std::uint32_t target : targets) {
      const auto degrees =
          static_cast<double>(targets.size()) * static_cast<double>(propagation.targets_of(target).size());
      csr.targets.push_back(target);
      csr.values.push_back(static_cast<float>(1.0 / std::sqrt(degrees)));
    }
    csr.offsets.push_back(csr.targets.size());
  }
  return csr;
}

/// Rows [begin, end) of Y = A X, one after another, what comes next left to the processor.
void plain_rows(const Csr& csr, const float* x, float* y, std::uint64_t begin, std::uint64_t end) {
  using simd::F32x16;
  for (std::uint64_t row = begin; row < end; ++row) {
    F32x16 sum[kWidth / simd::kLanes];
    for (F32x16& s : sum) s = F32x16::zero();
    for (std::uint64_t i = csr.offsets[row]; i < csr.offsets[row + 1]; ++i) {
      const F32x16 value = F32x16::broadcast(csr.values[i]);
      const float* from = x + std::size_t{csr.targets[i]} * kWidth;
      for (std::size_t b = 0; b < std::size(sum); ++b) {
        sum[b] = fma(value, F32x16::load(from + b * simd::kLanes), sum[b]);
      }
    }
    for (std::size_t b = 0; b < std::size(sum); ++b) sum[b].store(y + row * kWidth + b * simd::kLanes);
  }
}

void measure_plain_loop(const comm::Communicator& world, const std::string& name, const exec::Propagation& propagation,
                        int repetitions) {
  const Csr csr = normalised_adjacency(propagation);
  HugeBuffer<float> x(std::size_t{propagation.num_local()} * kWidth);
  HugeBuffer<float> y(x.size());
  fill(x);
  constexpr std::uint64_t kPlainGrain = 256;
  const double best = best_of(world, repetitions, [&] {
    parallel::for_chunks({0, propagation.num_owned()}, kPlainGrain,
                         [&](IndexRange rows) { plain_rows(csr, x.data(), y.data(), rows.begin, rows.end); });
  });
  fmt::print("{}, float32, plain loop over a CSR: {:.2f} ms\n", name, best * 1e3);
}

template <class Stored>
void measure_stored(const comm::Communicator& world, const std::string& name, const exec::Propagation& propagation,
                    int repetitions) {
  HugeBuffer<Stored> x(std::size_t{propagation.num_local()} * kWidth);
  HugeBuffer<Stored> y(x.size());
  fill(x);
  exec::Propagation::Pull pull;
  pull.scale = propagation.chain();
  const double best = best_of(world, repetitions, [&] { propagation.pull(x.span(), kWidth, pull, y.span()); });
  const std::uint64_t slots = world.all_reduce(propagation.num_slots(), comm::ReduceOp::kSum);
  const auto rows = static_cast<double>(propagation.graph().schema().num_vertices());
  constexpr double kRowBytes = sizeof(Stored) * kWidth;
  const double gathered = static_cast<double>(slots) * (kRowBytes + 4) + rows * kRowBytes;
  const double compulsory = static_cast<double>(slots) * 4 + rows * 2 * kRowBytes;
  if (!world.is_root()) return;
  fmt::print("{}, {}: {} slots, {:.2f} ms a pull, gathered {:.1f} GB/s, compulsory {:.1f} GB/s, {:.1f} GFLOP/s\n", name,
             sizeof(Stored) == 2 ? "bfloat16" : "float32", slots, best * 1e3, gathered / best * 1e-9,
             compulsory / best * 1e-9, 2.0 * kWidth * static_cast<double>(slots) / best * 1e-9);
}

void measure_graph(const comm::Communicator& world, const std::string& name, const graph::DistributedGraph& graph,
                   int repetitions) {
  const exec::Propagation propagation(graph, {});
  if (world.size() == 1) measure_plain_loop(world, name, propagation, repetitions);
  measure_stored<float>(world, name, propagation, repetitions);
  measure_stored<BFloat16>(world, name, propagation, repetitions);
}

void measure(const comm::Communicator& world, const std::string& name, const bench::BipartiteGraph& input,
             int repetitions) {
  measure_graph(world, name, bench::scatter(world, input.blocks), repetitions);
  if (world.size() > 1) return;
  const std::uint64_t bytes = input.blocks.schema.num_vertices() * kWidth * sizeof(float);
  const std::uint64_t clusters = bytes / gnn::BatchOptions().cluster_bytes + 1;
  const auto start = std::chrono::steady_clock::now();
  const graph::RowOrder order = partition::locality_order(world, input.blocks, clusters);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  fmt::print("{}: {} clusters in {:.2f} s\n", name, clusters, seconds);
  measure_graph(world, name + " by cluster", graph::build_alone(world, graph::reordered(input.blocks, order)),
                repetitions);
}

}  // namespace

int main(int argc, char** argv) {
  const comm::Environment environment(&argc, &argv);
  const comm::Communicator& world = environment.world();
  return comm::run_to_exit_code(world, [&] {
    const bench::Bandwidth stream = bench::measure_bandwidth();
    if (world.is_root()) {
      fmt::print("{} ranks x {} threads, {}; STREAM copy {:.1f}, triad {:.1f}, read {:.1f} GB/s\n", world.size(),
                 parallel::concurrency(), isa_name(active_isa()), stream.copy, stream.triad, stream.read);
    }
    for (int i = 1; i < argc; ++i) {
      const std::string name = argv[i];
      const bool is_file = name != "synthetic";
      measure(
          world, name,
          is_file ? bench::read_adjacency(world, name, "") : bench::zipf_graph(world, 1'000'000, 200'000, 20'000'000),
          is_file ? 200 : 5);
    }
    return 0;
  });
}
