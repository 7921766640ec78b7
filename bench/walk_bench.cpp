// SPDX-License-Identifier: Apache-2.0
// Steps per second of the walk kernel. One process: replicated layout, every policy, beside two limits measured in the
// same run: random reads of cache lines, and a bare interleaved walker without counting. Several ranks (start it with
// mpirun): travelling restart walks over a graph cut by hash. Usage: walk_bench [rmat|bipartite] [seconds per row]
// [kernel|policies].
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bench/walk_graphs.hpp"
#include <fmt/format.h>

#include "algorithms/ppr/counting_walker.hpp"
#include "engine/base/hash.hpp"
#include "engine/base/huge_buffer.hpp"
#include "engine/comm/environment.hpp"
#include "engine/exec/pair_counter.hpp"
#include "engine/exec/walk_engine.hpp"
#include "engine/exec/walk_graph.hpp"
#include "engine/exec/walk_policies.hpp"
#include "engine/exec/walk_transport.hpp"
#include "engine/parallel/parallel.hpp"

namespace rove::bench {

namespace {

constexpr double kRestart = 0.15;

double seconds_of(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

std::uint64_t total_of(parallel::PerThread<std::uint64_t>& parts) {
  std::uint64_t total = 0;
  parts.for_each([&](std::uint64_t part) { total += part; });
  return total;
}

/// Runs `pass(pass number) -> steps` until `seconds` are over; best rate of the passes.
double best_rate(double seconds, const std::function<std::uint64_t(std::uint32_t)>& pass) {
  double best = 0.0;
  double spent = 0.0;
  for (std::uint32_t n = 0; n < 3 || spent < seconds; ++n) {
    std::uint64_t steps = 0;
    const double took = seconds_of([&] { steps = pass(n); });
    best = std::max(best, static_cast<double>(steps) / took);
    spent += took;
  }
  return best;
}

double random_lines_per_second(double seconds) {
  constexpr std::size_t kChains = 64;
  constexpr std::uint64_t kReads = 1U << 23U;
  const std::size_t lines = (std::size_t{2} << 30U) / 64;
  HugeBuffer<std::uint64_t> memory(lines * 8);
  return best_rate(seconds, [&](std::uint32_t n) {
    parallel::PerThread<std::uint64_t> sums;
    parallel::for_each({0, parallel::concurrency()}, 1, [&](std::uint64_t thread) {
      std::uint64_t state[kChains];
      for (std::size_t c = 0; c < kChains; ++c) state[c] = (thread * kChains + c + n * 977U) * 0x9E3779B97F4A7C15U;
      std::uint64_t sum = 0;
      for (std::uint64_t i = 0; i < kReads / kChains; ++i) {
        for (std::size_t c = 0; c < kChains; ++c) {
          const std::uint64_t line = slot_multiply_shift(state[c], lines);
          sum += memory[line * 8];
          state[c] = state[c] * 6364136223846793005U + 1442695040888963407U + memory[line * 8];
          __builtin_prefetch(memory.data() + slot_multiply_shift(state[c], lines) * 8);
        }
      }
      sums.local() += sum;
    });
    return kReads * parallel::concurrency() + total_of(sums);
  });
}

/// The bare walker: xorshift, no counts, no reproducibility; what a step costs at least.
std::uint64_t bare_walks(const exec::WalkGraph& graph, std::uint64_t walks, std::uint64_t seed, std::uint64_t& sum) {
  constexpr std::size_t kLanes = 256;
  struct Lane {
    std::uint64_t state;
    std::uint64_t edge;
    std::uint32_t vertex;
    bool stops;
  };
  std::vector<Lane> lanes(kLanes);
  const std::uint64_t rows = graph.num_rows();
  std::uint64_t started = 0;
  std::uint64_t steps = 0;
  for (std::size_t i = 0; i < kLanes; ++i) {
    lanes[i].state = (seed + i + 1) * 0x9E3779B97F4A7C15U;
    lanes[i].vertex = static_cast<std::uint32_t>(slot_multiply_shift(lanes[i].state, rows));
  }
  const std::uint64_t stop_below = std::uint64_t{exec::coin_threshold(kRestart)} << 32U;
  while (started < walks) {
    for (Lane& lane : lanes) {
      lane.state ^= lane.state << 13U;
      lane.state ^= lane.state >> 7U;
      lane.state ^= lane.state << 17U;
      const std::uint64_t record = graph.records()[lane.vertex];
      lane.edge = graph.offset_of_record(record) + slot_multiply_shift(lane.state, graph.degree_of_record(record));
      lane.stops = lane.state * 0xD1342543DE82EF95U < stop_below;
      __builtin_prefetch(graph.targets() + lane.edge);
    }
    for (Lane& lane : lanes) {
      lane.vertex = graph.targets()[lane.edge];
      sum += lane.vertex;
      if (lane.stops) {
        ++started;
        lane.vertex = static_cast<std::uint32_t>(slot_multiply_shift(lane.state * 0x9E3779B97F4A7C15U, rows));
      } else {
        ++steps;
      }
      __builtin_prefetch(graph.records() + lane.vertex);
    }
  }
  return steps;
}

/// Walks of a range of sources one after another: keeps the kernel's lanes full across sources.
class RangeSupply {
 public:
  RangeSupply(IndexRange sources, std::uint32_t walks) : sources_(sources), walks_(walks) {}

  [[nodiscard]] bool next(exec::WalkLanes& lanes, std::size_t lane) {
    if (sources_.begin == sources_.end) return false;
    lanes.vertex[lane] = lanes.source[lane] = static_cast<std::uint32_t>(sources_.begin);
    lanes.walk[lane] = walk_;
    lanes.step[lane] = 0;
    lanes.key_low[lane] = static_cast<std::uint32_t>(sources_.begin * 0x9E3779B9U);
    lanes.key_high[lane] = 1;
    exec::forget_past(lanes, lane);
    if (++walk_ == walks_) {
      walk_ = 0;
      ++sources_.begin;
    }
    return true;
  }

 private:
  IndexRange sources_;
  std::uint32_t walks_;
  std::uint32_t walk_ = 0;
};

/// Folds the visited vertices into a sum; counts visits.
struct SumSink {
  std::uint64_t sum = 0;
  std::uint64_t visits = 0;
  std::uint64_t walks = 0;

  void visit(const exec::WalkLanes& lanes, std::size_t count) {
    visits += count;
    sum += lanes.vertex[0];
  }
  void end(const exec::WalkLanes& lanes, std::size_t lane, exec::WalkEnd) {
    ++walks;
    sum += lanes.vertex[lane];
  }
  void leave(const exec::WalkLanes&, std::size_t) {}
};

double kernel_rate(const exec::WalkGraph& graph, std::size_t num_lanes, double seconds) {
  const exec::RestartPolicy policy(kRestart);
  return best_rate(seconds, [&](std::uint32_t n) {
    const RandomStream random(n, Purpose::kWalk);
    parallel::PerThread<std::uint64_t> steps;
    parallel::PerThread<exec::WalkLanes> scratch;
    const std::uint64_t sources = std::min<std::uint64_t>(graph.num_rows(), 1U << 20U);
    parallel::for_chunks({0, sources}, 1U << 14U, [&](IndexRange chunk) {
      RangeSupply supply(chunk, 10);
      SumSink sink;
      exec::run_walks<false>(graph, policy, random, supply, sink, scratch.local(), num_lanes);
      steps.local() += sink.visits - sink.walks + (sink.sum == 1 ? 1U : 0U);
    });
    return total_of(steps);
  });
}

double counting_rate(const exec::WalkGraph& graph, IndexRange counted, std::uint32_t walks, double seconds) {
  const exec::RestartPolicy policy(kRestart);
  return best_rate(seconds, [&](std::uint32_t n) {
    const RandomStream random(n, Purpose::kWalk);
    parallel::PerThread<std::uint64_t> steps;
    parallel::for_chunks({0, 64}, 32, [&](IndexRange chunk) {
      algorithms::CountingWalker walker(counted);
      std::vector<algorithms::CountingWalker::Source> sources;
      for (std::uint64_t i = chunk.begin; i < chunk.end; ++i) {
        const std::uint64_t source = counted.begin + (i * 7919 + n) % counted.size();
        sources.push_back({static_cast<std::uint32_t>(source), VertexKey{source * 0x9E3779B9U}});
      }
      std::uint64_t listed = 0;
      walker.walk_from_each(graph, policy, random, sources, walks,
                            [&](std::size_t, std::uint64_t) { listed += walker.counter.entries().size(); });
      steps.local() += walker.moves + (listed == 0 ? 1U : 0U);
    });
    return total_of(steps);
  });
}

void print(const std::string& what, double rate) {
  std::fputs(fmt::format("{:<44} {:>8.1f} M/s\n", what, rate / 1e6).c_str(), stdout);
  std::fflush(stdout);
}

constexpr std::uint64_t kPolicySeed = 1;

/// Walks of 80 steps from every tenth vertex, as KnightKing's benchmark of second-order walks.
template <class Policy>
double policy_rate(const exec::WalkGraph& graph, const Policy& policy, double seconds) {
  const RandomStream random(kPolicySeed, Purpose::kWalk);
  return best_rate(seconds, [&](std::uint32_t n) {
    parallel::PerThread<std::uint64_t> steps;
    parallel::PerThread<exec::WalkLanes> scratch;
    parallel::for_chunks({0, graph.num_rows() / 10}, 1U << 11U, [&](IndexRange chunk) {
      RangeSupply supply({chunk.begin * 10 + n % 10, (chunk.begin * 10 + n % 10) + chunk.size()}, 1);
      SumSink sink;
      exec::run_walks<false>(graph, policy, random, supply, sink, scratch.local());
      steps.local() += sink.visits - sink.walks + (sink.sum == 1 ? 1U : 0U);
    });
    return total_of(steps);
  });
}

template <class Slots, class Dynamic>
auto policy_of(const exec::WalkGraph& graph, Slots slots, Dynamic dynamic) {
  return exec::WalkPolicyOf<exec::WholeList, Slots, Dynamic>(graph, kPolicySeed, exec::ContinueRule(0.0, 80),
                                                             exec::WholeList{}, slots, dynamic);
}

/// The same edges with weights between 1 and 5, most of them small, and random times.
graph::GraphBlocks with_attributes(graph::GraphBlocks blocks) {
  graph::Schema schema;
  for (const graph::VertexType& type : blocks.schema.vertex_types()) schema.add_vertex_type(type.name, type.count);
  for (graph::EdgeType type : blocks.schema.edge_types()) {
    type.has_weights = type.has_times = true;
    schema.add_edge_type(type);
  }
  blocks.schema = schema;
  for (graph::AdjacencyBlock* side : {&blocks.edges[0].by_source, &blocks.edges[0].by_destination}) {
    side->weights.resize(side->targets.size());
    side->times.resize(side->targets.size());
    parallel::for_each({0, side->targets.size()}, 1U << 16U, [&](std::uint64_t slot) {
      const std::uint64_t hash = mix64(slot, 7);
      side->weights[slot] = 1.0F + 4.0F * static_cast<float>(to_unit(hash) * to_unit(hash));
      side->times[slot] = static_cast<std::int64_t>(mix64(slot, 8) % 1'000'000);
    });
  }
  return blocks;
}

void policies(const comm::Communicator& world, const graph::GraphBlocks& plain, double seconds) {
  const exec::EdgeSelection both{exec::Direction::kBoth, {}};
  const graph::GraphBlocks blocks = with_attributes(plain);
  const auto graph_with = [&](exec::SlotSampling sampling, bool times, bool membership) {
    return exec::WalkGraph::replicated(world, blocks, both, {{}, sampling, times, membership});
  };
  {
    const auto graph = graph_with(exec::SlotSampling::kUniform, false, true);
    const exec::UniformSlots slots(graph);
    print("uniform, 80 steps", policy_rate(graph, policy_of(graph, slots, exec::AnySlot{}), seconds));
    print("node2vec p=2 q=0.5, 80 steps",
          policy_rate(graph, policy_of(graph, slots, exec::SecondOrder(graph, 2.0, 0.5)), seconds));
    print("node2vec p=1 q=1", policy_rate(graph, policy_of(graph, slots, exec::SecondOrder(graph, 1.0, 1.0)), seconds));
    print("node2vec p=0.25 q=4",
          policy_rate(graph, policy_of(graph, slots, exec::SecondOrder(graph, 0.25, 4.0)), seconds));
    const std::vector<std::uint8_t> features(graph.num_rows(), 0);
    print("feature bias",
          policy_rate(graph, policy_of(graph, slots, exec::FeatureBias(features, std::vector{1.0, 2.0})), seconds));
  }
  {
    const auto graph = graph_with(exec::SlotSampling::kAlias, false, true);
    print("weighted, alias", policy_rate(graph, policy_of(graph, exec::AliasSlots(graph), exec::AnySlot{}), seconds));
    print("weighted node2vec p=2 q=0.5, alias",
          policy_rate(graph, policy_of(graph, exec::AliasSlots(graph), exec::SecondOrder(graph, 2.0, 0.5)), seconds));
  }
  {
    const auto graph = graph_with(exec::SlotSampling::kRejection, false, false);
    print("weighted, rejection",
          policy_rate(graph, policy_of(graph, exec::UniformSlots(graph), exec::WeightByRejection(graph)), seconds));
  }
  {
    const auto graph = graph_with(exec::SlotSampling::kInverse, false, false);
    print("weighted, inverse transform",
          policy_rate(graph, policy_of(graph, exec::InverseSlots(graph), exec::AnySlot{}), seconds));
  }
  {
    const auto graph = graph_with(exec::SlotSampling::kUniform, true, false);
    print("temporal",
          policy_rate(graph, policy_of(graph, exec::UniformSlots(graph), exec::NonDecreasingTimes(graph)), seconds));
  }
}

int kernel(const comm::Communicator& world, const graph::GraphBlocks& blocks, bool rmat, double seconds) {
  const auto graph = exec::WalkGraph::replicated(world, blocks, {exec::Direction::kBoth, {}});
  const auto counted = blocks.schema.stable_range(VertexTypeId{static_cast<std::uint16_t>(rmat ? 0 : 1)});
  std::fputs(
      fmt::format("{} vertices, {} slots, {} threads\n", graph.num_rows(), graph.num_slots(), parallel::concurrency())
          .c_str(),
      stdout);
  print("limit: random lines, 64 in flight", random_lines_per_second(seconds));
  print("limit: bare interleaved walker", best_rate(seconds, [&](std::uint32_t n) {
          parallel::PerThread<std::uint64_t> steps;
          parallel::for_each({0, parallel::concurrency()}, 1, [&](std::uint64_t thread) {
            std::uint64_t sum = 0;
            steps.local() += bare_walks(graph, 3'000'000, n * 64 + thread, sum) + (sum == 1 ? 1U : 0U);
          });
          return total_of(steps);
        }));
  for (const std::size_t lanes : {16U, 32U, 64U, 128U, 256U}) {
    print(fmt::format("walk kernel, {} lanes", lanes), kernel_rate(graph, lanes, seconds));
  }
  for (const std::uint32_t walks : {1000U, 4000U, 16000U}) {
    print(fmt::format("walk kernel, full-path counts, {} walks", walks), counting_rate(graph, counted, walks, seconds));
  }
  return 0;
}

/// Travelling walks do nothing here but travel.
struct NoCounts {
  void visit(const exec::WalkLanes&, std::size_t) {}
  void end(const exec::WalkLanes&, std::size_t, exec::WalkEnd) {}
};
struct PairCounts {
  std::unique_ptr<exec::PairCounter> pairs;
  void visit(const exec::WalkLanes& lanes, std::size_t count) {
    pairs->add(lanes.source.data(), lanes.vertex.data(), count);
  }
  void end(const exec::WalkLanes&, std::size_t, exec::WalkEnd) {}
};

/// Rows of one batch: `num_sources` vertices of the first type, `walks` from each.
template <class Counts, class Policy, class Prepare>
void travel(const comm::Communicator& world, const graph::DistributedGraph& graph, const exec::WalkGraph& walk_graph,
            const Policy& policy, const std::string& what, std::uint64_t num_sources, std::uint32_t walks,
            double seconds, const Prepare& prepare) {
  const IndexRange type = graph.schema().stable_range(VertexTypeId{0});
  const std::uint64_t stride = std::max<std::uint64_t>(1, type.size() / num_sources);
  std::vector<VertexKey> keys;
  std::vector<exec::WalkStart> starts;
  for (std::uint64_t i = 0; i < std::min(num_sources, type.size()); ++i) keys.emplace_back(mix64(i, 3) >> 1U);
  for (std::uint32_t v = 0; v < graph.num_owned(); ++v) {
    const std::uint64_t stable = graph.index_map().stable_of(LocalVertexId{v}).value();
    if (stable % stride == 0 && stable / stride < keys.size()) {
      starts.push_back({v, static_cast<std::uint32_t>(stable / stride)});
    }
  }
  exec::WalkTraffic best;
  double best_seconds = 1e9;
  double spent = 0.0;
  for (std::uint32_t n = 0; n < 3 || spent < seconds; ++n) {
    parallel::PerThread<Counts> counts;
    counts.for_each(prepare);
    exec::WalkTraffic traffic;
    world.barrier();
    const double took = world.all_reduce(seconds_of([&] {
                                           traffic = exec::run_travelling_walks(
                                               world, walk_graph, policy, RandomStream(kPolicySeed, Purpose::kWalk),
                                               starts, keys, walks, counts);
                                         }),
                                         comm::ReduceOp::kMax);
    spent += took;
    if (took < best_seconds) {
      best_seconds = took;
      best = traffic;
    }
  }
  const auto sum = [&](std::uint64_t value) {
    return static_cast<double>(world.all_reduce(value, comm::ReduceOp::kSum));
  };
  const double moves = sum(best.moves);
  const double remote = sum(best.remote_moves);
  const double bytes = sum(best.bytes_sent);
  if (!world.is_root()) return;
  print(what, moves / best_seconds);
  std::fputs(fmt::format("  {:.1f} % of steps remote, {:.1f} bytes sent per step, {} supersteps, {:.1f} M steps\n",
                         100.0 * remote / moves, bytes / moves, best.supersteps, moves / 1e6)
                 .c_str(),
             stdout);
}

int travelling(const comm::Communicator& world, const graph::GraphBlocks& whole, double seconds) {
  const graph::DistributedGraph graph = hash_distributed(world, home_blocks(whole, world.rank(), world.size()));
  const exec::AdjacencyView view(graph, {exec::Direction::kBoth, {}});
  const auto nothing = [](NoCounts&) {};
  const IndexRange counted =
      graph.owned_of_type(VertexTypeId{static_cast<std::uint16_t>(graph.schema().vertex_types().size() - 1)});
  const auto pairs = [&](PairCounts& counts) { counts.pairs = std::make_unique<exec::PairCounter>(counted); };
  {
    const auto walk_graph = exec::WalkGraph::partitioned(view);
    const exec::RestartPolicy policy(kRestart);
    if (world.is_root()) std::fputs(fmt::format("{} ranks, cut by hash\n", world.size()).c_str(), stdout);
    travel<NoCounts>(world, graph, walk_graph, policy, "restart walks, 2M walkers", 1'000'000, 2, seconds, nothing);
    travel<NoCounts>(world, graph, walk_graph, policy, "restart walks, 100k walkers", 100'000, 1, seconds, nothing);
    travel<PairCounts>(world, graph, walk_graph, policy, "with counts, 200 sources x 10,000 walks", 200, 10'000,
                       seconds, pairs);
    travel<PairCounts>(world, graph, walk_graph, policy, "with counts, 1M sources x 2 walks", 1'000'000, 2, seconds,
                       pairs);
  }
  const auto walk_graph = exec::WalkGraph::partitioned(view, {{}, exec::SlotSampling::kUniform, false, true});
  travel<NoCounts>(world, graph, walk_graph,
                   policy_of(walk_graph, exec::UniformSlots(walk_graph), exec::SecondOrder(walk_graph, 2.0, 0.5)),
                   "node2vec p=2 q=0.5, 80 steps", 100'000, 1, seconds, nothing);
  return 0;
}

int run(const comm::Communicator& world, const std::string& which, double seconds, const std::string& part) {
  const bool rmat = which == "rmat";
  const parallel::ConcurrencyLimit limit(world.size() > 1 ? 1 : 0);
  const graph::GraphBlocks blocks =
      rmat ? symmetrised_rmat(20, 16, 1) : power_law_bipartite(1'000'000, 200'000, 20'000'000, 1);
  if (world.is_root()) std::fputs((which + "\n").c_str(), stdout);
  if (world.size() > 1) return travelling(world, blocks, seconds);
  if (part != "policies") kernel(world, blocks, rmat, seconds);
  if (part != "kernel") policies(world, blocks, seconds);
  return 0;
}

}  // namespace

}  // namespace rove::bench

int main(int argc, char** argv) {
  rove::comm::Environment environment(&argc, &argv);
  return rove::comm::run_to_exit_code(environment.world(), [&] {
    return rove::bench::run(environment.world(), argc > 1 ? argv[1] : "rmat", argc > 2 ? std::atof(argv[2]) : 1.0,
                            argc > 3 ? argv[3] : "");
  });
}
