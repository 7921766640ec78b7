// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/ids.hpp"
#include "engine/base/random.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/exec/walk_engine.hpp"
#include "engine/exec/walk_graph.hpp"
#include "engine/parallel/parallel.hpp"

namespace rove::exec {

/// A source of the batch that this rank owns.
struct WalkStart {
  std::uint32_t vertex = 0;  ///< row of the walk graph
  std::uint32_t source = 0;  ///< index within the batch
};

/// What a batch of travelling walks did on this rank.
struct WalkTraffic {
  std::uint64_t supersteps = 0;
  std::uint64_t moves = 0;         ///< steps taken from vertices owned here
  std::uint64_t remote_moves = 0;  ///< those that ended on another rank; each sends one 16-byte `Walker`
};

namespace detail {

/// Takes walkers that have arrived from other ranks.
class ArrivalSupply {
 public:
  ArrivalSupply(std::span<const Walker> walkers, std::span<const VertexKey> keys) : walkers_(walkers), keys_(keys) {}

  [[nodiscard]] bool next(WalkLanes& lanes, std::size_t lane) {
    if (next_ == walkers_.size()) return false;
    const Walker& walker = walkers_[next_++];
    const std::uint64_t key = keys_[walker.source].value();
    lanes.vertex[lane] = walker.vertex;
    lanes.source[lane] = walker.source;
    lanes.walk[lane] = walker.walk;
    lanes.step[lane] = walker.step;
    lanes.key_low[lane] = static_cast<std::uint32_t>(key);
    lanes.key_high[lane] = static_cast<std::uint32_t>(key >> 32U);
    return true;
  }

 private:
  std::span<const Walker> walkers_;
  std::span<const VertexKey> keys_;
  std::size_t next_ = 0;
};

/// Starts `walks` walks from each of some sources.
class StartSupply {
 public:
  StartSupply(std::span<const WalkStart> starts, std::span<const VertexKey> keys, std::uint32_t walks)
      : starts_(starts), keys_(keys), walks_(walks) {}

  [[nodiscard]] bool next(WalkLanes& lanes, std::size_t lane) {
    if (starts_.empty()) return false;
    const WalkStart& start = starts_.front();
    const std::uint64_t key = keys_[start.source].value();
    lanes.vertex[lane] = start.vertex;
    lanes.source[lane] = start.source;
    lanes.walk[lane] = walk_;
    lanes.step[lane] = 0;
    lanes.key_low[lane] = static_cast<std::uint32_t>(key);
    lanes.key_high[lane] = static_cast<std::uint32_t>(key >> 32U);
    if (++walk_ == walks_) {
      walk_ = 0;
      starts_ = starts_.subspan(1);
    }
    return true;
  }

 private:
  std::span<const WalkStart> starts_;
  std::span<const VertexKey> keys_;
  std::uint32_t walks_;
  std::uint32_t walk_ = 0;
};

/// One thread's walkers for each rank, in front of the caller's counting sink.
template <class Counts>
struct TravellingSink {
  const WalkGraph* graph = nullptr;
  Counts* counts = nullptr;
  std::vector<std::vector<Walker>>* outgoing = nullptr;
  WalkTraffic traffic;

  void visit(const WalkLanes& lanes, std::size_t count) {
    traffic.moves += count;  // every visited lane draws a step; those that end are taken back
    counts->visit(lanes, count);
  }
  void end(const WalkLanes& lanes, std::size_t lane, WalkEnd how) {
    --traffic.moves;
    counts->end(lanes, lane, how);
  }
  void leave(const WalkLanes& lanes, std::size_t lane) {
    const WalkGraph::RemoteVertex home = graph->home_of_ghost(lanes.vertex[lane]);
    (*outgoing)[home.owner.index()].push_back(
        {home.local.value(), lanes.source[lane], lanes.walk[lane], lanes.step[lane]});
    ++traffic.remote_moves;
  }
};

}  // namespace detail

/// **Collective.** Walks every walk of the batch to its end in the partitioned layout: `num_walks` from each start,
/// sources of all ranks together. Walkers advance on the rank that owns their vertex until they end or step onto a
/// ghost; those that left are exchanged in one batch per superstep, until none is left anywhere. `keys` are the source
/// keys of the whole batch by source index, the same on all ranks. `Counts` has `visit(lanes, count)` and `end(lanes,
/// lane, how)` of `WalkSink` and is called from one thread each. Memory: 48 bytes per walker that is between ranks.
/// What a thread or rank throws is thrown on all.
template <WalkPolicy Policy, class Counts>
WalkTraffic run_travelling_walks(const comm::Communicator& comm, const WalkGraph& graph, const Policy& policy,
                                 const RandomStream& random, std::span<const WalkStart> starts,
                                 std::span<const VertexKey> keys, std::uint32_t num_walks,
                                 parallel::PerThread<Counts>& counts) {
  constexpr std::uint64_t kArrivalGrain = 1U << 15U;
  const std::uint64_t start_grain = std::max<std::uint64_t>(1, kArrivalGrain / std::max(1U, num_walks));
  const auto num_ranks = static_cast<std::size_t>(comm.size());
  struct Worker {
    WalkLanes lanes{};
    std::vector<std::vector<Walker>> outgoing;
    WalkTraffic traffic;
  };
  parallel::PerThread<Worker> workers;
  workers.for_each([&](Worker& worker) { worker.outgoing.resize(num_ranks); });

  WalkTraffic traffic;
  std::vector<Walker> arrived;
  const auto advance = [&](auto& supply) {
    Worker& worker = workers.local();
    detail::TravellingSink<Counts> sink{&graph, &counts.local(), &worker.outgoing, {}};
    if (graph.has_ghosts()) {
      run_walks<true>(graph, policy, random, supply, sink, worker.lanes);
    } else {
      run_walks<false>(graph, policy, random, supply, sink, worker.lanes);
    }
    worker.traffic.moves += sink.traffic.moves;
    worker.traffic.remote_moves += sink.traffic.remote_moves;
  };

  std::vector<Walker> sent;
  std::vector<std::uint64_t> sent_counts(num_ranks);
  while (true) {
    comm.agree([&] {
      if (traffic.supersteps == 0) {
        parallel::for_chunks({0, starts.size()}, start_grain, [&](IndexRange chunk) {
          detail::StartSupply supply(starts.subspan(chunk.begin, chunk.size()), keys, num_walks);
          advance(supply);
        });
      } else {
        parallel::for_chunks({0, arrived.size()}, kArrivalGrain, [&](IndexRange chunk) {
          detail::ArrivalSupply supply(std::span<const Walker>(arrived).subspan(chunk.begin, chunk.size()), keys);
          advance(supply);
        });
      }
      sent.clear();
      for (std::size_t rank = 0; rank < num_ranks; ++rank) {
        const std::size_t before = sent.size();
        workers.for_each([&](Worker& worker) {
          sent.insert(sent.end(), worker.outgoing[rank].begin(), worker.outgoing[rank].end());
          worker.outgoing[rank].clear();
        });
        sent_counts[rank] = sent.size() - before;
      }
    });
    ++traffic.supersteps;
    if (comm.all_reduce<std::uint64_t>(sent.size(), comm::ReduceOp::kSum) == 0) break;
    arrived = comm.exchange<Walker>(sent, sent_counts).data;
  }
  workers.for_each([&](Worker& worker) {
    traffic.moves += worker.traffic.moves;
    traffic.remote_moves += worker.traffic.remote_moves;
  });
  return traffic;
}

}  // namespace rove::exec
