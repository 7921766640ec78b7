// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstdint>
#include <span>

#include "algorithms/maintained_walks/consistent_adjacency.hpp"
#include "engine/base/ids.hpp"
#include "engine/base/random.hpp"
#include "engine/exec/walk_random.hpp"

namespace rove::algorithms::detail {

/// The rest of a stored walk, from the visit at `place` on.
struct WalkTail {
  std::uint64_t place = 0;
  std::uint64_t end = 0;  ///< of the walk; the visit before it is the one it stops at
  VertexKey key;          ///< of the source
  std::uint32_t vertex = 0;
  std::uint32_t walk = 0;
  std::uint32_t step = 0;
};

template <class S>
concept TailSupply = requires(S& supply, WalkTail& tail) {
  { supply(tail) } -> std::same_as<bool>;
};

/// Walks in flight on one thread (engine/exec/walk_engine.hpp has the reasons for the lockstep).
struct TailLanes {
  exec::WalkLanes lanes{};
  std::array<std::uint64_t, exec::kMaxWalkLanes> place{};
  std::array<std::uint64_t, exec::kMaxWalkLanes> end{};
  std::array<std::uint16_t, exec::kMaxWalkLanes> ended{};
  std::array<std::uint16_t, exec::kMaxWalkLanes> moving{};   ///< lanes that take a weighted step
  std::array<std::uint16_t, exec::kMaxWalkLanes> pending{};  ///< of those, the undecided

  void load(std::size_t lane, const WalkTail& tail) {
    lanes.vertex[lane] = tail.vertex;
    lanes.walk[lane] = tail.walk;
    lanes.step[lane] = tail.step;
    lanes.key_low[lane] = static_cast<std::uint32_t>(tail.key.value());
    lanes.key_high[lane] = static_cast<std::uint32_t>(tail.key.value() >> 32U);
    place[lane] = tail.place;
    end[lane] = tail.end;
  }
  void move(std::size_t from, std::size_t to) {
    lanes.vertex[to] = lanes.vertex[from];
    lanes.walk[to] = lanes.walk[from];
    lanes.step[to] = lanes.step[from];
    lanes.key_low[to] = lanes.key_low[from];
    lanes.key_high[to] = lanes.key_high[from];
    place[to] = place[from];
    end[to] = end[from];
  }
};

/// Replaces the choices of these lanes until each is accepted; `lanes.next` is the least `next` of a lane's choices.
inline void settle_weights(const ConsistentAdjacency& lists, std::uint64_t seed, exec::WalkLanes& lanes,
                           std::span<std::uint16_t> pending) {
  const exec::WalkGraph& graph = lists.graph();
  for (std::uint32_t attempt = 0; !pending.empty(); ++attempt) {
    const RandomStream again(seed, Purpose::kWalk, attempt + 1);
    std::size_t rejected = 0;
    for (const std::uint16_t i : pending) {
      const VertexKey key{lanes.key_low[i] | (std::uint64_t{lanes.key_high[i]} << 32U)};
      const std::uint32_t vertex = lanes.vertex[i];
      const std::uint32_t dart =
          lists.dart_of(vertex, lanes.word3[i], seed, key, lanes.walk[i], lanes.step[i], attempt);
      if (lists.accepts(lanes.edge[i], dart)) continue;
      const RandomBlock words = again.block(key.value(), lanes.walk[i], lanes.step[i]);
      const std::uint64_t record = graph.records()[vertex];
      const ConsistentAdjacency::Choice choice =
          lists.choose(vertex, graph.offset_of_record(record), graph.degree_of_record(record),
                       exec::slot_draw(words[1], words[2]), words[3]);
      lanes.edge[i] = choice.edge;
      lanes.next[i] = std::min(lanes.next[i], choice.next);
      lanes.word3[i] = words[3];
      __builtin_prefetch(graph.thresholds() + choice.edge);
      __builtin_prefetch(graph.targets() + choice.edge);
      pending[rejected++] = i;
    }
    pending = pending.first(rejected);
  }
}

/// Writes the visits of all tails that `next` supplies. Returns the moves.
template <TailSupply Supply>
std::uint64_t write_tails(const ConsistentAdjacency& lists, std::uint64_t seed, Supply&& next, TailLanes& flight,
                          std::uint32_t* vertices, std::uint32_t* next_slots, std::uint32_t stopped) {
  const RandomStream random(seed, Purpose::kWalk);
  const exec::WalkGraph& graph = lists.graph();
  const std::uint64_t* const records = graph.records();
  const std::uint32_t* const targets = graph.targets();
  const auto philox_key = random.philox_key();
  exec::WalkLanes& lanes = flight.lanes;
  const auto load = [&](std::size_t lane) {
    WalkTail tail;
    if (!next(tail)) return false;
    flight.load(lane, tail);
    return true;
  };
  std::uint64_t moves = 0;
  std::size_t active = 0;
  while (active < exec::kMaxWalkLanes && load(active)) ++active;
  while (active > 0) {
    for (std::size_t i = 0; i < active; ++i) __builtin_prefetch(records + lanes.vertex[i]);
    exec::draw_blocks(lanes, active, philox_key);
    std::size_t num_ended = 0;
    std::size_t num_pending = 0;
    for (std::size_t i = 0; i < active; ++i) {
      const std::uint64_t place = flight.place[i];
      const std::uint64_t record = records[lanes.vertex[i]];
      const std::uint64_t degree = graph.degree_of_record(record);
      vertices[place] = lanes.vertex[i];
      const bool stops = place + 1 == flight.end[i];
      if (stops || degree == 0) {
        next_slots[place] = stops ? stopped : 0;
        for (std::uint64_t lost = place + 1; lost < flight.end[i]; ++lost) {
          vertices[lost] = kNoVertex;
          next_slots[lost] = stopped;
        }
        flight.ended[num_ended++] = static_cast<std::uint16_t>(i);
        continue;
      }
      const ConsistentAdjacency::Choice choice =
          lists.choose(lanes.vertex[i], graph.offset_of_record(record), degree,
                       exec::slot_draw(lanes.word1[i], lanes.word2[i]), lanes.word3[i]);
      lanes.edge[i] = choice.edge;
      __builtin_prefetch(targets + choice.edge);
      if (lists.is_weighted()) {
        lanes.next[i] = choice.next;
        __builtin_prefetch(graph.thresholds() + choice.edge);
        flight.pending[num_pending++] = static_cast<std::uint16_t>(i);
      } else {
        next_slots[place] = choice.next;
      }
    }
    if (num_pending > 0) {
      flight.moving = flight.pending;
      settle_weights(lists, seed, lanes, std::span(flight.pending).first(num_pending));
      for (std::size_t p = 0; p < num_pending; ++p) {
        next_slots[flight.place[flight.moving[p]]] = lanes.next[flight.moving[p]];
      }
    }
    for (std::size_t i = 0; i < active; ++i) {
      lanes.vertex[i] = targets[lanes.edge[i]];
      ++lanes.step[i];
      ++flight.place[i];
    }
    moves += active - num_ended;
    // From the last lane down, so that a lane moved into a gap has been looked at already.
    for (std::size_t r = num_ended; r-- > 0;) {
      const std::size_t i = flight.ended[r];
      if (!load(i)) flight.move(--active, i);
    }
  }
  return moves;
}

}  // namespace rove::algorithms::detail
