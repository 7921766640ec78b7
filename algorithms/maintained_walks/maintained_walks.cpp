// SPDX-License-Identifier: Apache-2.0
#include "algorithms/maintained_walks/maintained_walks.hpp"

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "algorithms/detail/slices.hpp"
#include "algorithms/detail/walk_limits.hpp"
#include "algorithms/maintained_walks/detail/walk_tails.hpp"
#include "engine/base/error.hpp"
#include "engine/graph/block_distribution.hpp"
#include "engine/parallel/parallel.hpp"

namespace rove::algorithms {
namespace {

/// Sources whose walks one thread passes over and rewrites while they are in cache.
constexpr std::uint64_t kSourcesPerChunk = 128;
constexpr std::uint64_t kSourcesPerSlice = std::uint64_t{1} << 14U;

using detail::TailLanes;
using detail::WalkTail;

void check(const MaintainedWalkOptions& options) {
  detail::require_restart_walks("ppr.maintained", options.restart, options.walks);
}

/// **Collective.**
void for_source_slices(const comm::Communicator& comm, std::uint64_t num_sources, const std::string& stage,
                       ProgressSink& progress, const std::function<void(IndexRange)>& work) {
  const std::uint64_t largest = comm.all_reduce(num_sources, comm::ReduceOp::kMax);
  detail::for_slices(comm, {0, num_sources}, largest, stage, progress, work, kSourcesPerSlice);
}

/// Tosses the coins of all walks of the sources that `key_of` names, lane by lane, and calls `set(source, walk,
/// visits)`.
template <class Set>
void count_visits(IndexRange sources, std::span<const VertexKey> keys, const MaintainedWalkOptions& options,
                  const RandomStream& random, exec::WalkLanes& lanes, const Set& set) {
  const std::uint32_t stop_below = exec::coin_threshold(options.restart);
  std::uint64_t source = sources.begin;
  std::uint32_t walk = 0;
  const auto load = [&](std::size_t lane) {
    if (source == sources.end) return false;
    lanes.source[lane] = static_cast<std::uint32_t>(source - sources.begin);
    lanes.walk[lane] = walk;
    lanes.step[lane] = 0;
    lanes.key_low[lane] = static_cast<std::uint32_t>(keys[source].value());
    lanes.key_high[lane] = static_cast<std::uint32_t>(keys[source].value() >> 32U);
    if (++walk == options.walks) {
      walk = 0;
      ++source;
    }
    return true;
  };
  std::size_t active = 0;
  while (active < exec::kMaxWalkLanes && load(active)) ++active;
  while (active > 0) {
    exec::draw_blocks(lanes, active, random.philox_key());
    for (std::size_t i = active; i-- > 0;) {
      ++lanes.step[i];
      if (lanes.word0[i] >= stop_below) continue;
      set(sources.begin + lanes.source[i], lanes.walk[i], lanes.step[i]);
      if (load(i)) continue;
      --active;
      lanes.source[i] = lanes.source[active];
      lanes.walk[i] = lanes.walk[active];
      lanes.step[i] = lanes.step[active];
      lanes.key_low[i] = lanes.key_low[active];
      lanes.key_high[i] = lanes.key_high[active];
    }
  }
}

/// Where the walks of each source lie: copied from where the source was, or by its coins.
/// `row_before`: index of the source in `before`, or kNoVertex.
void lay_out(MaintainedWalks& walks, const WalkSources& sources, const MaintainedWalkOptions& options,
             const RandomStream& random, const MaintainedWalks* before,
             const std::function<std::uint32_t(std::uint64_t)>& row_before) {
  const std::uint64_t count = sources.vertices.size();
  walks.sources = sources.vertices;
  walks.walks = options.walks;
  walks.ends.resize(count * options.walks);
  walks.offsets.assign(count + 1, 0);
  parallel::PerThread<std::unique_ptr<exec::WalkLanes>> scratch;
  parallel::for_chunks({0, count}, kSourcesPerChunk, [&](IndexRange chunk) {
    const auto toss = [&](IndexRange some) {
      if (some.size() == 0) return;
      if (!scratch.local()) scratch.local() = std::make_unique<exec::WalkLanes>();
      count_visits(some, sources.keys, options, random, *scratch.local(),
                   [&](std::uint64_t source, std::uint32_t walk, std::uint32_t visits) {
                     walks.ends[source * options.walks + walk] = visits;
                   });
      for (std::uint64_t source = some.begin; source < some.end; ++source) {
        std::uint32_t end = 0;
        for (std::uint32_t walk = 0; walk < options.walks; ++walk) {
          end += walks.ends[source * options.walks + walk];
          walks.ends[source * options.walks + walk] = end;
        }
      }
    };
    std::uint64_t next = chunk.begin;  // the first source whose coins are not tossed yet
    for (std::uint64_t source = chunk.begin; before != nullptr && source < chunk.end; ++source) {
      const std::uint32_t row = row_before(source);
      if (row == kNoVertex) continue;
      toss({next, source});
      std::copy_n(before->ends.begin() + static_cast<std::ptrdiff_t>(std::uint64_t{row} * options.walks), options.walks,
                  walks.ends.begin() + static_cast<std::ptrdiff_t>(source * options.walks));
      next = source + 1;
    }
    toss({next, chunk.end});
  });
  for (std::uint64_t source = 0; source < count; ++source) {
    walks.offsets[source + 1] = walks.offsets[source] + walks.ends[(source + 1) * options.walks - 1];
  }
}

/// Supplies all walks of the sources in turn.
class WholeWalks {
 public:
  WholeWalks(const MaintainedWalks& walks, const WalkSources& sources, IndexRange range)
      : walks_(walks), sources_(sources), source_(range.begin), end_(range.end) {}

