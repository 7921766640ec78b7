// SPDX-License-Identifier: Apache-2.0
// Steps per second of the walk kernel in the replicated layout, beside two limits measured in the same run: random
// reads of cache lines, and a bare interleaved walker without counting. Usage: walk_bench [rmat|bipartite] [seconds per
// row].
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "bench/walk_graphs.hpp"
#include <fmt/format.h>

#include "engine/base/huge_buffer.hpp"
#include "engine/comm/environment.hpp"
#include "engine/exec/visit_counter.hpp"
#include "engine/exec/walk_engine.hpp"
#include "engine/exec/walk_graph.hpp"
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

struct CountSink {
  exec::VisitCounter* counter;
  std::uint64_t visits = 0;
  std::uint64_t walks = 0;

  void visit(const exec::WalkLanes& lanes, std::size_t count) {
    visits += count;
    counter->add(lanes.vertex.data(), count);
  }
  void end(const exec::WalkLanes&, std::size_t, exec::WalkEnd) { ++walks; }
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
    parallel::PerThread<exec::WalkLanes> scratch;
    parallel::for_chunks({0, 64}, 32, [&](IndexRange chunk) {
      exec::VisitCounter counter(counted);
      std::uint64_t here = 0;
      for (std::uint64_t i = chunk.begin; i < chunk.end; ++i) {
        const std::uint64_t source = counted.begin + (i * 7919 + n) % counted.size();
        exec::SingleSourceSupply supply(static_cast<std::uint32_t>(source), VertexKey{source * 0x9E3779B9U}, 0, 0,
                                        walks);
        CountSink sink{&counter};
        exec::run_walks<false>(graph, policy, random, supply, sink, scratch.local());
        here += sink.visits - sink.walks + (counter.entries().empty() ? 1U : 0U);
        counter.clear();
      }
      steps.local() += here;
    });
    return total_of(steps);
  });
}

int run(const comm::Communicator& world, const std::string& which, double seconds) {
  const parallel::ConcurrencyLimit limit(0);
  const bool rmat = which == "rmat";
  const graph::GraphBlocks blocks =
      rmat ? symmetrised_rmat(20, 16, 1) : power_law_bipartite(1'000'000, 200'000, 20'000'000, 1);
  const auto graph = exec::WalkGraph::replicated(world, blocks, {exec::Direction::kBoth, {}});
  const auto counted = blocks.schema.stable_range(VertexTypeId{static_cast<std::uint16_t>(rmat ? 0 : 1)});
  const auto print = [](const std::string& what, double rate) {
    std::fputs(fmt::format("{:<44} {:>8.1f} M/s\n", what, rate / 1e6).c_str(), stdout);
    std::fflush(stdout);
  };
  std::fputs(fmt::format("{}: {} vertices, {} slots, {} threads\n", which, graph.num_rows(), graph.num_slots(),
                         parallel::concurrency())
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

}  // namespace

}  // namespace rove::bench

int main(int argc, char** argv) {
  rove::comm::Environment environment(&argc, &argv);
  return rove::comm::run_to_exit_code(environment.world(), [&] {
    return rove::bench::run(environment.world(), argc > 1 ? argv[1] : "rmat", argc > 2 ? std::atof(argv[2]) : 1.0);
  });
}
