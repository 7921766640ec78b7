// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

#include "engine/base/huge_buffer.hpp"
#include "engine/base/ids.hpp"
#include "engine/base/random.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/exec/walk_engine.hpp"
#include "engine/exec/walk_graph.hpp"
#include "engine/exec/walk_membership.hpp"
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
  std::uint64_t remote_moves = 0;  ///< those that ended on another rank
  std::uint64_t bytes_sent = 0;    ///< to other ranks; second-order walks also ask and answer
  std::uint64_t buffer_bytes = 0;  ///< the most that walkers between ranks took here
};

/// A walk with the time of the edge it took last. 24 bytes.
struct TimedWalker {
  Walker walker;
  std::int64_t time = 0;
};

/// A walk with the vertex it came from; vertices by `WalkGraph::id_of`. 28 bytes. In one of three states: it has moved
/// and goes to the owner of `vertex`; it asks the owner of `previous` whether that is a neighbour of the candidate of
/// an attempt; or it goes back to the owner of `vertex` for an attempt, because the candidate before was rejected.
struct SecondOrderWalker {
  std::uint32_t vertex = 0;
  std::uint32_t source = 0;
  std::uint32_t walk = 0;
  std::uint32_t step = 0;
  std::uint32_t previous = kNoVertex;
  std::uint32_t candidate = kNoVertex;
  std::uint32_t attempt = 0;

  [[nodiscard]] bool asks() const { return candidate != kNoVertex; }
  [[nodiscard]] bool retries() const { return candidate == kNoVertex && attempt > 0; }
};

namespace detail {

inline void set_lane(WalkLanes& lanes, std::size_t lane, const Walker& walker, VertexKey key) {
  lanes.vertex[lane] = walker.vertex;
  lanes.source[lane] = walker.source;
  lanes.walk[lane] = walker.walk;
  lanes.step[lane] = walker.step;
  lanes.key_low[lane] = static_cast<std::uint32_t>(key.value());
  lanes.key_high[lane] = static_cast<std::uint32_t>(key.value() >> 32U);
}

/// How a walk is packed at a ghost and unpacked by its owner, per kind of memory.
template <class Memory>
struct Travel {
  using Message = Walker;
  static std::uint32_t source_of(const Message& message) { return message.source; }
  static Message pack(const WalkGraph& /*graph*/, const WalkLanes& lanes, std::size_t lane, std::uint32_t local) {
    return {local, lanes.source[lane], lanes.walk[lane], lanes.step[lane]};
  }
  static void unpack(const WalkGraph& /*graph*/, const Message& message, VertexKey key, WalkLanes& lanes,
                     std::size_t lane) {
    set_lane(lanes, lane, message, key);
  }
};

template <>
struct Travel<TimeMemory> {
  using Message = TimedWalker;
  static std::uint32_t source_of(const Message& message) { return message.walker.source; }
  static Message pack(const WalkGraph& graph, const WalkLanes& lanes, std::size_t lane, std::uint32_t local) {
    return {Travel<NoMemory>::pack(graph, lanes, lane, local), lanes.time[lane]};
  }
  static void unpack(const WalkGraph& /*graph*/, const Message& message, VertexKey key, WalkLanes& lanes,
                     std::size_t lane) {
    set_lane(lanes, lane, message.walker, key);
    lanes.time[lane] = message.time;
  }
};

template <>
struct Travel<PreviousMemory> {
  using Message = SecondOrderWalker;
  static std::uint32_t source_of(const Message& message) { return message.source; }
  static Message pack(const WalkGraph& graph, const WalkLanes& lanes, std::size_t lane, std::uint32_t /*local*/) {
    return {graph.id_of(lanes.vertex[lane]),
            lanes.source[lane],
            lanes.walk[lane],
            lanes.step[lane],
            lanes.previous[lane],
            kNoVertex,
            0};
  }
  static void unpack(const WalkGraph& graph, const Message& message, VertexKey key, WalkLanes& lanes,
                     std::size_t lane) {
    set_lane(lanes, lane, {graph.row_of(message.vertex), message.source, message.walk, message.step}, key);
    lanes.previous[lane] = message.previous;
  }
};

/// Takes walkers that have arrived from other ranks.
template <class Memory>
class ArrivalSupply {
 public:
  using Message = typename Travel<Memory>::Message;
  ArrivalSupply(const WalkGraph& graph, std::span<const Message> walkers, std::span<const VertexKey> keys)
      : graph_(graph), walkers_(walkers), keys_(keys) {}

