// SPDX-License-Identifier: Apache-2.0
// Refreshing stored walks after a night's changes against walking again from scratch, both in memory on the same graph
// (its building is not timed). Usage: maintained_walks_bench <adjacency file | bipartite> [walks per vertex];
// bipartite: every tenth user of the 1M x 200k x 20M graph.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "bench/bipartite_graphs.hpp"
#include "bench/walk_graphs.hpp"
#include <fmt/format.h>

#include "algorithms/maintained_walks/consistent_adjacency.hpp"
#include "algorithms/maintained_walks/graph_change.hpp"
#include "algorithms/maintained_walks/maintained_walks.hpp"
#include "engine/base/error.hpp"
#include "engine/base/hash.hpp"
#include "engine/comm/environment.hpp"
#include "engine/parallel/parallel.hpp"
#include "io/import/previous_slots.hpp"

namespace rove::bench {

namespace {

/// Shares of what changes over night.
struct Churn {
  const char* name;
  double added;            ///< interactions that are new
  double removed;          ///< interactions that are gone
  double vertices_change;  ///< vertices that are new, and as many that are gone, with their interactions
};

bool chosen(std::uint64_t hash, double begin, double end) {
  const double unit = to_unit(hash);
  return begin <= unit && unit < end;
}

struct Days {
  graph::GraphBlocks before;
  graph::GraphBlocks now;
};

/// Which rows of each type one day has, and their numbers on that day.
struct DayRows {
  std::vector<std::vector<std::uint32_t>> number;  ///< by type and row; kNoVertex: not there
};

DayRows keep_rows(const graph::GraphBlocks& whole, graph::GraphBlocks& day, const auto& has) {
  DayRows rows;
  for (std::uint16_t t = 0; t < whole.keys.size(); ++t) {
    auto& numbers = rows.number.emplace_back(whole.keys[t].size(), algorithms::kNoVertex);
    auto& keys = day.keys.emplace_back();
    for (std::size_t row = 0; row < numbers.size(); ++row) {
      if (!has(t, row)) continue;
      numbers[row] = static_cast<std::uint32_t>(keys.size());
      keys.push_back(whole.keys[t][row]);
    }
    (void)day.schema.add_vertex_type(whole.schema.vertex_types()[t].name, keys.size());
  }
  return rows;
}

/// Yesterday's graph in key order and today's with yesterday's slots.
Days two_days(const graph::GraphBlocks& whole, const Churn& churn) {
  Days days;
  const auto vertex_hash = [&](std::uint16_t t, std::size_t row) { return mix64(whole.keys[t][row].value(), 101); };
  const DayRows before = keep_rows(whole, days.before, [&](std::uint16_t t, std::size_t row) {
    return !chosen(vertex_hash(t, row), 0, churn.vertices_change);
  });
  const DayRows now = keep_rows(whole, days.now, [&](std::uint16_t t, std::size_t row) {
    return !chosen(vertex_hash(t, row), churn.vertices_change, 2 * churn.vertices_change);
  });
  const graph::EdgeType& type = whole.schema.edge_types()[0];
  const auto side = [&](const graph::AdjacencyBlock& block, VertexTypeId rows, VertexTypeId targets, bool by_source,
                        graph::AdjacencyBlock& old_block, graph::AdjacencyBlock& new_block) {
    std::vector<std::uint32_t> match;
    std::vector<std::uint32_t> edges;
    for (std::size_t row = 0; row + 1 < block.offsets.size(); ++row) {
      const bool row_before = before.number[rows.index()][row] != algorithms::kNoVertex;
      const bool row_now = now.number[rows.index()][row] != algorithms::kNoVertex;
      match.clear();
      edges.clear();
      for (std::uint64_t slot = block.offsets[row]; slot < block.offsets[row + 1]; ++slot) {
        const std::uint32_t target = block.targets[slot];
        const std::uint64_t row_key = whole.keys[rows.index()][row].value();
        const std::uint64_t target_key = whole.keys[targets.index()][target].value();
        const std::uint64_t hash = by_source ? mix64(row_key, target_key) : mix64(target_key, row_key);
        const std::uint32_t old_target = before.number[targets.index()][target];
        const std::uint32_t new_target = now.number[targets.index()][target];
        const bool in_now =
            row_now && new_target != algorithms::kNoVertex && !chosen(hash, churn.added, churn.added + churn.removed);
        if (row_before && old_target != algorithms::kNoVertex && !chosen(hash, 0, churn.added)) {
          old_block.targets.push_back(old_target);
          match.push_back(in_now ? static_cast<std::uint32_t>(edges.size()) : io::kGoneEdge);
        }
        if (in_now) edges.push_back(new_target);
      }
      if (row_before) old_block.offsets.push_back(old_block.targets.size());
      if (!row_now) continue;
      for (const std::uint32_t edge : io::kept_slots(match, static_cast<std::uint32_t>(edges.size()))) {
        new_block.targets.push_back(edges[edge]);
      }
      new_block.offsets.push_back(new_block.targets.size());
    }
  };
  graph::EdgeBlocks& old_edges = days.before.edges.emplace_back();
  graph::EdgeBlocks& new_edges = days.now.edges.emplace_back();
  side(whole.edges[0].by_source, type.source, type.destination, true, old_edges.by_source, new_edges.by_source);
  side(whole.edges[0].by_destination, type.destination, type.source, false, old_edges.by_destination,
       new_edges.by_destination);
  for (graph::GraphBlocks* day : {&days.before, &days.now}) {
    graph::EdgeType same = type;
    same.count = day->edges[0].by_source.targets.size();
    (void)day->schema.add_edge_type(same);
  }
  return days;
}

/// Every tenth user with all interactions, and the items they have.
graph::GraphBlocks tenth_of_users(const graph::GraphBlocks& whole) {
  graph::GraphBlocks sample;
  const graph::AdjacencyBlock& by_user = whole.edges[0].by_source;
  const graph::AdjacencyBlock& by_item = whole.edges[0].by_destination;
  const auto is_sampled = [&](std::size_t user) { return mix64(whole.keys[0][user].value(), 7) % 10 == 0; };
  const DayRows rows = keep_rows(whole, sample, [&](std::uint16_t t, std::size_t row) {
    if (t == 0) return is_sampled(row);
    const auto users =
        std::span(by_item.targets).subspan(by_item.offsets[row], by_item.offsets[row + 1] - by_item.offsets[row]);
    return std::ranges::any_of(users, [&](std::uint32_t user) { return is_sampled(user); });
  });
  const auto side = [&](const graph::AdjacencyBlock& block, std::size_t row_type, std::size_t target_type,
                        graph::AdjacencyBlock& to) {
    for (std::size_t row = 0; row + 1 < block.offsets.size(); ++row) {
      if (rows.number[row_type][row] == algorithms::kNoVertex) continue;
      for (std::uint64_t slot = block.offsets[row]; slot < block.offsets[row + 1]; ++slot) {
        const std::uint32_t target = rows.number[target_type][block.targets[slot]];
        if (target != algorithms::kNoVertex) to.targets.push_back(target);
      }
      to.offsets.push_back(to.targets.size());
    }
  };
  graph::EdgeBlocks& edges = sample.edges.emplace_back();
  side(by_user, 0, 1, edges.by_source);
  side(by_item, 1, 0, edges.by_destination);
  graph::EdgeType type = whole.schema.edge_types()[0];
  type.count = edges.by_source.targets.size();
  (void)sample.schema.add_edge_type(type);
  return sample;
}

void print(const std::string& line) {
  std::fputs((line + "\n").c_str(), stdout);
  std::fflush(stdout);
}

double seconds_of(const auto& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void run_churn(const comm::Communicator& world, const graph::GraphBlocks& whole, const Churn& churn,
               std::uint32_t walks_per_vertex, int repetitions, double read_bandwidth) {
  const Days days = two_days(whole, churn);
  const exec::EdgeSelection both{exec::Direction::kBoth, {}};
  const algorithms::ConsistentAdjacency old_lists(world, days.before, both);
  const algorithms::ConsistentAdjacency new_lists(world, days.now, both);
  algorithms::MaintainedWalkOptions options;
  options.walks = walks_per_vertex;
  const auto sources = [](const graph::GraphBlocks& day, std::uint16_t t) {
    return algorithms::WalkSources{day.schema.stable_range(VertexTypeId{t}), day.keys[t]};
  };
  double rebuild = 1e9;
  double update = 1e9;
  double comparing = 1e9;
  double bytes = 0;
  double rebuild_moves = 0;
  algorithms::RefreshCounts counts;
  std::uint64_t changed = 0;
  for (int repetition = 0; repetition < repetitions; ++repetition) {
    std::vector<algorithms::MaintainedWalks> walks;
    for (std::uint16_t t = 0; t < 2; ++t) {
      walks.push_back(algorithms::walk_from(world, old_lists, sources(days.before, t), options));
    }
    counts = {};
    double compared = 0;
    update = std::min(update, seconds_of([&] {
                        algorithms::VertexMatch match;
                        std::unique_ptr<algorithms::GraphChange> change;
                        compared = seconds_of([&] {
                          match = algorithms::match_vertices(world, days.before, days.now);
                          change = std::make_unique<algorithms::GraphChange>(old_lists, new_lists, match);
                        });
                        for (std::uint16_t t = 0; t < 2; ++t) {
                          walks[t] = algorithms::refresh(world, std::move(walks[t]), *change, match.before,
                                                         sources(days.now, t), options, counts);
                        }
                        changed = change->num_changed();
                      }));
    comparing = std::min(comparing, compared);
    std::vector<algorithms::MaintainedWalks> anew;
    rebuild = std::min(rebuild, seconds_of([&] {
                         for (std::uint16_t t = 0; t < 2; ++t) {
                           anew.push_back(algorithms::walk_from(world, new_lists, sources(days.now, t), options));
                         }
                       }));
    bytes = 0;
    rebuild_moves = 0;
    for (std::size_t t = 0; t < 2; ++t) {
      if (!(anew[t] == walks[t])) throw InternalError("the refreshed walks are not those of a new start");
      bytes += 8.0 * static_cast<double>(walks[t].offsets.back());
      rebuild_moves += static_cast<double>(walks[t].offsets.back() - walks[t].ends.size());
    }
  }
  const auto redone = static_cast<double>(counts.redone);
  const auto kept = static_cast<double>(counts.walks);
  print(fmt::format("{}: {} vertices, {} interactions, {} of the vertices have other slots", churn.name,
                    days.now.schema.num_vertices(), days.now.schema.num_edges(), changed));
  print(fmt::format("  {} walks: {:.2f} % redone, {} started at new vertices; {:.2f} % of the moves of a rebuild",
                    counts.walks, 100 * redone / kept, counts.started,
                    100 * static_cast<double>(counts.moves) / rebuild_moves));
  print(
      fmt::format("  rebuild {:.3f} s ({:.1f} M moves/s), refresh {:.4f} s (of it comparing the graphs {:.4f} s): "
                  "{:.1f} times faster, equal bytes",
                  rebuild, rebuild_moves / rebuild / 1e6, update, comparing, rebuild / update));
  print(
      fmt::format("  one pass over {:.0f} MB of visits: {:.1f} GB/s in the whole refresh; this machine reads {:.1f} "
                  "GB/s, so no refresh of this layout is faster than {:.4f} s",
                  bytes / 1e6, bytes / update / 1e9, read_bandwidth, bytes / read_bandwidth / 1e9));
}

int run(const comm::Communicator& world, const std::string& which, std::uint32_t walks, int repetitions) {
  const parallel::ConcurrencyLimit limit(0);
  const graph::GraphBlocks whole = which == "bipartite"
                                       ? tenth_of_users(power_law_bipartite(1'000'000, 200'000, 20'000'000, 1))
                                       : read_adjacency(which);
  const double read_bandwidth = measure_bandwidth().read;
  for (const Churn& churn :
       {Churn{"1 % new interactions", 0.01, 0, 0},
        Churn{"1 % new, 0.5 % gone, 0.1 % of the vertices new and as many gone", 0.01, 0.005, 0.001}}) {
    run_churn(world, whole, churn, walks, repetitions, read_bandwidth);
  }
  return 0;
}

}  // namespace

}  // namespace rove::bench

int main(int argc, char** argv) {
  rove::comm::Environment environment(&argc, &argv);
  return rove::comm::run_to_exit_code(environment.world(), [&] {
    const auto number = [&](int i, int otherwise) { return argc > i ? std::atoi(argv[i]) : otherwise; };
    return rove::bench::run(environment.world(), argc > 1 ? argv[1] : "bipartite",
                            static_cast<std::uint32_t>(number(2, 100)), number(3, 3));
  });
}
