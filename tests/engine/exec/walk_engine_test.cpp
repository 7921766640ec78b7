// SPDX-License-Identifier: Apache-2.0
// The walk kernel in both layouts against the serial twin: the same visits for every source, whatever the ranks, the
// spread of the vertices and the number of walks in flight.
#include "engine/exec/walk_engine.hpp"

#include <cmath>
#include <map>
#include <vector>

#include <gtest/gtest.h>

#include "engine/exec/pair_counter.hpp"
#include "engine/exec/walk_graph.hpp"
#include "engine/exec/walk_transport.hpp"
#include "tests/support/graphs.hpp"
#include "tests/support/mpi.hpp"
#include "tests/support/serial_walker.hpp"

namespace rove::exec {
namespace {

using tests::world;

constexpr double kRestart = 0.15;
constexpr std::uint64_t kSeed = 11;
constexpr std::uint32_t kWalks = 20;

/// Visits by (source, vertex), both stable ids, and walks lost by source.
struct AllVisits {
  std::map<std::uint64_t, std::uint64_t> counts;
  std::map<std::uint32_t, std::uint64_t> lost;
  std::uint64_t moves = 0;
  friend bool operator==(const AllVisits&, const AllVisits&) = default;
};

std::uint64_t pair_of(std::uint32_t source, std::uint32_t vertex) {
  return (std::uint64_t{source} << 32U) | vertex;
}

AllVisits serial_reference(const graph::GraphBlocks& whole, const EdgeSelection& selection) {
  const tests::SerialGraph graph = tests::serial_graph(whole, selection);
  AllVisits all;
  for (std::uint32_t source = 0; source < graph.slots.size(); ++source) {
    const auto visits = tests::serial_visits(graph, source, kWalks, kRestart, kSeed);
    for (const auto& [vertex, count] : visits.counts) all.counts[pair_of(source, vertex)] = count;
    if (visits.lost > 0) all.lost[source] = visits.lost;
    all.moves += visits.moves;
  }
  return all;
}

struct MapSink {
  AllVisits* all;

  void visit(const WalkLanes& lanes, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) ++all->counts[pair_of(lanes.source[i], lanes.vertex[i])];
    all->moves += count;
  }
  void end(const WalkLanes& lanes, std::size_t lane, WalkEnd how) {
    --all->moves;
    if (how == WalkEnd::kLost) ++all->lost[lanes.source[lane]];
  }
  void leave(const WalkLanes&, std::size_t) { ADD_FAILURE() << "a walk left the replicated graph"; }
};

AllVisits walk_replicated(const graph::GraphBlocks& whole, const EdgeSelection& selection, std::size_t num_lanes) {
  const WalkGraph graph = WalkGraph::replicated(world(), tests::cut(whole, world().rank(), world().size()), selection);
  const tests::SerialGraph serial = tests::serial_graph(whole, selection);
  AllVisits all;
  MapSink sink{&all};
  WalkLanes lanes{};
  for (std::uint32_t source = 0; source < graph.num_rows(); ++source) {
    EXPECT_TRUE(std::ranges::equal(graph.neighbors(source), serial.slots[source])) << "slots of vertex " << source;
    SingleSourceSupply supply(source, serial.keys[source], source, 0, kWalks);
    run_walks<false>(graph, RestartPolicy(kRestart), RandomStream(kSeed, Purpose::kWalk), supply, sink, lanes,
                     num_lanes);
  }
  return all;
}

struct PairSink {
  std::unique_ptr<PairCounter> pairs;
  std::vector<std::uint64_t> lost;

