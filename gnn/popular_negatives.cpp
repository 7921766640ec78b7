// SPDX-License-Identifier: Apache-2.0
#include "gnn/popular_negatives.hpp"

#include <algorithm>
#include <numeric>

#include "engine/base/random.hpp"
#include "engine/graph/block_distribution.hpp"
#include "engine/parallel/parallel.hpp"

namespace rove::gnn {
namespace {

constexpr std::uint64_t kPopularNegativesGrain = 512;

}  // namespace

PopularNegatives::PopularNegatives(const comm::Communicator& comm, const Interactions& interactions, std::uint64_t seed)
    : interactions_(&interactions), seed_(seed) {
  const graph::DistributedGraph& graph = interactions.graph();
  const graph::CsrGraph& items = graph.by_destination(interactions.edge_type());
  std::vector<std::uint64_t> weights(items.num_rows());
  for (std::uint64_t item = 0; item < weights.size(); ++item) {
    weights[item] = algorithms::popularity_weight(items.degree(item));
  }
  weights_ = algorithms::CumulativeWeights(graph.home(interactions.item_type()).to_home<std::uint64_t>(comm, weights));
  rank_offsets_ = {0};
  for (const std::uint64_t mass : comm.all_gather(weights_.total()))
    rank_offsets_.push_back(rank_offsets_.back() + mass);
}

void PopularNegatives::replace(const comm::Communicator& comm, std::uint64_t epoch, std::span<Triple> triples) const {
  const graph::DistributedGraph& graph = interactions_->graph();
  // Apart from the streams of the uniform negatives.
  const RandomStream random(seed_, Purpose::kNegative, ~epoch);
  const std::uint64_t first_user = interactions_->owned_users().begin;
  const std::uint64_t first_item =
      graph::BlockDistribution(interactions_->num_items(), comm.size()).block(comm.rank()).begin;
  const auto draw = [&](const Triple& triple, std::uint32_t attempt, std::uint64_t count) {
    const auto low = static_cast<std::uint32_t>(triple.position);
    const auto high = static_cast<std::uint32_t>(triple.position >> 32U);
    return slot_multiply_shift(random.draw(graph.owned_keys()[triple.user.value()].value(), low, high << 16U | attempt),
                               count);
  };
  std::vector<std::uint64_t> pending(triples.size());
  std::iota(pending.begin(), pending.end(), std::uint64_t{0});
  const auto ranks = static_cast<std::size_t>(comm.size());
  for (std::uint32_t attempt = 0; attempt < kAttempts; ++attempt) {
    if (comm.all_reduce(static_cast<std::uint64_t>(pending.size()), comm::ReduceOp::kMax) == 0) return;
    // A point of the total weight lies in one home block, which knows the item there.
    std::vector<std::uint64_t> points(pending.size());
    std::vector<std::uint32_t> homes(pending.size());
    parallel::for_each({0, pending.size()}, kPopularNegativesGrain, [&](std::uint64_t i) {
      const std::uint64_t point = draw(triples[pending[i]], attempt, rank_offsets_.back());
      homes[i] = static_cast<std::uint32_t>(std::ranges::upper_bound(rank_offsets_, point) - rank_offsets_.begin()) - 1;
      points[i] = point - rank_offsets_[homes[i]];
    });
    std::vector<std::uint64_t> counts(ranks);
    for (const std::uint32_t home : homes) ++counts[home];
    std::vector<std::uint64_t> next = counts;
    parallel::exclusive_prefix_sum(next);
    std::vector<std::uint64_t> asked(points.size());
    std::vector<std::uint64_t> place(points.size());
    for (std::size_t i = 0; i < points.size(); ++i) asked[place[i] = next[homes[i]]++] = points[i];
    const auto questions = comm.exchange<std::uint64_t>(asked, counts);
    std::vector<std::uint32_t> answers(questions.data.size());
    parallel::for_each({0, answers.size()}, kPopularNegativesGrain, [&](std::uint64_t i) {
      answers[i] = static_cast<std::uint32_t>(first_item + weights_.find(questions.data[i]));
    });
    std::vector<std::uint64_t> back(ranks);
    for (std::size_t rank = 0; rank < ranks; ++rank) back[rank] = questions.offsets[rank + 1] - questions.offsets[rank];
    const std::vector<std::uint32_t> items = comm.exchange<std::uint32_t>(answers, back).data;
    std::vector<std::uint64_t> again;
    for (std::size_t i = 0; i < pending.size(); ++i) {
      Triple& triple = triples[pending[i]];
      triple.negative = items[place[i]];
      if (interactions_->has(triple.user.value() - first_user, triple.negative)) again.push_back(pending[i]);
    }
    pending = std::move(again);
  }
  for (const std::uint64_t i : pending) {
    const std::uint64_t user = triples[i].user.value() - first_user;
    const std::uint64_t missing = interactions_->num_items() - interactions_->items_of(user).size();
    triples[i].negative =
        static_cast<std::uint32_t>(interactions_->missing_item(user, draw(triples[i], kAttempts, missing)));
  }
}

}  // namespace rove::gnn
