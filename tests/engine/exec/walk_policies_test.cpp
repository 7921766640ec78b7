// SPDX-License-Identifier: Apache-2.0
// Every policy in both layouts against its serial twin, walk by walk: the same vertices in the same order, whatever the
// ranks, the threads and the spread of the vertices; and the frequencies of the kernel's moves against the exact
// probabilities.
#include "engine/exec/walk_policies.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include <gtest/gtest.h>

#include "engine/exec/walk_graph.hpp"
#include "engine/exec/walk_transport.hpp"
#include "tests/support/graphs.hpp"
#include "tests/support/mpi.hpp"
#include "tests/support/serial_policy_walker.hpp"

namespace rove::exec {
namespace {

using tests::PolicySpec;
using tests::SerialPolicyWalker;
using tests::world;

constexpr std::uint64_t kSeed = 29;
constexpr std::uint32_t kWalks = 6;

/// Visits as (source, walk, step) to vertex, all stable ids, and the ends of walks that were lost.
struct Visit {
  std::uint32_t source;
  std::uint32_t walk;
  std::uint32_t step;
  std::uint32_t vertex;
  friend auto operator<=>(const Visit&, const Visit&) = default;
};
constexpr std::uint32_t kLostHere = 0xFFFFFFFFU;

struct TraceSink {
  std::vector<Visit> visits;
  const graph::IndexMap* index_map = nullptr;  ///< partitioned layout