  [[nodiscard]] bool next(WalkLanes& lanes, std::size_t lane) {
    if (next_ == walkers_.size()) return false;
    if (next_ + kAhead < walkers_.size()) {
      __builtin_prefetch(keys_.data() + Travel<Memory>::source_of(walkers_[next_ + kAhead]));
    }
    const Message& walker = walkers_[next_++];
    Travel<Memory>::unpack(graph_, walker, keys_[Travel<Memory>::source_of(walker)], lanes, lane);
    return true;
  }

 private:
  static constexpr std::size_t kAhead = 16;
  const WalkGraph& graph_;
  std::span<const Message> walkers_;
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
    set_lane(lanes, lane, {start.vertex, start.source, walk_, 0}, keys_[start.source]);
    forget_past(lanes, lane);
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

/// One thread's walkers for each rank.
template <class Message>
struct Outgoing {
  std::vector<std::vector<Message>> walkers;
  WalkTraffic traffic;

  void send(Rank rank, const Message& message) { walkers[rank.index()].push_back(message); }
};

/// One thread's walkers for each rank, in front of the caller's counting sink.
template <class Memory, class Counts>
struct TravellingSink {
  using Message = typename Travel<Memory>::Message;
  const WalkGraph* graph = nullptr;
  Counts* counts = nullptr;
  Outgoing<Message>* outgoing = nullptr;

  void visit(const WalkLanes& lanes, std::size_t count) {
    outgoing->traffic.moves += count;  // every visited lane draws a step; those that end are taken back
    counts->visit(lanes, count);
  }
  void end(const WalkLanes& lanes, std::size_t lane, WalkEnd how) {
    --outgoing->traffic.moves;
    counts->end(lanes, lane, how);
  }
  void leave(const WalkLanes& lanes, std::size_t lane) {
    const WalkGraph::RemoteVertex home = graph->home_of_ghost(lanes.vertex[lane]);
    outgoing->send(home.owner, Travel<Memory>::pack(*graph, lanes, lane, home.local.value()));
    ++outgoing->traffic.remote_moves;
  }
  void ask(const WalkLanes& lanes, std::size_t lane) {
    --outgoing->traffic.moves;
    outgoing->send(
        graph->owner_of(lanes.previous[lane]),
        {graph->id_of(lanes.vertex[lane]), lanes.source[lane], lanes.walk[lane], lanes.step[lane], lanes.previous[lane],
         graph->id_of(lanes.next[lane]), static_cast<std::uint32_t>(lanes.edge[lane])});
  }
};

/// Answers the walks that ask and continues those that come back, until each has moved or waits for another rank.
/// Leaves those that stand here in `ready`.
template <class Policy>
class SecondOrderDesk {
 public:
  SecondOrderDesk(const WalkGraph& graph, const Policy& policy, std::span<const VertexKey> keys, WalkLanes& lanes,
                  Outgoing<SecondOrderWalker>& outgoing, std::vector<SecondOrderWalker>& ready)
      : graph_(graph), policy_(policy), keys_(keys), lanes_(lanes), outgoing_(outgoing), ready_(ready) {}

  void serve(std::span<const SecondOrderWalker> arrived) {
    for (const SecondOrderWalker& walker : arrived) {
      if (walker.asks()) {
        asked_.push_back(walker);
        search_.ask(graph_, graph_.row_of(walker.previous), walker.candidate);
        if (asked_.size() == kMaxWalkLanes) answer();
      } else if (walker.retries()) {
        retry(walker);
      } else {
        ready_.push_back(walker);
      }
    }
    answer();
  }

 private:
  void answer() {
    search_.run(graph_);
    for (std::size_t q = 0; q < asked_.size(); ++q) {
      SecondOrderWalker walker = asked_[q];
      if (policy_.accepts(search_.answer(q), keys_[walker.source], walker.walk, walker.step, walker.attempt)) {
        move(walker, walker.candidate);
        continue;
      }
      walker.candidate = kNoVertex;
      ++walker.attempt;
      if (graph_.owns(walker.vertex)) {
        retry(walker);
      } else {
        outgoing_.send(graph_.owner_of(walker.vertex), walker);
      }
    }
    asked_.clear();
  }

