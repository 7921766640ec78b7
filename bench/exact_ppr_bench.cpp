// SPDX-License-Identifier: Apache-2.0
// Exact PPR without an index, on one core: seconds per source for single sources (L1 error 1e-8), and 1,000 sources at
// once by their precision@50. Beside it plain power iteration over the same adjacency, the floor that both are measured
// against. Usage: exact_ppr_bench <adjacency file | rmat20 | bipartite> [sources] [sources of the batch] [tolerance]
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <string>
#include <vector>

#include "bench/walk_graphs.hpp"
#include <fmt/format.h>

#include "algorithms/ppr/exact.hpp"
#include "engine/base/top_k.hpp"
#include "engine/comm/environment.hpp"
#include "engine/parallel/parallel.hpp"

namespace rove::bench {

namespace {

using algorithms::ExactPpr;
using algorithms::WeightedSeed;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// f <- (1 - c) f P as pulls, until the L1 error is at most `tolerance`: what every reversible graph allows.
std::vector<double> power_iteration(const exec::WalkGraph& graph, std::uint32_t source, double tolerance) {
  constexpr double kRestart = 0.15;
  const std::uint32_t n = graph.num_rows();
  std::vector<double> scores(n);
  std::vector<double> shares(n);
  std::vector<double> next(n);
  shares[source] = (1 - kRestart) / static_cast<double>(graph.degree(source));
  scores[source] = kRestart;
  double left = 1 - kRestart;
  while (left > tolerance) {
    for (std::uint32_t v = 0; v < n; ++v) {
      double sum = 0;
      for (const std::uint32_t u : graph.neighbors(v)) sum += shares[u];
      scores[v] += kRestart * sum;
      next[v] = graph.degree(v) == 0 ? 0.0 : (1 - kRestart) / static_cast<double>(graph.degree(v)) * sum;
    }
    shares.swap(next);
    left *= 1 - kRestart;
  }
  return scores;
}

std::vector<Scored> best(const std::vector<double>& scores, std::uint32_t source, IndexRange targets) {
  TopK top(50);
  for (std::uint64_t v = targets.begin; v < targets.end; ++v) {
    if (v != source) top.push({static_cast<float>(scores[v]), v});
  }
  return top.take();
}

int run(const comm::Communicator& world, const std::string& which, std::size_t num_sources, std::size_t batch,
        double tolerance) {
  const parallel::ConcurrencyLimit limit(1);
  const graph::GraphBlocks blocks = which == "rmat20"      ? symmetrised_rmat(20, 16, 1)
                                    : which == "bipartite" ? power_law_bipartite(1'000'000, 200'000, 20'000'000, 1)
                                                           : read_adjacency(which);
  const exec::WalkGraph graph = exec::WalkGraph::replicated(world, blocks, {exec::Direction::kBoth, {}});
  const IndexRange sources = blocks.schema.stable_range(VertexTypeId{0});
  const IndexRange all{0, graph.num_rows()};
  Clock::time_point start = Clock::now();
  const ExactPpr exact(algorithms::WalkGraphSlots(graph), graph.num_rows(), true, 0.15);
  fmt::print("{} vertices, {} slots; prepared in {:.2f} s; {}\n", graph.num_rows(), graph.num_slots(),
             seconds_since(start), exact.is_bipartite() ? "bipartite" : "not bipartite");
  const auto source_at = [&](std::size_t i, std::size_t count) {
    return static_cast<std::uint32_t>(sources.begin + i * sources.size() / count);
  };
  double took = 0;
  double worst = 0;
  double distance = 0;
  std::uint32_t rounds = 0;
  double reference = 0;
  for (std::size_t i = 0; i < num_sources; ++i) {
    const WeightedSeed seed{source_at(i, num_sources), 1.0};
    start = Clock::now();
    const ExactPpr::Scores scores = exact.solve(std::span(&seed, 1), 1e-8);
    took += seconds_since(start);
    worst = std::max(worst, scores.error);
    rounds = std::max(rounds, scores.rounds);
    if (i >= 3) continue;
    start = Clock::now();
    const std::vector<double> truth = power_iteration(graph, seed.vertex, 1e-11);
    reference += seconds_since(start) * std::log(1e-8) / std::log(1e-11);
    double sum = 0;
    for (std::size_t v = 0; v < truth.size(); ++v) sum += std::abs(truth[v] - scores.values[v]);
    distance = std::max(distance, sum);
  }
  if (num_sources > 0) {
    fmt::print(
        "L1 1e-8: {:.4f} s per source, {} rounds at most; bound {:.1e}, L1 distance from power iteration {:.1e}\n",
        took / static_cast<double>(num_sources), rounds, worst, distance);
    fmt::print("power iteration to the same error: {:.4f} s per source\n",
               reference / static_cast<double>(std::min<std::size_t>(num_sources, 3)));
  }

  took = 0;
  std::vector<std::vector<Scored>> lists(batch);
  for (std::size_t begin = 0; begin < batch; begin += ExactPpr::kColumns) {
    std::vector<std::uint32_t> columns;
    for (std::size_t i = begin; i < std::min(batch, begin + ExactPpr::kColumns); ++i) {
      columns.push_back(source_at(i, batch));
    }
    start = Clock::now();
    std::vector<TopK> tops(columns.size(), TopK(50));
    exact.solve_columns(columns, tolerance, [&](std::uint32_t v, std::span<const float, ExactPpr::kColumns> values) {
      for (std::size_t c = 0; c < tops.size(); ++c) {
        if (tops[c].may_enter(values[c]) && v != columns[c]) tops[c].push({values[c], v});
      }
    });
    for (std::size_t c = 0; c < columns.size(); ++c) lists[begin + c] = tops[c].take();
    took += seconds_since(start);
  }
  if (batch == 0) return 0;
  double precision = 0;
  const std::size_t checked = std::min<std::size_t>(batch, 100);
  for (std::size_t i = 0; i < checked; ++i) {
    const std::size_t which_one = i * batch / checked;
    const WeightedSeed seed{source_at(which_one, batch), 1.0};
    const std::vector<Scored> truth = best(exact.solve(std::span(&seed, 1), 1e-12).values, seed.vertex, all);
    std::set<std::uint64_t> ids;
    for (const Scored& scored : truth) ids.insert(scored.id);
    double hits = 0;
    for (const Scored& scored : lists[which_one]) hits += static_cast<double>(ids.count(scored.id));
    precision += hits / static_cast<double>(truth.size());
  }
  fmt::print("{} sources, {} at once, tolerance {:.0e}: {:.2f} s, precision@50 {:.4f} ({} checked)\n", batch,
             ExactPpr::kColumns, tolerance, took, precision / static_cast<double>(checked), checked);
  return 0;
}

}  // namespace

}  // namespace rove::bench

int main(int argc, char** argv) {
  rove::comm::Environment environment(&argc, &argv);
  return rove::comm::run_to_exit_code(environment.world(), [&] {
    const auto number = [&](int i, int otherwise) {
      return static_cast<std::size_t>(argc > i ? std::atoi(argv[i]) : otherwise);
    };
    return rove::bench::run(environment.world(), argc > 1 ? argv[1] : "rmat20", number(2, 20), number(3, 1000),
                            argc > 4 ? std::atof(argv[4]) : 1e-3);
  });
}