  [[nodiscard]] std::uint32_t stable(std::uint32_t vertex) const {
    return index_map == nullptr ? vertex
                                : static_cast<std::uint32_t>(index_map->stable_of(LocalVertexId{vertex}).value());
  }
  void visit(const WalkLanes& lanes, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      visits.push_back({lanes.source[i], lanes.walk[i], lanes.step[i], stable(lanes.vertex[i])});
    }
  }
  void end(const WalkLanes& lanes, std::size_t lane, WalkEnd how) {
    if (how == WalkEnd::kLost) visits.push_back({lanes.source[lane], lanes.walk[lane], lanes.step[lane], kLostHere});
  }
  void leave(const WalkLanes&, std::size_t) { ADD_FAILURE() << "a walk left the replicated graph"; }
};

WalkGraphOptions graph_options(const PolicySpec& spec) {
  return {spec.links, spec.sampling, spec.by_time, spec.second_order.has_value(),
          spec.second_order && spec.links.empty()};
}

/// Calls `use(policy)` with the product of parts that the spec describes.
template <class Use>
void with_policy(const WalkGraph& graph, const PolicySpec& spec, std::uint64_t seed,
                 std::span<const std::uint8_t> features, const Use& use) {
  const ContinueRule rule(spec.stop, spec.max_moves, spec.first_toss, spec.period);
  const auto make = [&](auto lists, auto slots, auto dynamic) {
    use(WalkPolicyOf<decltype(lists), decltype(slots), decltype(dynamic)>(graph, seed, rule, lists, slots, dynamic));
  };
  const UniformSlots uniform(graph);
  const AliasSlots alias(graph);
  const InverseSlots inverse(graph);
  if (spec.by_time) return make(WholeList{}, uniform, NonDecreasingTimes(graph));
  if (spec.second_order) {
    const SecondOrder dynamic(graph, spec.second_order->first, spec.second_order->second);
    if (!spec.pattern.empty()) return make(MetaPath(spec.pattern), uniform, dynamic);
    if (spec.sampling == SlotSampling::kAlias) return make(WholeList{}, alias, dynamic);
    if (spec.sampling == SlotSampling::kInverse) return make(WholeList{}, inverse, dynamic);
    return make(WholeList{}, uniform, dynamic);
  }
  if (!spec.pattern.empty()) return make(MetaPath(spec.pattern), uniform, AnySlot{});
  if (!spec.mixture.empty()) {
    const LinkMixture mixture(seed, spec.mixture);
    return spec.sampling == SlotSampling::kAlias ? make(mixture, alias, AnySlot{}) : make(mixture, uniform, AnySlot{});
  }
  if (!spec.factors.empty()) return make(WholeList{}, uniform, FeatureBias(features, spec.factors));
  if (spec.sampling == SlotSampling::kRejection) return make(WholeList{}, uniform, WeightByRejection(graph));
  if (spec.sampling == SlotSampling::kAlias) return make(WholeList{}, alias, AnySlot{});
  if (spec.sampling == SlotSampling::kInverse) return make(WholeList{}, inverse, AnySlot{});
  return make(WholeList{}, uniform, AnySlot{});
}

std::vector<Visit> sorted(std::vector<Visit> visits) {
  std::ranges::sort(visits);
  return visits;
}

std::vector<Visit> serial_traces(const SerialPolicyWalker& walker) {
  std::vector<Visit> visits;
  for (std::uint32_t source = 0; source < walker.num_vertices(); ++source) {
    for (std::uint32_t walk = 0; walk < kWalks; ++walk) {
      const auto trace = walker.walk(source, walk, kSeed);
      const auto steps = static_cast<std::uint32_t>(trace.vertices.size());
      for (std::uint32_t step = 0; step < steps; ++step) {
        visits.push_back({source, walk, step, trace.vertices[step]});
      }
      if (trace.lost) visits.push_back({source, walk, steps - 1, kLostHere});
    }
  }
  return sorted(std::move(visits));
}

std::vector<Visit> replicated_traces(const graph::GraphBlocks& whole, const PolicySpec& spec,
                                     const std::vector<VertexKey>& keys, std::size_t num_lanes) {
  const WalkGraph graph = WalkGraph::replicated(world(), tests::cut(whole, world().rank(), world().size()),
                                                {Direction::kBoth, {}}, graph_options(spec));
  std::vector<WalkStart> starts;
  for (std::uint32_t v = 0; v < graph.num_rows(); ++v) starts.push_back({v, v});
  TraceSink sink;
  with_policy(graph, spec, kSeed, spec.features, [&](const auto& policy) {
    WalkLanes lanes{};
    detail::StartSupply supply(starts, keys, kWalks);
    run_walks<false>(graph, policy, RandomStream(kSeed, Purpose::kWalk), supply, sink, lanes, num_lanes);
  });
  return sorted(std::move(sink.visits));
}

std::vector<Visit> partitioned_traces(const graph::GraphBlocks& whole, const PolicySpec& spec,
                                      const std::vector<VertexKey>& keys, tests::Spread spread) {
  const graph::DistributedGraph graph = tests::distribute(world(), whole, spread);
  const AdjacencyView view(graph, {Direction::kBoth, {}});
  const WalkGraph walk_graph = WalkGraph::partitioned(view, graph_options(spec));
  std::vector<WalkStart> starts;
  for (std::uint32_t v = 0; v < graph.num_owned(); ++v) {
    starts.push_back({v, static_cast<std::uint32_t>(graph.index_map().stable_of(LocalVertexId{v}).value())});
  }
  std::vector<std::uint8_t> features;
  for (std::uint32_t v = 0; v < graph.num_local() && !spec.features.empty(); ++v) {
    features.push_back(spec.features[graph.index_map().stable_of(LocalVertexId{v}).index()]);
  }
  parallel::PerThread<TraceSink> sinks;
  sinks.for_each([&](TraceSink& sink) { sink.index_map = &graph.index_map(); });
  WalkTraffic traffic;
  with_policy(walk_graph, spec, kSeed, features, [&](const auto& policy) {
    traffic = run_travelling_walks(world(), walk_graph, policy, RandomStream(kSeed, Purpose::kWalk), starts, keys,
                                   kWalks, sinks);
  });
  std::vector<Visit> mine;
  sinks.for_each([&](TraceSink& sink) { mine.insert(mine.end(), sink.visits.begin(), sink.visits.end()); });
  const auto moved = static_cast<std::uint64_t>(
      std::ranges::count_if(mine, [](const Visit& visit) { return visit.step > 0 && visit.vertex != kLostHere; }));
  EXPECT_EQ(world().all_reduce(traffic.moves, comm::ReduceOp::kSum), world().all_reduce(moved, comm::ReduceOp::kSum));
  EXPECT_LE(traffic.remote_moves, traffic.bytes_sent);
  return sorted(world().all_gather_v<Visit>(mine).data);
}

/// A weighted, timed bipartite graph with a hub, some edges of weight 0 and one user with nothing else.
graph::GraphBlocks weighted_bipartite() {
  auto edges = tests::random_edges(40, 25, false, 260, 0, 12);
  for (std::size_t i = 0; i < edges.size(); i += 7) edges[i].weight = 0.0F;
  for (auto& edge : edges) {
    if (edge.source == 3) edge.weight = 0.0F;
  }
  graph::EdgeType type;
  type.source = VertexTypeId{0};
  type.relation = "rates";
  type.destination = VertexTypeId{1};
  type.has_weights = true;
  type.has_times = true;
  return tests::make_graph({{"user", 40}, {"item", 25}}, {{type, edges}});
}

struct NamedSpec {
  std::string name;
  PolicySpec spec;
};

std::vector<NamedSpec> specs(const graph::GraphBlocks& whole) {
  std::vector<NamedSpec> all;
  const auto add = [&](const std::string& name, const auto& change) {
    PolicySpec spec;
    spec.max_moves = 12;
    change(spec);
    all.push_back({name, spec});
  };
  const std::size_t num_types = whole.schema.edge_types().size();
  const bool timed = std::ranges::all_of(whole.schema.edge_types(), [](const auto& type) { return type.has_times; });
  add("uniform", [](PolicySpec&) {});
  add("uniform with coin", [](PolicySpec& spec) { spec.stop = 0.2; });
  add("alias", [](PolicySpec& spec) { spec.sampling = SlotSampling::kAlias; });
  add("weight by rejection", [](PolicySpec& spec) { spec.sampling = SlotSampling::kRejection; });
  add("inverse", [](PolicySpec& spec) { spec.sampling = SlotSampling::kInverse; });
  add("node2vec", [](PolicySpec& spec) { spec.second_order = {2.0, 0.5}; });
  add("node2vec, back", [](PolicySpec& spec) { spec.second_order = {0.25, 4.0}; });
  add("node2vec, far back, alias", [](PolicySpec& spec) {
    spec.second_order = {0.1, 0.5};
    spec.sampling = SlotSampling::kAlias;
  });
  add("node2vec, back, inverse", [](PolicySpec& spec) {
    spec.second_order = {0.2, 3.0};
    spec.sampling = SlotSampling::kInverse;
  });
  add("node2vec, neutral", [](PolicySpec& spec) { spec.second_order = {1.0, 1.0}; });
  add("node2vec with coin", [](PolicySpec& spec) {
    spec.second_order = {0.5, 2.0};
    spec.stop = 0.3;
  });
  add("node2vec, alias", [](PolicySpec& spec) {
    spec.second_order = {4.0, 0.25};
    spec.sampling = SlotSampling::kAlias;
  });
  add("node2vec, inverse", [](PolicySpec& spec) {
    spec.second_order = {0.5, 4.0};
    spec.sampling = SlotSampling::kInverse;
  });
  add("feature bias", [&](PolicySpec& spec) {
    for (std::uint64_t v = 0; v < whole.schema.num_vertices(); ++v) {
      spec.features.push_back(static_cast<std::uint8_t>(v % 3));
    }
    spec.factors = {1.0, 0.25, 3.0};
    spec.stop = 0.1;
  });
  if (timed && num_types > 0) add("temporal", [](PolicySpec& spec) { spec.by_time = true; });
  if (num_types == 0) return all;
  const EdgeTypeId first{0};
  add("meta-path", [&](PolicySpec& spec) {
    spec.links = {{first, true, {}}, {first, false, {}}};
    spec.pattern = {0, 1};
  });
  add("PinSAGE", [&](PolicySpec& spec) {
    spec.links = {{first, true, {}}, {first, false, {}}};
    spec.pattern = {0, 1};
    spec.stop = 0.5;
    spec.first_toss = 2;
    spec.period = 2;
  });
  add("node2vec on a meta-path", [&](PolicySpec& spec) {
    spec.links = {{first, true, {}}, {first, false, {}}};
    spec.pattern = {0, 1};
    spec.second_order = {3.0, 0.5};
  });
  add("node2vec on a meta-path, back", [&](PolicySpec& spec) {
    spec.links = {{first, true, {}}, {first, false, {}}};
    spec.pattern = {0, 1};
    spec.second_order = {0.25, 4.0};
  });
  if (num_types < 3) return all;
  add("mixture of links", [&](PolicySpec& spec) {
    spec.links = {{first, true, {}}, {first, false, {}}, {EdgeTypeId{2}, true, {}}, {EdgeTypeId{1}, true, {}}};
    spec.mixture = {0.5, 0.2, 1.0, 0.3};
  });
  add("weighted mixture", [&](PolicySpec& spec) {
    spec.links = {{first, true, {}}, {first, false, {}}};
    spec.mixture = {0.5, 0.2};
    spec.sampling = SlotSampling::kAlias;
  });
  add("relations", [&](PolicySpec& spec) {
    spec.links = {{first, true, {}}, {EdgeTypeId{1}, true, 1U}, {EdgeTypeId{1}, false, 2U}, {first, false, {}}};
    spec.pattern = {0, 1, 2, 3};
  });
  return all;
}

TEST(WalkPolicies, BothLayoutsWalkWhatTheSerialTwinWalks) {
  auto graphs = tests::awkward_graphs();
  graphs.push_back({"weighted_bipartite", weighted_bipartite()});
  // Many ranks on few processors wait for one another at every superstep: the telling graphs only.
  if (world().size() > 3) {
    std::erase_if(graphs, [](const tests::NamedGraph& graph) {
      return graph.name != "fewer_vertices_than_ranks" && graph.name != "typed" && graph.name != "weighted_bipartite";
    });
  }
  for (const tests::NamedGraph& graph : graphs) {
    for (const NamedSpec& named : specs(graph.whole)) {
      SCOPED_TRACE(graph.name + ", " + named.name);
      const SerialPolicyWalker walker(graph.whole, named.spec);
      const std::vector<Visit> expected = serial_traces(walker);
      for (const std::size_t num_lanes : {3U, 256U}) {
        EXPECT_EQ(replicated_traces(graph.whole, named.spec, walker.keys(), num_lanes), expected) << num_lanes;
      }
      for (const tests::Spread spread : tests::kSpreads) {
        EXPECT_EQ(partitioned_traces(graph.whole, named.spec, walker.keys(), spread), expected)
            << tests::name_of(spread);
      }
    }
  }
}

/// Counts of (state, next vertex) over many walks, against the exact probabilities: one chi-square per state seen often
/// enough that every expected count is at least 8.
struct MoveSink {
  std::map<SerialPolicyWalker::State, std::map<std::uint32_t, std::uint64_t>> moves;
  std::vector<SerialPolicyWalker::State> states = std::vector<SerialPolicyWalker::State>(std::size_t{1} << 20U);
  bool second_order = false;
  std::uint32_t period = 1;

