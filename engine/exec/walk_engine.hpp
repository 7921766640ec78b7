// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "engine/base/ids.hpp"
#include "engine/base/random.hpp"
#include "engine/exec/walk_graph.hpp"
#include "engine/exec/walk_random.hpp"

/// The walk kernel: one thread's walks in lockstep. Walks in flight hide each other's memory latency (step
/// interleaving, Sun et al., ThunderRW, VLDB 2021): each round draws one Philox block per lane in vectors, then finds
/// every lane's slot and prefetches it, then reads the next vertices and prefetches their records. Stops are collected
/// without branches.
namespace rove::exec {

/// A walk between two steps. Travels between ranks; the randomness is not part of it, since it is a function of
/// (source, walk, step). 16 bytes.
struct Walker {
  std::uint32_t vertex = 0;  ///< row of the `WalkGraph` of the rank that holds it
  std::uint32_t source = 0;  ///< index within the batch of sources
  std::uint32_t walk = 0;
  std::uint32_t step = 0;
};

/// What a walk remembers of its past; it travels with the walk.
struct NoMemory {};
struct TimeMemory {};      ///< the time of the edge taken last
struct PreviousMemory {};  ///< the vertex before

/// What is said of a candidate for a walk's next vertex.
enum class Verdict : std::uint8_t { kAccept, kReject, kAsk };
/// Beside 0 and 1 (ended): the lane's walk needs an answer from another rank.
inline constexpr std::uint8_t kAsks = 2;

/// KnightKing's factorisation of a step: whether the walk goes on, and which slot it takes by static weight. `choose`
/// maps the slot draw and the acceptance word to a slot in [0, degree); it is called for degree 0 too, where anything
/// goes. Policies with more to say (lists, dynamic factors, memory) are made of the parts in walk_policies.hpp.
template <class P>
concept WalkPolicy = requires(const P& policy, std::uint32_t word, std::uint64_t draw) {
  { policy.continues(word, word) } -> std::same_as<bool>;                    // stop coin, moves made so far
  { policy.choose(draw, word, draw, draw) } -> std::same_as<std::uint64_t>;  // draw, acceptance, first slot, degree
};

/// Random walk with restart: ends with probability c at every vertex, moves to a uniform slot else. Never cut short,
/// so full-path counts are unbiased.
class RestartPolicy {
 public:
  /// Precondition: 0 < restart < 1.
  explicit RestartPolicy(double restart) : stop_below_(coin_threshold(restart)) {}

  [[nodiscard]] bool continues(std::uint32_t coin, std::uint32_t /*step*/) const { return coin >= stop_below_; }
  [[nodiscard]] std::uint64_t choose(std::uint64_t draw, std::uint32_t /*acceptance*/, std::uint64_t /*first*/,
                                     std::uint64_t degree) const {
    return slot_multiply_shift(draw, degree);
  }

 private:
  std::uint32_t stop_below_;
};

/// How a walk left the kernel.
enum class WalkEnd : std::uint8_t {
  kStopped,  ///< by the coin
  kLost,     ///< the coin said move, but the vertex has no slot (dangling rule D3)
};

/// Feeds walks to the kernel: puts the next one into a lane, or says that there is none.
template <class S>
concept WalkSupply = requires(S& supply, WalkLanes& lanes, std::size_t lane) {
  { supply.next(lanes, lane) } -> std::same_as<bool>;
};

/// Receives what walks do. `visit` gets all lanes of a round at once: each has just arrived at its vertex (start
/// vertices included, vertices of travelling walks on the rank that owns them). `leave` gets a walk standing on a
/// ghost; only where the graph has ghosts. Sinks of second-order walks over ghosts also have `ask(lanes, lane)`, for a
/// walk that waits for an answer from the owner of its previous vertex.
template <class S>
concept WalkSink = requires(S& sink, const WalkLanes& lanes, std::size_t lane) {
  sink.visit(lanes, lane);
  sink.end(lanes, lane, WalkEnd::kStopped);
  sink.leave(lanes, lane);
};

/// Gives a walk at its start the memory of none.
inline void forget_past(WalkLanes& lanes, std::size_t lane) {
  lanes.previous[lane] = kNoVertex;
  lanes.time[lane] = std::numeric_limits<std::int64_t>::min();
}

/// Starts walks [first, first + count) of one source.
class SingleSourceSupply {
 public:
  SingleSourceSupply(std::uint32_t vertex, VertexKey key, std::uint32_t source, std::uint32_t first,
                     std::uint32_t count)
      : vertex_(vertex), key_(key), source_(source), next_(first), end_(first + count) {}