  void retry(SecondOrderWalker walker) {
    Travel<PreviousMemory>::unpack(graph_, walker, keys_[walker.source], lanes_, 0);
    if (policy_.resume(lanes_, 0, walker.attempt) == Verdict::kAccept) {
      move(walker, graph_.id_of(lanes_.next[0]));
      return;
    }
    walker.candidate = graph_.id_of(lanes_.next[0]);
    walker.attempt = static_cast<std::uint32_t>(lanes_.edge[0]);
    outgoing_.send(graph_.owner_of(walker.previous), walker);
  }

  void move(const SecondOrderWalker& walker, std::uint32_t target) {
    const SecondOrderWalker moved{target, walker.source, walker.walk, walker.step + 1, walker.vertex, kNoVertex, 0};
    ++outgoing_.traffic.moves;
    if (graph_.owns(target)) {
      ready_.push_back(moved);
    } else {
      ++outgoing_.traffic.remote_moves;
      outgoing_.send(graph_.owner_of(target), moved);
    }
  }

  const WalkGraph& graph_;
  const Policy& policy_;
  std::span<const VertexKey> keys_;
  WalkLanes& lanes_;
  Outgoing<SecondOrderWalker>& outgoing_;
  std::vector<SecondOrderWalker>& ready_;
  std::vector<SecondOrderWalker> asked_;
  NeighborSearch search_;
};

/// Plain memory that grows without being cleared or copied; its pages stay from superstep to superstep.
template <class T>
class GrowingBuffer {
 public:
  std::span<T> at_least(std::size_t size) {
    if (size > buffer_.size()) {
      buffer_ = HugeBuffer<T>();  // before the new one is taken
      buffer_ = HugeBuffer<T>(size + size / 4);
    }
    return buffer_.span().first(size);
  }
  [[nodiscard]] std::size_t size() const { return buffer_.size(); }