  void visit(const WalkLanes& lanes, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      SerialPolicyWalker::State& state = states[lanes.walk[i]];
      if (lanes.step[i] > 0) {
        SerialPolicyWalker::State from = state;
        from.step %= period;
        ++moves[from][lanes.vertex[i]];
      }
      const std::uint32_t previous = second_order && lanes.step[i] > 0 ? state.vertex : kNoVertex;
      state = {lanes.vertex[i], previous, lanes.time[i], lanes.step[i]};
    }
  }
  void end(const WalkLanes&, std::size_t, WalkEnd) {}
  void leave(const WalkLanes&, std::size_t) {}
};

void expect_frequencies(const graph::GraphBlocks& whole, const NamedSpec& named, std::uint32_t source) {
  SCOPED_TRACE(named.name);
  const SerialPolicyWalker walker(whole, named.spec);
  const WalkGraph graph = WalkGraph::replicated(world(), tests::cut(whole, world().rank(), world().size()),
                                                {Direction::kBoth, {}}, graph_options(named.spec));
  MoveSink sink;
  sink.second_order = named.spec.second_order.has_value();
  sink.period = std::max<std::uint32_t>(1, static_cast<std::uint32_t>(named.spec.pattern.size()));
  with_policy(graph, named.spec, kSeed, named.spec.features, [&](const auto& policy) {
    WalkLanes lanes{};
    SingleSourceSupply supply(source, walker.keys()[source], 0, 0, 40'000);
    run_walks<false>(graph, policy, RandomStream(5, Purpose::kWalk), supply, sink, lanes);
  });
  std::size_t tested = 0;
  for (const auto& [state, moves] : sink.moves) {
    std::uint64_t total = 0;
    for (const auto& [target, count] : moves) total += count;
    const auto probabilities = walker.next_vertices(state);
    double chi_square = 0.0;
    double freedom = -1.0;
    double fewest = 1e300;
    for (const auto& [target, probability] : probabilities) {
      const double expected = probability * static_cast<double>(total);
      const auto seen = moves.contains(target) ? static_cast<double>(moves.at(target)) : 0.0;
      if (expected == 0.0) {
        EXPECT_EQ(seen, 0.0) << "a move of probability 0 from " << state.vertex << " to " << target;
        continue;
      }
      fewest = std::min(fewest, expected);
      chi_square += (seen - expected) * (seen - expected) / expected;
      freedom += 1.0;
    }
    for (const auto& [target, count] : moves) EXPECT_TRUE(probabilities.contains(target)) << target;
    if (fewest < 8.0 || freedom < 1.0) continue;
    ++tested;
    // Laurent and Massart: Pr[X >= f + 2 sqrt(f t) + 2 t] <= exp(-t); t = 20 leaves room for thousands of states.
    EXPECT_LT(chi_square, freedom + 2.0 * std::sqrt(freedom * 20.0) + 40.0)
        << "from " << state.vertex << " after " << state.previous << ", " << total << " moves";
  }
  EXPECT_GE(tested, 3U);
}

TEST(WalkPolicies, MovesHaveTheProbabilitiesOfTheDefinition) {
  if (world().size() > 1) GTEST_SKIP() << "frequencies are those of one rank";
  const graph::GraphBlocks bipartite = weighted_bipartite();
  const graph::GraphBlocks undirected = tests::random_graph(24, 110, 8, true, true);
  const graph::GraphBlocks typed = tests::random_typed(30, 9);
  for (const NamedSpec& named : specs(bipartite)) expect_frequencies(bipartite, named, 1);
  for (const NamedSpec& named : specs(undirected)) expect_frequencies(undirected, named, 2);
  for (const NamedSpec& named : specs(typed)) expect_frequencies(typed, named, 0);
}

// Closed forms: on a 2-cycle a restart walk stops at its source with probability 1 / (2 - c), elsewhere with
// (1 - c) / (2 - c); from the centre of a star each of q leaves gets (1 - c) / (q (2 - c)).
TEST(WalkPolicies, StopsHaveTheClosedFormsOfTheTwoCycleAndTheStar) {
  constexpr double kStop = 0.15;
  constexpr std::uint32_t kTrials = 400'000;
  struct StopSink {
    std::map<std::uint32_t, double> stops;
    void visit(const WalkLanes&, std::size_t) {}
    void end(const WalkLanes& lanes, std::size_t lane, WalkEnd) { stops[lanes.vertex[lane]] += 1.0; }
    void leave(const WalkLanes&, std::size_t) {}
  };
  const auto stops_from = [&](const graph::GraphBlocks& whole, std::uint32_t source) {
    const WalkGraph graph =
        WalkGraph::replicated(world(), tests::cut(whole, world().rank(), world().size()), {Direction::kOut, {}});
    PolicySpec spec;
    spec.stop = kStop;
    StopSink sink;
    with_policy(graph, spec, kSeed, {}, [&](const auto& policy) {
      WalkLanes lanes{};
      SingleSourceSupply supply(source, whole.keys[0][source], 0, 0, kTrials);
      run_walks<false>(graph, policy, RandomStream(6, Purpose::kWalk), supply, sink, lanes);
    });
    return sink.stops;
  };
  const auto expect_share = [&](double stops, double share) {
    EXPECT_LT(std::abs(stops - share * kTrials), 5.0 * std::sqrt(kTrials * share * (1.0 - share)));
  };
  graph::EdgeType links;
  links.relation = "links";
  const auto cycle = tests::make_graph({{"vertex", 2}}, {{links, {{0, 1}, {1, 0}}}});
  auto stops = stops_from(cycle, 0);
  expect_share(stops[0], 1.0 / (2.0 - kStop));
  expect_share(stops[1], (1.0 - kStop) / (2.0 - kStop));

  constexpr std::uint32_t kLeaves = 7;
  std::vector<tests::Edge> edges;
  for (std::uint32_t leaf = 1; leaf <= kLeaves; ++leaf) edges.push_back({0, leaf});
  links.undirected = true;
  stops = stops_from(tests::make_graph({{"vertex", kLeaves + 1}}, {{links, edges}}), 0);
  expect_share(stops[0], 1.0 / (2.0 - kStop));
  for (std::uint32_t leaf = 1; leaf <= kLeaves; ++leaf) {
    expect_share(stops[leaf], (1.0 - kStop) / (kLeaves * (2.0 - kStop)));
  }
}

TEST(NeighborSearch, FindsWhatALinearSearchFinds) {
  const graph::GraphBlocks whole = tests::random_graph(4000, 60'000, 77);
  const WalkGraph graph = WalkGraph::replicated(world(), tests::cut(whole, world().rank(), world().size()),
                                                {Direction::kBoth, {}}, {{}, SlotSampling::kUniform, false, true});
  NeighborSearch search;
  const RandomStream random(3, Purpose::kNoise);
  for (std::uint32_t round = 0; round < 200; ++round) {
    std::vector<bool> expected;
    for (std::uint32_t q = 0; q < kMaxWalkLanes; ++q) {
      const auto words = random.block(round, q, 0);
      const std::uint32_t row = words[1] % 4 == 0 ? 0 : words[0] % graph.num_rows();  // the hub often
      const auto neighbors = graph.neighbors(row);
      const std::uint32_t id = words[2] % 2 == 0 && !neighbors.empty() ? neighbors[words[3] % neighbors.size()]
                                                                       : words[3] % graph.num_rows();
      expected.push_back(std::ranges::find(neighbors, id) != neighbors.end());
      EXPECT_EQ(search.ask(graph, row, id), q);
    }
    search.run(graph);
    for (std::uint32_t q = 0; q < kMaxWalkLanes; ++q) ASSERT_EQ(search.answer(q), expected[q]);
  }
}

}  // namespace
}  // namespace rove::exec
