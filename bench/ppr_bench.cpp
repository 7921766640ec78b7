// SPDX-License-Identifier: Apache-2.0
// Personalized PageRank of every user: time and quality of the item index, of walks and of decomposition against exact
// scores of sampled users, and the rate of travelling walks in the partitioned layout (start it with mpirun). Usage:
// ppr_bench <adjacency file | bipartite> [sampled users] [sources of the partitioned run] [all | sampled] [walks per
// item] [entries kept]: lists of all users or of the sampled ones.
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

#include "algorithms/ppr/exact.hpp"
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

/// The best items of sampled users by exact scores, without those they are linked to.
std::vector<std::vector<Scored>> exact_lists(const comm::Communicator& world, const graph::GraphBlocks& blocks,
                                             std::span<const std::uint64_t> rows, std::uint32_t k) {
  const exec::WalkGraph graph = exec::WalkGraph::replicated(world, blocks, {exec::Direction::kBoth, {}});
  const algorithms::ExactPpr exact(algorithms::WalkGraphSlots(graph), graph.num_rows(), true, 0.15);
  const IndexRange items = blocks.schema.stable_range(VertexTypeId{1});
  std::vector<std::vector<Scored>> lists(rows.size());
  constexpr std::size_t kColumns = algorithms::ExactPpr::kColumns;
  parallel::for_chunks({0, rows.size()}, kColumns, [&](IndexRange chunk) {
    std::vector<std::uint32_t> sources;
    for (std::uint64_t i = chunk.begin; i < chunk.end; ++i) sources.push_back(static_cast<std::uint32_t>(rows[i]));
    std::vector<TopK> best(chunk.size(), TopK(k));
    exact.solve_columns(sources, 1e-5, [&](std::uint32_t vertex, std::span<const float, kColumns> scores) {
      if (!items.contains(vertex)) return;
      for (std::size_t column = 0; column < best.size(); ++column) {
        if (best[column].may_enter(scores[column])) best[column].push({scores[column], vertex - items.begin});
      }
    });
    for (std::uint64_t i = chunk.begin; i < chunk.end; ++i) {
      std::set<std::uint64_t> linked;
      for (const std::uint32_t item : graph.neighbors(sources[i - chunk.begin])) linked.insert(item - items.begin);
      for (const Scored& scored : best[i - chunk.begin].take()) {
        if (!linked.contains(scored.id)) lists[i].push_back(scored);
      }
    }
  });
  return lists;
}

void compare(std::span<const std::vector<Scored>> exact, const PprResult& lists, std::span<const std::uint64_t> rows,
             std::uint32_t k) {
  double precision = 0.0;
  double goodness = 0.0;
  double counted = 0.0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::map<std::uint64_t, double> truth;
    for (const Scored& scored : exact[i]) truth[scored.id] = static_cast<double>(scored.score);
    const auto top = std::span(exact[i]).first(std::min<std::size_t>(k, exact[i].size()));
    double best = 0.0;
    std::set<std::uint64_t> ideal;
    for (const Scored& scored : top) {
      best += static_cast<double>(scored.score);
      ideal.insert(scored.id);
    }
    if (ideal.empty()) continue;
    double hits = 0.0;
    double found = 0.0;
    for (const std::uint64_t target : lists.lists.targets_of(rows[i])) {
      hits += ideal.contains(target) ? 1.0 : 0.0;
      found += truth.contains(target) ? truth[target] : 0.0;
    }
    precision += hits / static_cast<double>(ideal.size());
    goodness += found / best;
    counted += 1.0;
  }
  print(fmt::format("  precision@{} {:.4f}   RAG@{} {:.4f}   ({} users)", k, precision / counted, k, goodness / counted,
                    counted));
}

void replicated(const comm::Communicator& world, const graph::GraphBlocks& blocks, std::uint64_t sampled,
                bool all_users, PprOptions options) {
  const std::uint64_t users = blocks.schema.vertex_type(options.sources).count;
  std::vector<std::uint64_t> rows;
  for (std::uint64_t i = 0; i < sampled; ++i) rows.push_back(i * users / sampled);
  if (!all_users) options.source_rows = rows;
  options.method = PprMethod::kItemIndex;
  StageClock clock;
  options.progress = &clock;
  const PprResult index = personalized_pagerank(world, blocks, options);
  const double build = clock.seconds["ppr: item index"];
  print(fmt::format("item index: {} walks per item, {} entries: built in {:.2f} s, {:.1f} M steps/s with counting",
                    options.item_walks, options.item_entries, build, static_cast<double>(index.moves) / build / 1e6));
  const std::uint64_t listed = all_users ? users : sampled;
  const double lists = clock.seconds["ppr: one-hop lists"];
  print(fmt::format("lists of {} users: {:.2f} s, {:.2f} us per user on {} threads", listed, lists,
                    lists * 1e6 / static_cast<double>(listed), parallel::concurrency()));
  if (sampled == 0) return;

  clock.begin("exact", 0, "");
  const std::vector<std::vector<Scored>> exact = exact_lists(world, blocks, rows, 2000);
  clock.end("");
  print(fmt::format("exact: {:.3f} s per source", clock.seconds["exact"] / static_cast<double>(sampled)));
  compare(exact, index, rows, 100);
  options.source_rows = rows;
  options.method = PprMethod::kWalks;
  const PprResult walks = personalized_pagerank(world, blocks, options);
  print(fmt::format("walks: {} per source, {:.3f} ms per source", options.walks,
                    clock.seconds["ppr: walks"] * 1e3 / static_cast<double>(sampled)));
  compare(exact, walks, rows, 100);
  if (blocks.schema.num_vertices() > 200'000) return;
  options.method = PprMethod::kVerd;
  for (const auto& [num_walks, threshold] : {std::pair(1'000U, 1e-3), std::pair(1'000U, 1e-4), std::pair(100U, 1e-5)}) {
    options.verd_walks = num_walks;
    options.verd_threshold = threshold;
    clock.seconds.clear();
    const PprResult verd = personalized_pagerank(world, blocks, options);
    print(fmt::format("verd: {} walks per vertex in {:.2f} s, {} hops, threshold {:.0e}: {:.3f} ms per source",
                      num_walks, clock.seconds["ppr: fingerprints"], options.verd_hops, threshold,
                      clock.seconds["ppr: decomposition"] * 1e3 / static_cast<double>(sampled)));
    compare(exact, verd, rows, 100);
  }
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

int run(const comm::Communicator& world, const std::string& which, std::uint64_t sampled, std::uint64_t num_sources,
        bool all_users, const PprOptions& options) {
  const parallel::ConcurrencyLimit limit(world.size() > 1 ? 1 : 0);
  const graph::GraphBlocks whole =
      which == "bipartite" ? power_law_bipartite(1'000'000, 200'000, 20'000'000, 1) : read_adjacency(which);
  const graph::GraphBlocks blocks = home_blocks(whole, world.rank(), world.size());
  if (world.size() == 1) replicated(world, blocks, sampled, all_users, options);
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
    rove::algorithms::PprOptions options;
    options.targets = rove::VertexTypeId{1};
    options.item_walks = static_cast<std::uint32_t>(number(5, static_cast<int>(options.item_walks)));
    options.item_entries = static_cast<std::uint32_t>(number(6, static_cast<int>(options.item_entries)));
    return rove::bench::run(environment.world(), argc > 1 ? argv[1] : "bipartite", number(2, 200), number(3, 2000),
                            argc < 5 || std::string(argv[4]) != "sampled", options);
  });
}
