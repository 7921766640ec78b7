// SPDX-License-Identifier: Apache-2.0
// Personalized PageRank of every user: time and quality of the item index against exact power iteration on sampled
// users, and the rate of travelling walks in the partitioned layout (start it with mpirun). Usage: ppr_bench <adjacency
// file | bipartite> [sampled users] [sources of the partitioned run].
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "bench/walk_graphs.hpp"
#include <fmt/format.h>

#include "algorithms/ppr/ppr.hpp"
#include "engine/base/hash.hpp"
#include "engine/comm/environment.hpp"
#include "engine/parallel/parallel.hpp"

namespace rove::bench {

namespace {

using algorithms::PprMethod;
using algorithms::PprOptions;
using algorithms::PprResult;

/// Times the stages that the algorithm reports.
class StageClock : public ProgressSink {
 public:
  void begin(std::string_view stage, std::uint64_t /*total*/, std::string_view /*unit*/) override {
    stage_ = stage;
    begun_ = std::chrono::steady_clock::now();
  }
  void update(std::uint64_t /*done*/, std::string_view /*detail*/) override {}
  void end(std::string_view /*detail*/) override {
    seconds[stage_] += std::chrono::duration<double>(std::chrono::steady_clock::now() - begun_).count();
  }

  std::map<std::string, double> seconds;

 private:
  std::string stage_;
  std::chrono::steady_clock::time_point begun_;
};

void print(const std::string& line) {
  std::fputs((line + "\n").c_str(), stdout);
  std::fflush(stdout);
}

graph::DistributedGraph distribute(const comm::Communicator& comm, const graph::GraphBlocks& blocks) {
  graph::Assignment assignment{comm.size(), "hash", {}};
  for (const auto& keys : blocks.keys) {
    auto& parts = assignment.parts.emplace_back();
    for (const VertexKey key : keys) {
      parts.push_back(static_cast<std::int32_t>(mix64(key.value(), 5) % static_cast<std::uint64_t>(comm.size())));
    }
  }
  return graph::DistributedGraph::build(comm, blocks, assignment);
}

void compare(const PprResult& exact, const PprResult& lists, std::span<const std::uint64_t> rows, std::uint32_t k) {
  double precision = 0.0;
  double goodness = 0.0;
  double counted = 0.0;
  for (const std::uint64_t row : rows) {
    std::map<std::uint64_t, double> truth;
    const auto targets = exact.lists.targets_of(row);
    for (std::size_t i = 0; i < targets.size(); ++i) {
      truth[targets[i]] = static_cast<double>(exact.lists.scores_of(row)[i]);
    }
    double best = 0.0;
    for (std::size_t i = 0; i < std::min<std::size_t>(k, targets.size()); ++i) best += truth[targets[i]];
    const auto top = targets.first(std::min<std::size_t>(k, targets.size()));
    const std::set<std::uint64_t> ideal(top.begin(), top.end());
    double hits = 0.0;
    double found = 0.0;
    for (const std::uint64_t target : lists.lists.targets_of(row)) {
      hits += ideal.contains(target) ? 1.0 : 0.0;
      found += truth.contains(target) ? truth[target] : 0.0;
    }
    if (ideal.empty()) continue;
    precision += hits / static_cast<double>(ideal.size());
    goodness += found / best;
    counted += 1.0;
  }
  print(fmt::format("  precision@{} {:.4f}   RAG@{} {:.4f}   ({} users)", k, precision / counted, k, goodness / counted,
                    counted));
}

void replicated(const comm::Communicator& world, const graph::GraphBlocks& blocks, std::uint64_t sampled) {
  PprOptions options;
  options.targets = VertexTypeId{1};
  const std::uint64_t users = blocks.schema.vertex_type(options.sources).count;
  options.method = PprMethod::kItemIndex;
  StageClock clock;
  options.progress = &clock;
  const PprResult index = personalized_pagerank(world, blocks, options);
  const double build = clock.seconds["ppr: item index"];
  print(fmt::format("item index: {} walks per item, {} entries: built in {:.2f} s, {:.1f} M steps/s with counting",
                    options.item_walks, options.item_entries, build, static_cast<double>(index.moves) / build / 1e6));
  const double lists = clock.seconds["ppr: one-hop lists"];
  print(fmt::format("lists of {} users: {:.2f} s, {:.2f} us per user on {} threads", users, lists,
                    lists * 1e6 / static_cast<double>(users), parallel::concurrency()));
  if (sampled == 0) return;

  std::vector<std::uint64_t> rows;
  for (std::uint64_t i = 0; i < sampled; ++i) rows.push_back(i * users / sampled);
  options.source_rows = rows;
  options.top_k = 2000;
  options.method = PprMethod::kPower;
  const PprResult exact = personalized_pagerank(world, distribute(world, blocks), options);
  const double power = clock.seconds["ppr: power iteration"];
  print(fmt::format("power iteration: {:.2f} s per source", power / static_cast<double>(sampled)));
  compare(exact, index, rows, 100);
  options.top_k = 100;
  options.method = PprMethod::kWalks;
  const PprResult walks = personalized_pagerank(world, blocks, options);
  print(fmt::format("walks: {} per source, {:.3f} ms per source", options.walks,
                    clock.seconds["ppr: walks"] * 1e3 / static_cast<double>(sampled)));
  compare(exact, walks, rows, 100);
}

void partitioned(const comm::Communicator& world, const graph::GraphBlocks& blocks, std::uint64_t num_sources) {
  PprOptions options;
  options.targets = VertexTypeId{1};
  options.method = PprMethod::kWalks;
  options.source_rows.emplace();
  const std::uint64_t users = blocks.schema.vertex_type(options.sources).count;
  for (std::uint64_t i = 0; i < std::min(num_sources, users); ++i) {
    options.source_rows->push_back(i * users / std::min(num_sources, users));
  }
  StageClock clock;
  options.progress = &clock;
  const graph::DistributedGraph graph = distribute(world, blocks);
  const PprResult result = personalized_pagerank(world, graph, options);
  if (!world.is_root()) return;
  const double seconds = clock.seconds["ppr: walks"];
  const double moves = static_cast<double>(result.moves);
  const double remote = static_cast<double>(result.remote_moves);
  print(
      fmt::format("partitioned, {} ranks: {:.1f} M steps/s with counting and selection, {:.1f} % remote, {:.1f} bytes "
                  "of walkers per step",
                  world.size(), moves / seconds / 1e6, 100.0 * remote / moves, 16.0 * remote / moves));
}

int run(const comm::Communicator& world, const std::string& which, std::uint64_t sampled, std::uint64_t num_sources) {
  const parallel::ConcurrencyLimit limit(world.size() > 1 ? 1 : 0);
  const graph::GraphBlocks whole =
      which == "bipartite" ? power_law_bipartite(1'000'000, 200'000, 20'000'000, 1) : read_adjacency(which);
  const graph::GraphBlocks blocks = home_blocks(whole, world.rank(), world.size());
  if (world.size() == 1) replicated(world, blocks, sampled);
  if (num_sources > 0) partitioned(world, blocks, num_sources);
  return 0;
}

}  // namespace

}  // namespace rove::bench

int main(int argc, char** argv) {
  rove::comm::Environment environment(&argc, &argv);
  return rove::comm::run_to_exit_code(environment.world(), [&] {
    const auto number = [&](int i, int otherwise) {
      return static_cast<std::uint64_t>(argc > i ? std::atoi(argv[i]) : otherwise);
    };
    return rove::bench::run(environment.world(), argc > 1 ? argv[1] : "bipartite", number(2, 200), number(3, 2000));
  });
}