  bool operator()(WalkTail& tail) {
    if (source_ == end_) return false;
    const std::uint64_t first = walks_.offsets[source_];
    const std::uint32_t* const ends = walks_.ends.data() + source_ * walks_.walks;
    tail = {first + (walk_ == 0 ? 0 : ends[walk_ - 1]),
            first + ends[walk_],
            sources_.keys[source_],
            static_cast<std::uint32_t>(sources_.vertices.begin + source_),
            walk_,
            0};
    if (++walk_ == walks_.walks) {
      walk_ = 0;
      ++source_;
    }
    return true;
  }

 private:
  const MaintainedWalks& walks_;
  const WalkSources& sources_;
  std::uint64_t source_;
  std::uint64_t end_;
  std::uint32_t walk_ = 0;
};

/// Checks the walks of single sources against today's graph and collects the tails to walk again.
class Checker {
 public:
  Checker(const GraphChange& change, std::uint64_t seed) : change_(change), seed_(seed) {}

  /// Where a source's walks lie before and after; the same places when the refresh works in place.
  struct Source {
    std::uint64_t count = 0;  ///< visits
    std::span<const std::uint32_t> ends;
    const std::uint32_t* vertices = nullptr;
    const std::uint32_t* next_slots = nullptr;
    std::uint32_t* new_vertices = nullptr;
    std::uint32_t* new_next_slots = nullptr;
    std::uint64_t place = 0;  ///< of the first visit after
    VertexKey key;
  };

  template <bool kCopy>
  void check(const Source& source, std::vector<WalkTail>& tails) const {
    const GraphChange::Mark* const marks = change_.marks().data();
    const auto none = static_cast<std::uint32_t>(change_.marks().size() - 1);
    for (std::uint64_t i = 0; i < source.count; ++i) {
      const std::uint32_t next = source.next_slots[i];
      const std::uint32_t vertex = source.vertices[i];
      const GraphChange::Mark mark = marks[std::min(vertex, none)];
      if constexpr (kCopy) {
        source.new_vertices[i] = mark.now;
        source.new_next_slots[i] = next;
      }
      if (next < mark.bound) [[unlikely]] {
        i = examine(source, i, vertex, mark, tails);
      }
    }
  }

 private:
  /// Looks closely at the step from `vertex`, as it was numbered before (its place may have been written already).
  /// Returns the last visit that needs no check any more.
  std::uint64_t examine(const Source& source, std::uint64_t i, std::uint32_t vertex, GraphChange::Mark mark,
                        std::vector<WalkTail>& tails) const {
    const ConsistentAdjacency& lists = change_.now();
    const std::uint32_t target = source.vertices[i + 1];
    const std::uint64_t degree = lists.slots(mark.now).size();
    const bool redraws =
        mark.bound == GraphChange::kExamineAll &&
        (lists.is_weighted() || lists.uses_several_lanes(mark.now) || change_.before().uses_several_lanes(vertex));
    if (!redraws && source.next_slots[i] >= degree && !change_.lost_slot(vertex, target)) return i;

    const auto walk = static_cast<std::uint32_t>(std::ranges::upper_bound(source.ends, i) - source.ends.begin());
    const auto step = static_cast<std::uint32_t>(i - (walk == 0 ? 0 : source.ends[walk - 1]));
    const ConsistentAdjacency::Step now = lists.step(mark.now, seed_, source.key, walk, step);
    source.new_next_slots[i] = now.next;
    const bool stays =
        degree == 0 ? target == kNoVertex : target != kNoVertex && change_.marks()[target].now == now.target;
    if (stays) return i;
    tails.push_back({source.place + i, source.place + source.ends[walk], source.key, mark.now, walk, step});
    return source.ends[walk] - 1;
  }