  void visit(const WalkLanes& lanes, std::size_t count) { pairs->add(lanes.source.data(), lanes.vertex.data(), count); }
  void end(const WalkLanes& lanes, std::size_t lane, WalkEnd how) {
    if (how == WalkEnd::kLost) ++lost[lanes.source[lane]];
  }
};

/// All vertices are one batch, by stable id.
AllVisits walk_partitioned(const graph::GraphBlocks& whole, const EdgeSelection& selection, tests::Spread spread) {
  const graph::DistributedGraph graph = tests::distribute(world(), whole, spread);
  const WalkGraph walk_graph = WalkGraph::partitioned(AdjacencyView(graph, selection));
  std::vector<WalkStart> starts;
  for (std::uint32_t v = 0; v < graph.num_owned(); ++v) {
    starts.push_back({v, static_cast<std::uint32_t>(graph.index_map().stable_of(LocalVertexId{v}).value())});
  }
  const std::vector<VertexKey> keys = tests::serial_graph(whole, selection).keys;
  parallel::PerThread<PairSink> sinks;
  sinks.for_each([&](PairSink& sink) {
    sink.pairs = std::make_unique<PairCounter>(IndexRange{0, graph.num_owned()});
    sink.lost.resize(keys.size());
  });
  const WalkTraffic traffic = run_travelling_walks(world(), walk_graph, RestartPolicy(kRestart),
                                                   RandomStream(kSeed, Purpose::kWalk), starts, keys, kWalks, sinks);
  EXPECT_LE(traffic.remote_moves, traffic.moves);

  AllVisits all;
  all.moves = world().all_reduce(traffic.moves, comm::ReduceOp::kSum);
  std::vector<std::uint64_t> mine;
  std::vector<std::uint64_t> lost(keys.size());
  sinks.for_each([&](PairSink& sink) {
    sink.pairs->for_each([&](std::uint32_t source, std::uint32_t vertex, std::uint64_t count) {
      const auto stable = static_cast<std::uint32_t>(graph.index_map().stable_of(LocalVertexId{vertex}).value());
      mine.push_back(pair_of(source, stable));
      mine.push_back(count);
    });
    for (std::size_t s = 0; s < lost.size(); ++s) lost[s] += sink.lost[s];
  });
  const auto gathered = world().all_gather_v<std::uint64_t>(mine).data;
  for (std::size_t i = 0; i < gathered.size(); i += 2) all.counts[gathered[i]] += gathered[i + 1];
  world().all_reduce(std::span(lost), comm::ReduceOp::kSum);
  for (std::size_t s = 0; s < lost.size(); ++s) {
    if (lost[s] > 0) all.lost[static_cast<std::uint32_t>(s)] = lost[s];
  }
  return all;
}

TEST(WalkEngine, BothLayoutsVisitWhatTheSerialTwinVisits) {
  for (const tests::NamedGraph& graph : tests::awkward_graphs()) {
    for (const Direction direction : {Direction::kBoth, Direction::kOut, Direction::kIn}) {
      SCOPED_TRACE(graph.name);
      const EdgeSelection selection{direction, {}};
      const AllVisits expected = serial_reference(graph.whole, selection);
      for (const std::size_t num_lanes : {1U, 5U, 256U}) {
        EXPECT_EQ(walk_replicated(graph.whole, selection, num_lanes), expected) << num_lanes << " lanes";
      }
      for (const tests::Spread spread : tests::kSpreads) {
        EXPECT_EQ(walk_partitioned(graph.whole, selection, spread), expected) << tests::name_of(spread);
      }
    }
  }
}

// Frequencies of first moves and of stops; the seed is fixed, thresholds are those of a false alarm below 1e-6.
TEST(WalkEngine, StepsAreUniformOverSlotsAndStopsHaveTheRestartProbability) {
  const graph::GraphBlocks whole = tests::random_graph(60, 900, 5, true);
  const WalkGraph graph =
      WalkGraph::replicated(world(), tests::cut(whole, world().rank(), world().size()), {Direction::kBoth, {}});
  const tests::SerialGraph serial = tests::serial_graph(whole, {Direction::kBoth, {}});
  constexpr std::uint32_t kTrials = 200'000;
  struct FirstMoves {
    std::map<std::uint32_t, std::uint64_t> at;
    std::uint64_t stopped_at_once = 0;
    void visit(const WalkLanes& lanes, std::size_t count) {
      for (std::size_t i = 0; i < count; ++i) {
        if (lanes.step[i] == 1) ++at[lanes.vertex[i]];
      }
    }
    void end(const WalkLanes& lanes, std::size_t lane, WalkEnd) {
      stopped_at_once += static_cast<std::uint64_t>(lanes.step[lane] == 0);
    }
    void leave(const WalkLanes&, std::size_t) {}
  };
  for (const std::uint32_t source : {0U, 7U, 23U}) {
    FirstMoves sink;
    WalkLanes lanes{};
    SingleSourceSupply supply(source, serial.keys[source], 0, 0, kTrials);
    run_walks<false>(graph, RestartPolicy(kRestart), RandomStream(3, Purpose::kWalk), supply, sink, lanes);
    const double stop_error = static_cast<double>(sink.stopped_at_once) - kRestart * kTrials;
    EXPECT_LT(std::abs(stop_error), 5.0 * std::sqrt(kTrials * kRestart * (1.0 - kRestart)));

    std::map<std::uint32_t, double> multiplicity;
    for (const std::uint32_t target : serial.slots[source]) multiplicity[target] += 1.0;
    const auto moved = static_cast<double>(kTrials - sink.stopped_at_once);
    double chi_square = 0.0;
    for (const auto& [target, slots] : multiplicity) {
      const double expected = moved * slots / static_cast<double>(serial.slots[source].size());
      const double difference = static_cast<double>(sink.at[target]) - expected;
      chi_square += difference * difference / expected;
    }
    EXPECT_EQ(sink.at.size(), multiplicity.size());
    const double freedom = static_cast<double>(multiplicity.size()) - 1.0;
    // Laurent and Massart: Pr[X >= f + 2 sqrt(f t) + 2 t] <= exp(-t), t = 14.
    EXPECT_LT(chi_square, freedom + 2.0 * std::sqrt(freedom * 14.0) + 28.0) << "source " << source;
  }
}

}  // namespace
}  // namespace rove::exec