 private:
  HugeBuffer<T> buffer_;
};

}  // namespace detail

/// Memory of a walker between two ranks: in the outgoing list of a thread, in the message, and where it arrives.
template <WalkPolicy Policy>
inline constexpr std::uint64_t kTravellingBytesPerWalk = 4 * sizeof(typename detail::Travel<MemoryOf<Policy>>::Message);

/// **Collective.** Walks every walk of the batch to its end in the partitioned layout: `num_walks` from each start,
/// sources of all ranks together. Walkers advance on the rank that owns their vertex until they end or step onto a
/// ghost; those that left are exchanged in one batch per superstep, until none is left anywhere. `keys` are the source
/// keys of the whole batch by source index, the same on all ranks. `Counts` has `visit(lanes, count)` and `end(lanes,
/// lane, how)` of `WalkSink` and is called from one thread each. Memory: `kTravellingBytesPerWalk` for each walk of
/// the batch at most, if all were on their way to or from this rank. What a thread or rank throws is thrown on all.
template <WalkPolicy Policy, class Counts>
WalkTraffic run_travelling_walks(const comm::Communicator& comm, const WalkGraph& graph, const Policy& policy,
                                 const RandomStream& random, std::span<const WalkStart> starts,
                                 std::span<const VertexKey> keys, std::uint32_t num_walks,
                                 parallel::PerThread<Counts>& counts) {
  using Memory = MemoryOf<Policy>;
  using Message = typename detail::Travel<Memory>::Message;
  constexpr std::uint64_t kArrivalGrain = 1U << 15U;
  const std::uint64_t start_grain = std::max<std::uint64_t>(1, kArrivalGrain / std::max(1U, num_walks));
  const auto num_ranks = static_cast<std::size_t>(comm.size());
  struct Worker {
    WalkLanes lanes{};
    detail::Outgoing<Message> outgoing;
    std::vector<Message> ready;
  };
  parallel::PerThread<Worker> workers;
  workers.for_each([&](Worker& worker) { worker.outgoing.walkers.resize(num_ranks); });

  const auto advance = [&](Worker& worker, auto& supply) {
    detail::TravellingSink<Memory, Counts> sink{&graph, &counts.local(), &worker.outgoing};
    if (graph.has_ghosts()) {
      run_walks<true>(graph, policy, random, supply, sink, worker.lanes);
    } else {
      run_walks<false>(graph, policy, random, supply, sink, worker.lanes);
    }
  };
  const auto advance_arrived = [&](Worker& worker, std::span<const Message> arrived) {
    if constexpr (std::is_same_v<Memory, PreviousMemory>) {
      worker.ready.clear();
      detail::SecondOrderDesk<Policy>(graph, policy, keys, worker.lanes, worker.outgoing, worker.ready).serve(arrived);
      arrived = worker.ready;
    }
    detail::ArrivalSupply<Memory> supply(graph, arrived, keys);
    advance(worker, supply);
  };

  WalkTraffic traffic;
  detail::GrowingBuffer<Message> send_buffer;
  detail::GrowingBuffer<Message> receive_buffer;
  std::span<Message> sent;
  std::span<Message> arrived;
  std::vector<std::uint64_t> send_offsets(num_ranks + 1);
  std::vector<std::uint64_t> receive_offsets(num_ranks + 1);
  struct Announcement {
    std::uint64_t here;  ///< walkers from one rank to another
    std::uint64_t all;   ///< walkers from that rank to anywhere
  };
  std::vector<Announcement> announced(num_ranks);
  while (true) {
    comm.agree([&] {
      if (traffic.supersteps == 0) {
        parallel::for_chunks({0, starts.size()}, start_grain, [&](IndexRange chunk) {
          detail::StartSupply supply(starts.subspan(chunk.begin, chunk.size()), keys, num_walks);
          advance(workers.local(), supply);
        });
      } else {
        parallel::for_chunks({0, arrived.size()}, kArrivalGrain, [&](IndexRange chunk) {
          advance_arrived(workers.local(), arrived.subspan(chunk.begin, chunk.size()));
        });
      }
      for (std::size_t rank = 0; rank < num_ranks; ++rank) {
        send_offsets[rank + 1] = send_offsets[rank];
        workers.for_each([&](Worker& worker) { send_offsets[rank + 1] += worker.outgoing.walkers[rank].size(); });
      }
      sent = send_buffer.at_least(send_offsets.back());
      for (std::size_t rank = 0; rank < num_ranks; ++rank) {
        std::uint64_t write = send_offsets[rank];
        workers.for_each([&](Worker& worker) {
          std::vector<Message>& walkers = worker.outgoing.walkers[rank];
          std::copy(walkers.begin(), walkers.end(), sent.begin() + static_cast<std::ptrdiff_t>(write));
          write += walkers.size();
          walkers.clear();
        });
      }
    });
    ++traffic.supersteps;
    traffic.bytes_sent += send_offsets.back() * sizeof(Message);
    std::uint64_t held = send_buffer.size() + receive_buffer.size();
    workers.for_each([&](const Worker& worker) {
      held += worker.ready.capacity();
      for (const std::vector<Message>& walkers : worker.outgoing.walkers) held += walkers.capacity();
    });
    traffic.buffer_bytes = std::max(traffic.buffer_bytes, held * sizeof(Message));
    for (std::size_t rank = 0; rank < num_ranks; ++rank) {
      announced[rank] = {send_offsets[rank + 1] - send_offsets[rank], send_offsets.back()};
    }
    const std::vector<Announcement> incoming = comm.all_to_all<Announcement>(announced);
    std::uint64_t under_way = 0;
    for (std::size_t rank = 0; rank < num_ranks; ++rank) {
      receive_offsets[rank + 1] = receive_offsets[rank] + incoming[rank].here;
      under_way += incoming[rank].all;
    }
    if (under_way == 0) break;
    comm.agree([&] { arrived = receive_buffer.at_least(receive_offsets.back()); });
    comm.start_exchange<Message>(sent, send_offsets, arrived, receive_offsets).wait();
  }
  workers.for_each([&](Worker& worker) {
    traffic.moves += worker.outgoing.traffic.moves;
    traffic.remote_moves += worker.outgoing.traffic.remote_moves;
  });
  return traffic;
}

}  // namespace rove::exec
