// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/ids.hpp"
#include "engine/base/random.hpp"
#include "engine/exec/visit_counter.hpp"
#include "engine/exec/walk_engine.hpp"
#include "engine/exec/walk_graph.hpp"

namespace rove::algorithms {

/// Walks from one source after another over the replicated graph and counts every visit (specs: pi = c / R * visits).
/// Not thread-safe: one per thread, one source counted at a time, so that its counts stay in the second-level cache.
class CountingWalker {
 public:
  /// Counts vertices of `counted` only.
  explicit CountingWalker(IndexRange counted) : counter(counted) {}

  struct Source {
    std::uint32_t vertex = 0;
    VertexKey key;
  };

  /// Calls `done(source, walks lost)` for the number of each source, in some order, while `counter` holds its visits;
  /// they are forgotten after it. Few walks per source would leave the kernel's lanes half empty whenever the last ones
  /// of a source end; sources of few walks therefore overlap, their visits being put down one by one and counted when
  /// all are there.
  template <exec::WalkPolicy Policy, class Done>
  void walk_from_each(const exec::WalkGraph& graph, const Policy& policy, const RandomStream& random,
                      std::span<const Source> sources, std::uint32_t walks, const Done& done) {
    if (walks >= kManyWalks) {
      for (std::size_t s = 0; s < sources.size(); ++s) {
        const std::uint64_t lost = walk_from(graph, policy, random, sources[s].vertex, sources[s].key, walks);
        done(s, lost);
        counter.clear();
      }
      return;
    }
    Overlap<Done> overlap{*this, sources, walks, done};
    while (overlap.has_more()) exec::run_walks<false>(graph, policy, random, overlap, overlap, lanes_);
  }

  /// Leaves the visits in the counter; returns the walks lost.
  template <exec::WalkPolicy Policy>
  std::uint64_t walk_from(const exec::WalkGraph& graph, const Policy& policy, const RandomStream& random,
                          std::uint32_t vertex, VertexKey key, std::uint32_t walks) {
    exec::SingleSourceSupply supply(vertex, key, 0, 0, walks);
    Sink sink{&counter};
    exec::run_walks<false>(graph, policy, random, supply, sink, lanes_);
    moves += sink.visits - sink.walks;
    return sink.lost;
  }

  exec::VisitCounter counter;
  std::uint64_t moves = 0;

 private:
  /// From so many on, the end of a source does not weigh, and its visits are too many to be put down.
  static constexpr std::uint32_t kManyWalks = 4096;
  static constexpr std::size_t kOpenSources = 64;

  struct Sink {
    exec::VisitCounter* counter;
    std::uint64_t visits = 0;
    std::uint64_t walks = 0;
    std::uint64_t lost = 0;

    void visit(const exec::WalkLanes& lanes, std::size_t count) {
      visits += count;
      counter->add(lanes.vertex.data(), count);
    }
    void end(const exec::WalkLanes& /*lanes*/, std::size_t /*lane*/, exec::WalkEnd how) {
      ++walks;
      lost += static_cast<std::uint64_t>(how == exec::WalkEnd::kLost);
    }
    void leave(const exec::WalkLanes& /*lanes*/, std::size_t /*lane*/) {}
  };

  /// A source whose walks are under way. A lane's `source` is its place among these.
  struct Open {
    std::vector<std::uint32_t> visits;
    std::size_t size = 0;  ///< of the visits
    std::size_t source = 0;
    std::uint32_t left = 0;  ///< walks that have not ended; 0: the place is free
    std::uint64_t lost = 0;
  };

  /// Supply and sink at once.
  template <class Done>
  struct Overlap {
    CountingWalker& walker;
    std::span<const Source> sources;
    std::uint32_t walks;
    const Done& done;
    std::size_t next_source = 0;
    std::uint32_t next_walk = 0;  ///< of the source at `place`; 0: of the next source
    std::size_t place = 0;

    [[nodiscard]] bool has_more() const { return next_walk > 0 || next_source < sources.size(); }

    [[nodiscard]] bool next(exec::WalkLanes& lanes, std::size_t lane) {
      if (next_walk == 0 && !open_source()) return false;
      const Source& source = sources[walker.open_[place].source];
      lanes.vertex[lane] = source.vertex;
      lanes.source[lane] = static_cast<std::uint32_t>(place);
      lanes.walk[lane] = next_walk;
      lanes.step[lane] = 0;
      lanes.key_low[lane] = static_cast<std::uint32_t>(source.key.value());
      lanes.key_high[lane] = static_cast<std::uint32_t>(source.key.value() >> 32U);
      if (++next_walk == walks) next_walk = 0;
      return true;
    }
    bool open_source() {
      if (next_source == sources.size()) return false;
      place = 0;
      while (place < kOpenSources && walker.open_[place].left > 0) ++place;
      if (place == kOpenSources) return false;
      Open& open = walker.open_[place];
      open.size = 0;
      open.source = next_source++;
      open.left = walks;
      open.lost = 0;
      return true;
    }

    void visit(const exec::WalkLanes& lanes, std::size_t count) {
      for (Open& open : walker.open_) {
        if (open.left > 0 && open.size + exec::kMaxWalkLanes > open.visits.size()) {
          open.visits.resize(2 * open.visits.size() + exec::kMaxWalkLanes);
        }
      }
      walker.moves += count;
      for (std::size_t i = 0; i < count; ++i) {
        Open& open = walker.open_[lanes.source[i]];
        open.visits[open.size++] = lanes.vertex[i];
      }
    }
    void end(const exec::WalkLanes& lanes, std::size_t lane, exec::WalkEnd how) {
      --walker.moves;
      Open& open = walker.open_[lanes.source[lane]];
      open.lost += static_cast<std::uint64_t>(how == exec::WalkEnd::kLost);
      if (--open.left > 0) return;
      walker.counter.add(open.visits.data(), open.size);
      done(open.source, open.lost);
      walker.counter.clear();
    }
    void leave(const exec::WalkLanes& /*lanes*/, std::size_t /*lane*/) {}
  };

  exec::WalkLanes lanes_{};
  std::array<Open, kOpenSources> open_;
};

}  // namespace rove::algorithms
