// SPDX-License-Identifier: Apache-2.0
#include "gnn/block_selection.hpp"

#include <algorithm>
#include <array>

#include "engine/base/isa.hpp"

namespace rove::gnn {
namespace {

constexpr std::uint32_t kScanned = 1024;

}  // namespace

BlockSelection::BlockSelection(const Interactions& interactions, const RetrievalOptions& options,
                               const std::function<bool(std::uint64_t)>& wanted)
    : interactions_(&interactions),
      mask_seen_(options.mask_seen),
      find_(pick_isa(detail::avx2::find_not_less, detail::avx512::find_not_less)),
      places_(interactions.owned_users().size()) {
  for (std::uint64_t user = 0; options.top_k > 0 && user < places_.size(); ++user) {
    if (!wanted(user)) continue;
    places_[user] = static_cast<std::uint32_t>(users_.size());
    users_.push_back(static_cast<std::uint32_t>(user));
  }
  selections_.assign(users_.size(), TopK(std::min<std::uint64_t>(options.top_k, interactions.num_items())));
}

exec::Propagation::Rows BlockSelection::rows_in(const exec::Propagation& propagation) const {
  const std::uint64_t first = interactions_->owned_users().begin;
  std::vector<std::uint32_t> locals;
  locals.reserve(users_.size());
  for (const std::uint32_t user : users_) locals.push_back(static_cast<std::uint32_t>(first + user));
  exec::Propagation::Rows rows = propagation.select(locals);
  rows.is_sparse = users_.size() * 2 < places_.size();
  return rows;
}

void BlockSelection::offer(std::uint32_t place, std::uint64_t first, const float* scores, std::uint64_t count) {
  std::array<std::uint32_t, kScanned> survivors;
  TopK& selection = selections_[place];
  for (std::uint64_t begin = 0; begin < count; begin += kScanned) {
    const auto length = static_cast<std::uint32_t>(std::min<std::uint64_t>(kScanned, count - begin));
    const std::uint32_t found = find_(scores + begin, (length + 15) / 16 * 16, selection.threshold(), survivors.data());
    for (std::uint32_t i = 0; i < found; ++i) {
      const std::uint64_t at = begin + survivors[i];
      // Thresholds have risen since.
      if (at >= count || !selection.may_enter(scores[at])) continue;
      const Scored candidate{scores[at], first + at};
      if (mask_seen_ && interactions_->has(users_[place], candidate.id)) continue;
      selection.push(candidate);
    }
  }
}

graph::NeighborLists BlockSelection::take() {
  graph::NeighborLists lists;
  lists.offsets.reserve(places_.size() + 1);
  std::size_t next = 0;
  for (std::uint64_t user = 0; user < places_.size(); ++user) {
    if (next < users_.size() && users_[next] == user) {
      for (const Scored& item : selections_[next++].take()) {
        lists.targets.push_back(item.id);
        lists.scores.push_back(item.score);
      }
    }
    lists.offsets.push_back(lists.targets.size());
  }
  return lists;
}

}  // namespace rove::gnn
