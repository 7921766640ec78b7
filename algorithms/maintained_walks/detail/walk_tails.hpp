// SPDX-License-Identifier: Apache-2.0
#pragma once

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

/// Writes the visits of all tails that `next` supplies. Returns the moves.
template <TailSupply Supply>
std::uint64_t write_tails(const ConsistentAdjacency& lists, const RandomStream& random, Supply&& next,
                          TailLanes& flight, std::uint32_t* vertices, std::uint32_t* next_slots,
                          std::uint32_t stopped) {
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
      next_slots[place] = choice.next;
      lanes.edge[i] = choice.edge;
      __builtin_prefetch(targets + choice.edge);
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
