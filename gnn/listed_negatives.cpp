// SPDX-License-Identifier: Apache-2.0
#include "gnn/listed_negatives.hpp"

#include <algorithm>

#include "engine/base/hash.hpp"
#include "engine/base/random.hpp"
#include "engine/parallel/parallel.hpp"

namespace rove::gnn {
namespace {

constexpr std::uint64_t kListedNegativesGrain = 1024;

/// The entries of a user's list with ranks in [first, last).
std::span<const std::uint64_t> ranks_of(const graph::NeighborLists& lists, std::uint64_t user, std::uint64_t first,
                                        std::uint64_t last) {
  const std::span<const std::uint64_t> list = lists.targets_of(user);
  const std::uint64_t begin = std::min<std::uint64_t>(first, list.size());
  return list.subspan(begin, std::min<std::uint64_t>(last, list.size()) - begin);
}

}  // namespace

ListedNegatives::ListedNegatives(const Interactions& interactions, const graph::NeighborLists& lists,
                                 std::uint64_t first, std::uint64_t last, std::uint64_t seed)
    : interactions_(&interactions), seed_(seed) {
  for (std::uint64_t user = 0; user < lists.num_rows(); ++user) {
    for (const std::uint64_t item : ranks_of(lists, user, first, last)) {
      if (!interactions.has(user, item)) windows_.values.push_back(static_cast<std::uint32_t>(item));
    }
    windows_.offsets.push_back(windows_.values.size());
  }
}

WindowCounts count_windows(const comm::Communicator& comm, const Interactions& interactions,
                           const graph::NeighborLists& lists, std::uint64_t first, std::uint64_t last) {
  std::uint64_t counts[] = {0, 0};
  for (std::uint64_t user = 0; user < lists.num_rows(); ++user) {
    if (!interactions.is_trainable(user)) continue;
    ++counts[0];
    const auto is_new = [&](std::uint64_t item) { return !interactions.has(user, item); };
    if (std::ranges::any_of(ranks_of(lists, user, first, last), is_new)) ++counts[1];
  }
  comm.all_reduce(std::span<std::uint64_t>(counts), comm::ReduceOp::kSum);
  return {counts[0], counts[1]};
}

void ListedNegatives::replace(std::uint64_t epoch, double share, std::span<Triple> triples) const {
  const graph::DistributedGraph& graph = interactions_->graph();
  const std::uint64_t first_user = interactions_->owned_users().begin;
  // Apart from the streams that other negatives are drawn from.
  const RandomStream random(seed_, Purpose::kNegative, mix64(~epoch, ~std::uint64_t{0}));
  parallel::for_each({0, triples.size()}, kListedNegativesGrain, [&](std::uint64_t i) {
    Triple& triple = triples[i];
    const std::uint64_t user = triple.user.value() - first_user;
    const std::uint64_t count = windows_.offsets[user + 1] - windows_.offsets[user];
    if (count == 0) return;
    const RandomBlock bits =
        random.block(graph.owned_keys()[triple.user.value()].value(), static_cast<std::uint32_t>(triple.position),
                     static_cast<std::uint32_t>(triple.position >> 32U));
    if (to_unit(bits[0] | std::uint64_t{bits[1]} << 32U) >= share) return;
    const std::uint64_t slot = slot_multiply_shift(bits[2] | std::uint64_t{bits[3]} << 32U, count);
    triple.negative = windows_.values[windows_.offsets[user] + slot];
  });
}

double hard_share(double last_share, std::uint64_t epoch, std::uint64_t epochs) {
  if (epochs <= 1) return last_share;
  return last_share * static_cast<double>(epoch - 1) / static_cast<double>(epochs - 1);
}

}  // namespace rove::gnn
