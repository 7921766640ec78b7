// SPDX-License-Identifier: Apache-2.0
#include "gnn/listed_negatives.hpp"

#include <algorithm>

#include "engine/base/hash.hpp"
#include "engine/base/random.hpp"
#include "engine/parallel/parallel.hpp"

namespace rove::gnn {
namespace {

constexpr std::uint64_t kListedNegativesGrain = 1024;

}  // namespace

ListedNegatives::ListedNegatives(const Interactions& interactions, const graph::NeighborLists& lists,
                                 std::uint64_t first, std::uint64_t last, std::uint64_t seed)
    : interactions_(&interactions), seed_(seed) {
  for (std::size_t user = 0; user + 1 < lists.offsets.size(); ++user) {
    const std::uint64_t end = std::min(lists.offsets[user + 1], lists.offsets[user] + last);
    for (std::uint64_t i = lists.offsets[user] + first; i < end; ++i) {
      if (!interactions.has(user, lists.targets[i])) {
        windows_.values.push_back(static_cast<std::uint32_t>(lists.targets[i]));
      }
    }
    windows_.offsets.push_back(windows_.values.size());
  }
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