  const GraphChange& change_;
  std::uint64_t seed_;
};

/// A graph's share in home blocks: each edge at both its ends, with what it carries, and its position at one.
std::uint64_t home_block_bytes(const graph::Schema& schema, std::int32_t num_ranks) {
  const auto share = [&](std::uint64_t count) { return graph::BlockDistribution(count, num_ranks).largest_block(); };
  std::uint64_t bytes = 8 * share(schema.num_vertices());  // keys
  for (const graph::EdgeType& type : schema.edge_types()) {
    const std::uint64_t slot =
        4U + (type.has_weights ? 4U : 0U) + (type.has_times ? 8U : 0U) + (type.relations.empty() ? 0U : 4U);
    bytes += share(type.count) * (2 * slot + 8);
    bytes += 8 * (share(schema.vertex_type(type.source).count) + share(schema.vertex_type(type.destination).count));
  }
  return bytes;
}

struct Worker {
  TailLanes flight;
  std::vector<WalkTail> tails;
  RefreshCounts counts;
};

}  // namespace

bool operator==(const MaintainedWalks& a, const MaintainedWalks& b) {
  return a.sources == b.sources && a.walks == b.walks && a.offsets == b.offsets && a.ends == b.ends &&
         std::ranges::equal(a.vertices, b.vertices) && std::ranges::equal(a.next_slots, b.next_slots);
}

MaintainedWalks walk_from(const comm::Communicator& comm, const ConsistentAdjacency& lists, const WalkSources& sources,
                          const MaintainedWalkOptions& options) {
  const RandomStream random(options.seed, Purpose::kWalk);
  MaintainedWalks result;
  comm.agree([&] {
    check(options);
    lay_out(result, sources, options, random, nullptr, {});
    result.vertices = HugeBuffer<std::uint32_t>(result.offsets.back());
    result.next_slots = HugeBuffer<std::uint32_t>(result.offsets.back());
  });
  parallel::PerThread<std::unique_ptr<TailLanes>> scratch;
  for_source_slices(comm, sources.vertices.size(), "maintained walks", *options.progress, [&](IndexRange slice) {
    parallel::for_chunks(slice, kSourcesPerChunk, [&](IndexRange chunk) {
      if (!scratch.local()) scratch.local() = std::make_unique<TailLanes>();
      detail::write_tails(lists, options.seed, WholeWalks(result, sources, chunk), *scratch.local(),
                          result.vertices.data(), result.next_slots.data(), kWalkStopped);
    });
  });
  return result;
}

MaintainedWalks refresh(const comm::Communicator& comm, MaintainedWalks before, const GraphChange& change,
                        std::span<const std::uint32_t> before_of, const WalkSources& sources,
                        const MaintainedWalkOptions& options, RefreshCounts& counts) {
  const RandomStream random(options.seed, Purpose::kWalk);
  const std::uint64_t num_sources = sources.vertices.size();
  const std::uint64_t first_before = before.sources.begin;  // `before` becomes today's walks when all is done in place
  const auto row_before = [&](std::uint64_t source) {
    const std::uint32_t vertex = before_of[sources.vertices.begin + source];
    if (vertex == kNoVertex) return kNoVertex;
    return static_cast<std::uint32_t>(vertex - first_before);
  };
  MaintainedWalks fresh;
  bool in_place = num_sources == before.sources.size();
  comm.agree([&] {
    check(options);
    if (before.walks != options.walks) {
      throw ConfigError(fmt::format("the stored walks are {} per source, expected {}", before.walks, options.walks));
    }
    for (std::uint64_t source = 0; source < num_sources; ++source) {
      const std::uint32_t row = row_before(source);
      if (row != kNoVertex && row >= before.sources.size()) {
        throw InternalError(fmt::format("the walks of vertex {} are not here", sources.vertices.begin + source));
      }
      in_place = in_place && row == source;
    }
    if (in_place) return;
    lay_out(fresh, sources, options, random, &before, row_before);
    fresh.vertices = HugeBuffer<std::uint32_t>(fresh.offsets.back());
    fresh.next_slots = HugeBuffer<std::uint32_t>(fresh.offsets.back());
  });
  MaintainedWalks& result = in_place ? before : fresh;
  result.sources = sources.vertices;
  const bool copies = !in_place || !change.same_vertices();
  const Checker checker(change, options.seed);
  parallel::PerThread<std::unique_ptr<Worker>> workers;

  const auto refresh_chunk = [&](IndexRange chunk) {
    if (!workers.local()) workers.local() = std::make_unique<Worker>();
    Worker& worker = *workers.local();
    worker.tails.clear();
    std::uint64_t started = 0;
    for (std::uint64_t s = chunk.begin; s < chunk.end; ++s) {
      const std::uint32_t row = row_before(s);
      if (row == kNoVertex) {
        WholeWalks whole(result, sources, {s, s + 1});
        for (WalkTail tail; whole(tail);) worker.tails.push_back(tail);
        started += options.walks;
        continue;
      }
      const std::uint64_t from = before.offsets[row];
      const std::uint64_t to = result.offsets[s];
      const Checker::Source source{before.offsets[std::uint64_t{row} + 1] - from,
                                   std::span(result.ends).subspan(s * options.walks, options.walks),
                                   before.vertices.data() + from,
                                   before.next_slots.data() + from,
                                   result.vertices.data() + to,
                                   result.next_slots.data() + to,
                                   to,
                                   sources.keys[s]};
      if (copies) {
        checker.check<true>(source, worker.tails);
      } else {
        checker.check<false>(source, worker.tails);
      }
      worker.counts.walks += options.walks;
    }
    worker.counts.started += started;
    worker.counts.redone += worker.tails.size() - started;
    auto next = worker.tails.begin();
    worker.counts.moves += detail::write_tails(
        change.now(), options.seed,
        [&](WalkTail& tail) {
          if (next == worker.tails.end()) return false;
          tail = *next++;
          return true;
        },
        worker.flight, result.vertices.data(), result.next_slots.data(), kWalkStopped);
  };
  for_source_slices(comm, num_sources, "refreshing walks", *options.progress,
                    [&](IndexRange slice) { parallel::for_chunks(slice, kSourcesPerChunk, refresh_chunk); });
  workers.for_each([&](std::unique_ptr<Worker>& worker) {
    if (!worker) return;
    counts.walks += worker->counts.walks;
    counts.redone += worker->counts.redone;
    counts.started += worker->counts.started;
    counts.moves += worker->counts.moves;
  });
  return std::move(result);
}

std::uint64_t maintained_walks_bytes(const graph::Schema& schema, std::int32_t num_ranks,
                                     std::span<const VertexTypeId> types, const MaintainedWalkOptions& options) {
  std::uint64_t sources = 0;
  for (const VertexTypeId type : types) {
    sources += graph::BlockDistribution(schema.vertex_type(type).count, num_ranks).largest_block();
  }
  // Numbers of visits scatter around their mean by far less than one percent of a block.
  const double visits = 1.01 * static_cast<double>(sources) * options.walks / options.restart;
  return sources * (8 + 4 * std::uint64_t{options.walks}) + 8 * static_cast<std::uint64_t>(visits);
}

MemoryPlan plan_maintained_walks(const graph::Schema& schema, std::int32_t num_ranks,
                                 std::span<const VertexTypeId> types, const exec::EdgeSelection& selection,
                                 const MaintainedWalkOptions& options, bool refreshing, bool weighted) {
  MemoryPlan plan("maintained walks");
  const MemoryPlan adjacency = ConsistentAdjacency::plan(schema, selection, weighted);
  for (const MemoryPlan::Item& item : adjacency.items()) plan.hold(item.what, item.bytes);
  const std::uint64_t walks = maintained_walks_bytes(schema, num_ranks, types, options);
  plan.hold("walks", walks);
  if (!refreshing) return plan;
  plan.hold("yesterday's walks", walks);
  plan.hold("yesterday's adjacency", adjacency.total_bytes());
  plan.hold("yesterday's graph in home blocks", home_block_bytes(schema, num_ranks));
  plan.hold("vertices of both graphs", 40 * schema.num_vertices());
  return plan;
}

}  // namespace rove::algorithms
