// SPDX-License-Identifier: Apache-2.0
#include "algorithms/maintained_walks/graph_change.hpp"

#include <algorithm>
#include <bit>
#include <numeric>

#include "engine/base/assert.hpp"
#include "engine/parallel/parallel.hpp"

namespace rove::algorithms {
namespace {

constexpr std::uint64_t kVertexGrain = 1U << 10U;
constexpr std::size_t kMaxFilterBits = std::size_t{1} << 18U;
constexpr std::uint64_t kFree = std::numeric_limits<std::uint64_t>::max();

}  // namespace

VertexMatch match_vertices(const comm::Communicator& comm, const graph::GraphBlocks& before,
                           const graph::GraphBlocks& now) {
  VertexMatch match;
  match.now.assign(before.schema.num_vertices(), kNoVertex);
  match.before.assign(now.schema.num_vertices(), kNoVertex);
  for (std::uint16_t t = 0; t < before.schema.vertex_types().size(); ++t) {
    const auto same = now.schema.find_vertex_type(before.schema.vertex_types()[t].name);
    if (!same) continue;
    const auto old_keys = comm.all_gather_v(std::span<const VertexKey>(before.keys[t])).data;
    const auto new_keys = comm.all_gather_v(std::span<const VertexKey>(now.keys[same->index()])).data;
    const auto first_old = static_cast<std::uint32_t>(before.schema.stable_range(VertexTypeId{t}).begin);
    const auto first_new = static_cast<std::uint32_t>(now.schema.stable_range(*same).begin);
    std::uint32_t j = 0;
    for (std::uint32_t i = 0; i < old_keys.size(); ++i) {
      while (j < new_keys.size() && new_keys[j] < old_keys[i]) ++j;
      if (j == new_keys.size() || new_keys[j] != old_keys[i]) continue;
      match.now[first_old + i] = first_new + j;
      match.before[first_new + j] = first_old + i;
    }
  }
  return match;
}

GraphChange::GraphChange(const ConsistentAdjacency& before, const ConsistentAdjacency& now, const VertexMatch& match)
    : before_(&before), now_(&now), marks_(std::size_t{before.num_vertices()} + 1) {
  ROVE_ASSERT(before.is_weighted() == now.is_weighted());
  struct Found {
    std::vector<std::uint64_t> lost;
    std::uint64_t changed = 0;
    bool moved = false;
  };
  for (std::uint32_t v = 0; v < before.num_vertices(); ++v) marks_[v].now = match.now[v];
  parallel::PerThread<Found> found;
  parallel::for_each({0, before.num_vertices()}, kVertexGrain, [&](std::uint64_t v) {
    Found& mine = found.local();
    const std::uint32_t same = marks_[v].now;
    mine.moved |= same != v;
    if (same != kNoVertex) mark(static_cast<std::uint32_t>(v), same, mine.lost, mine.changed);
  });
  same_vertices_ = before.num_vertices() == now.num_vertices();
  std::vector<std::uint64_t> lost;
  found.for_each([&](Found& mine) {
    lost.insert(lost.end(), mine.lost.begin(), mine.lost.end());
    num_changed_ += mine.changed;
    same_vertices_ = same_vertices_ && !mine.moved;
  });
  index(lost);
}

void GraphChange::mark(std::uint32_t vertex, std::uint32_t now, std::vector<std::uint64_t>& lost,
                       std::uint64_t& changed) {
  const std::span<const std::uint32_t> old_slots = before_->slots(vertex);
  const std::span<const std::uint32_t> new_slots = now_->slots(now);
  const bool several = before_->uses_several_lanes(vertex) || now_->uses_several_lanes(now);
  const bool weighted = now_->is_weighted();
  const std::span<const std::uint32_t> old_thresholds = before_->thresholds(vertex);
  const std::span<const std::uint32_t> new_thresholds = now_->thresholds(now);
  const std::size_t lost_before = lost.size();
  for (std::size_t slot = 0; slot < old_slots.size(); ++slot) {
    if (slot < new_slots.size() && marks_[old_slots[slot]].now == new_slots[slot] &&
        (!weighted || old_thresholds[slot] == new_thresholds[slot])) {
      continue;
    }
    lost.push_back(pair_of(vertex, old_slots[slot]));
    if (several || weighted) break;
  }
  const bool all_stay = lost.size() == lost_before;
  bool unchanged = all_stay && old_slots.size() == new_slots.size();
  // A rejected choice of weighted slots counts as much as the one taken: the pairs that steps used tell too little.
  if (several || weighted) lost.resize(lost_before);
  if (several) {
    unchanged = unchanged && std::ranges::equal(before_->lane_ends(vertex), now_->lane_ends(now));
    marks_[vertex].bound = unchanged ? 0 : kExamineAll;
  } else {
    marks_[vertex].bound = all_stay ? static_cast<std::uint32_t>(new_slots.size()) : kExamineAll;
  }
  changed += unchanged ? 0U : 1U;
}

void GraphChange::index(const std::vector<std::uint64_t>& lost) {
  const std::size_t size = std::bit_ceil(std::max<std::size_t>(2, 2 * lost.size()));
  lost_slots_.assign(size, kFree);
  hash_shift_ = 64U - static_cast<std::uint32_t>(std::countr_zero(size));
  const std::size_t bits = std::clamp<std::size_t>(16 * size, 64, kMaxFilterBits);
  filter_.assign(bits / 64, 0);
  filter_shift_ = 64U - static_cast<std::uint32_t>(std::countr_zero(bits));
  for (const std::uint64_t pair : lost) {
    const std::uint64_t hash = hash_of(pair);
    filter_[(hash >> filter_shift_) / 64] |= std::uint64_t{1} << ((hash >> filter_shift_) % 64);
    std::size_t at = hash >> hash_shift_;
    while (lost_slots_[at] != kFree && lost_slots_[at] != pair) at = (at + 1) & (size - 1);
    lost_slots_[at] = pair;
  }
}

bool GraphChange::holds(std::uint64_t pair, std::uint64_t hash) const {
  std::size_t at = hash >> hash_shift_;
  while (lost_slots_[at] != kFree) {
    if (lost_slots_[at] == pair) return true;
    at = (at + 1) & (lost_slots_.size() - 1);
  }
  return false;
}

}  // namespace rove::algorithms