  [[nodiscard]] bool next(WalkLanes& lanes, std::size_t lane) {
    if (next_ == end_) return false;
    lanes.vertex[lane] = vertex_;
    lanes.source[lane] = source_;
    lanes.walk[lane] = next_++;
    lanes.step[lane] = 0;
    lanes.key_low[lane] = static_cast<std::uint32_t>(key_.value());
    lanes.key_high[lane] = static_cast<std::uint32_t>(key_.value() >> 32U);
    forget_past(lanes, lane);
    return true;
  }

 private:
  std::uint32_t vertex_;
  VertexKey key_;
  std::uint32_t source_;
  std::uint32_t next_;
  std::uint32_t end_;
};

namespace detail {

template <class Policy>
struct MemoryOf {
  using Type = NoMemory;
};
template <class Policy>
  requires requires { typename Policy::Memory; }
struct MemoryOf<Policy> {
  using Type = typename Policy::Memory;
};

/// A product of parts, not a plain policy.
template <class Policy>
concept ComposedPolicy = requires { Policy::kHasTarget; };
template <class Policy>
inline constexpr bool kHasLists = [] {
  if constexpr (ComposedPolicy<Policy>) return Policy::kHasLists;
  return false;
}();
template <class Policy>
inline constexpr bool kSettles = [] {
  if constexpr (ComposedPolicy<Policy>) return Policy::kSettles;
  return false;
}();

}  // namespace detail

template <WalkPolicy Policy>
using MemoryOf = typename detail::MemoryOf<Policy>::Type;

/// Walks everything the supply gives, until each walk has ended or left. `lanes` is scratch of one thread; `num_lanes`
/// at most kMaxWalkLanes walks are in flight. The result depends on neither. Cost: 3 to 6 ns a step on a graph in
/// memory.
template <bool kGhosts, WalkPolicy Policy, WalkSupply Supply, WalkSink Sink>
void run_walks(const WalkGraph& graph, const Policy& policy, const RandomStream& random, Supply& supply, Sink& sink,
               WalkLanes& lanes, std::size_t num_lanes = kMaxWalkLanes) {
  constexpr bool kComposed = detail::ComposedPolicy<Policy>;
  constexpr bool kByTime = std::is_same_v<MemoryOf<Policy>, TimeMemory>;
  constexpr bool kSecondOrder = std::is_same_v<MemoryOf<Policy>, PreviousMemory>;
  const std::uint64_t* const records = graph.records();
  const std::uint32_t* const targets = graph.targets();
  const std::uint32_t num_rows = graph.num_rows();
  const std::uint64_t num_lists = detail::kHasLists<Policy> ? graph.num_lists() : 1;
  const auto philox_key = random.philox_key();
  std::array<std::uint16_t, kMaxWalkLanes + 1> replaced;
  std::array<std::uint8_t, kMaxWalkLanes> ended;

  // Records are asked for as soon as the vertex is known: their latency passes while ended walks are replaced, visits
  // are counted and blocks are drawn.
  const auto ask_for_record = [&](std::size_t i) { __builtin_prefetch(records + lanes.vertex[i] * num_lists); };

  std::size_t active = 0;
  for (; active < num_lanes && supply.next(lanes, active); ++active) ask_for_record(active);
  while (active > 0) {
    sink.visit(lanes, active);
    for (std::size_t begin = 0; begin < active; begin += kBlocksPerDraw) {
      const std::size_t end = std::min(active, begin + kBlocksPerDraw);
      draw_blocks(lanes, begin, end, philox_key);
      for (std::size_t i = begin; i < end; ++i) {
        std::size_t place = lanes.vertex[i] * num_lists;
        if constexpr (detail::kHasLists<Policy>) place += policy.list(records + place, lanes, i);
        const std::uint64_t record = records[place];
        std::uint64_t degree = graph.degree_of_record(record);
        std::uint64_t first = graph.offset_of_record(record);
        if constexpr (kByTime) {
          const std::uint64_t before = policy.slots_before(lanes.time[i], first, degree);
          first += before;
          degree -= before;
        }
        lanes.edge[i] = first + policy.choose(slot_draw(lanes.word1[i], lanes.word2[i]), lanes.word3[i], first, degree);
        if constexpr (kComposed) {
          policy.prefetch(lanes.edge[i]);
        } else {
          __builtin_prefetch(targets + lanes.edge[i]);
        }
        const bool goes_on = policy.continues(lanes.word0[i], lanes.step[i]);
        ended[i] = static_cast<std::uint8_t>(static_cast<unsigned>(!goes_on) | static_cast<unsigned>(degree == 0));
      }
    }
    if constexpr (detail::kSettles<Policy>) policy.settle(lanes, active, ended.data());

    std::size_t num_replaced = 0;
    for (std::size_t i = 0; i < active; ++i) {
      std::uint32_t target;
      if constexpr (detail::kSettles<Policy>) {
        target = lanes.next[i];
      } else if constexpr (kComposed) {
        target = policy.target(lanes.edge[i], lanes.word3[i]);
      } else {
        target = targets[lanes.edge[i]];
      }
      if constexpr (kByTime) lanes.time[i] = ended[i] != 0 ? lanes.time[i] : policy.time_of(lanes.edge[i]);
      if constexpr (kSecondOrder) {
        lanes.previous[i] = ended[i] != 0 ? lanes.previous[i] : graph.id_of(lanes.vertex[i]);
      }
      lanes.vertex[i] = ended[i] != 0 ? lanes.vertex[i] : target;
      if constexpr (kSecondOrder) {
        lanes.step[i] += static_cast<std::uint32_t>(ended[i] == 0);
      } else {
        lanes.step[i] += 1U - ended[i];
      }
      replaced[num_replaced] = static_cast<std::uint16_t>(i);
      unsigned is_replaced = ended[i];
      if constexpr (kGhosts) {
        is_replaced |= static_cast<unsigned>(target >= num_rows);
        if (is_replaced == 0) ask_for_record(i);
      } else {
        ask_for_record(i);
      }
      num_replaced += static_cast<std::size_t>(is_replaced != 0);
    }

    // From the last lane down, so that a lane moved into a gap has been looked at already.
    for (std::size_t r = num_replaced; r-- > 0;) {
      const std::size_t i = replaced[r];
      if (kGhosts && kSecondOrder && ended[i] == kAsks) {
        if constexpr (kGhosts && kSecondOrder) sink.ask(lanes, i);
      } else if (!kGhosts || ended[i] != 0) {
        sink.end(lanes, i, policy.continues(lanes.word0[i], lanes.step[i]) ? WalkEnd::kLost : WalkEnd::kStopped);
      } else {
        sink.leave(lanes, i);
      }
      if (supply.next(lanes, i)) {
        ask_for_record(i);
        continue;
      }
      --active;
      lanes.vertex[i] = lanes.vertex[active];
      lanes.source[i] = lanes.source[active];
      lanes.walk[i] = lanes.walk[active];
      lanes.step[i] = lanes.step[active];
      lanes.key_low[i] = lanes.key_low[active];
      lanes.key_high[i] = lanes.key_high[active];
      if constexpr (kByTime) lanes.time[i] = lanes.time[active];
      if constexpr (kSecondOrder) lanes.previous[i] = lanes.previous[active];
    }
  }
}

}  // namespace rove::exec
