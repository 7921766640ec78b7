// SPDX-License-Identifier: Apache-2.0
// propagation_bench [train.txt | synthetic ...]: one pull of 64 columns over the graph of an adjacency file, or a
// synthetic one of 1M users, 200k items and 20M draws, as gathered bytes per second beside STREAM.
#include <chrono>
#include <cstdio>
#include <string>

#include "bench/bipartite_graphs.hpp"
#include <fmt/format.h>

#include "engine/base/huge_buffer.hpp"
#include "engine/base/isa.hpp"
#include "engine/comm/environment.hpp"
#include "engine/exec/propagation.hpp"
#include "engine/parallel/parallel.hpp"

namespace {

using namespace rove;

constexpr std::uint32_t kWidth = 64;

void measure(const comm::Communicator& world, const std::string& name, const bench::BipartiteGraph& input,
             int repetitions) {
  const graph::DistributedGraph graph = bench::scatter(world, input.blocks);
  const exec::Propagation propagation(graph, {});
  HugeBuffer<float> x(std::size_t{graph.num_local()} * kWidth);
  HugeBuffer<float> y(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 97) * 0.01F;
  exec::Propagation::Pull pull;
  pull.scale = propagation.chain();
  double best = 1e9;
  for (int k = 0; k < repetitions; ++k) {
    world.barrier();
    const auto start = std::chrono::steady_clock::now();
    propagation.pull(x.span(), kWidth, pull, y.span());
    world.barrier();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  const std::uint64_t slots = world.all_reduce(propagation.num_slots(), comm::ReduceOp::kSum);
  const auto rows = static_cast<double>(graph.schema().num_vertices());
  const double gathered = static_cast<double>(slots) * (4.0 * kWidth + 4) + rows * 4.0 * kWidth;
  const double compulsory = static_cast<double>(slots) * 4 + rows * 8.0 * kWidth;
  if (!world.is_root()) return;
  fmt::print("{}: {} slots, {:.2f} ms a pull, gathered {:.1f} GB/s, compulsory {:.1f} GB/s, {:.1f} GFLOP/s\n", name,
             slots, best * 1e3, gathered / best * 1e-9, compulsory / best * 1e-9,
             2.0 * kWidth * static_cast<double>(slots) / best * 1e-9);
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
