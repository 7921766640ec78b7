// SPDX-License-Identifier: Apache-2.0
#include "gnn/batches.hpp"

#include <algorithm>
#include <limits>

#include "engine/parallel/parallel.hpp"

namespace rove::gnn {
namespace {

/// An owned row at a place of the batch, and the gradient term it gets there. Ordered by (row, place).
struct Occurrence {
  std::uint32_t row = 0;
  std::uint32_t index = 0;  ///< own triple, or own triples + received use
  std::uint64_t place = 0;
  friend bool operator<(const Occurrence& a, const Occurrence& b) {
    return a.row != b.row ? a.row < b.row : a.place < b.place;
  }
};

void sort_unique(std::vector<std::uint32_t>& values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

std::uint32_t index_in(std::span<const std::uint32_t> sorted, std::uint32_t value) {
  return static_cast<std::uint32_t>(std::lower_bound(sorted.begin(), sorted.end(), value) - sorted.begin());
}

}  // namespace

EpochBatches::EpochBatches(const comm::Communicator& comm, const Interactions& interactions,
                           std::vector<Triple> triples, std::uint64_t num_triples, std::uint64_t batch_size,
                           const SharedNegatives* shared, std::uint64_t epoch)
    : rank_(static_cast<std::uint32_t>(comm.rank().value())),
      num_ranks_(static_cast<std::uint32_t>(comm.size())),
      num_triples_(num_triples),
      batch_size_(batch_size),
      shared_(shared),
      epoch_(epoch),
      triples_(std::move(triples)),
      positives_(triples_.size()),
      negatives_(triples_.size()) {
  const graph::DistributedGraph& graph = interactions.graph();
  std::vector<StableVertexId> items(2 * triples_.size());
  for (std::size_t t = 0; t < triples_.size(); ++t) {
    items[2 * t] = graph.schema().stable_id(interactions.item_type(), triples_[t].positive);
    items[2 * t + 1] = graph.schema().stable_id(interactions.item_type(), triples_[t].negative);
  }
  const std::vector<GlobalVertexId> globals = graph.index_map().global_of(comm, items);
  std::vector<std::uint64_t> counts(num_ranks_);
  const auto item_of = [&](GlobalVertexId global) {
    const Rank owner = graph.partition().owner_of(global);
    return Item{static_cast<std::uint32_t>(owner.value()),
                static_cast<std::uint32_t>(global.value() - graph.partition().owned_by(owner).begin)};
  };
  for (std::size_t t = 0; t < triples_.size(); ++t) {
    positives_[t] = item_of(globals[2 * t]);
    negatives_[t] = item_of(globals[2 * t + 1]);
    ++counts[positives_[t].rank];
    ++counts[negatives_[t].rank];
  }
  counts[rank_] = 0;
  std::vector<std::uint64_t> next = counts;
  sent_.data.resize(parallel::exclusive_prefix_sum(next));
  sent_.offsets = next;
  sent_.offsets.push_back(sent_.data.size());
  for (std::size_t t = 0; t < triples_.size(); ++t) {
    const std::uint64_t place = 4 * triples_[t].position;
    const std::uint32_t user = triples_[t].user.value();
    if (positives_[t].rank != rank_) {
      sent_.data[next[positives_[t].rank]++] = {place + kPositive, positives_[t].local, user};
    }
    if (negatives_[t].rank != rank_) {
      sent_.data[next[negatives_[t].rank]++] = {place + kNegative, negatives_[t].local, user};
    }
  }
  received_ = comm.exchange<RemoteUse>(sent_.data, counts);
}

std::span<const EpochBatches::RemoteUse> EpochBatches::in_batch(const comm::Gathered<RemoteUse>& uses, std::size_t rank,
                                                                std::uint64_t begin, std::uint64_t end) const {
  const auto less = [](const RemoteUse& use, std::uint64_t place) { return use.place < place; };
  const auto of_rank = std::span(uses.data).subspan(uses.offsets[rank], uses.offsets[rank + 1] - uses.offsets[rank]);
  const auto first = std::lower_bound(of_rank.begin(), of_rank.end(), 4 * begin, less);
  const auto last = std::lower_bound(first, of_rank.end(), 4 * end, less);
  return of_rank.subspan(static_cast<std::size_t>(first - of_rank.begin()), static_cast<std::size_t>(last - first));
}

std::uint64_t EpochBatches::user_row_at(std::uint64_t position, const Interactions& interactions) const {
  const auto found = std::lower_bound(triples_.begin(), triples_.end(), position,
                                      [](const Triple& triple, std::uint64_t p) { return triple.position < p; });
  if (found == triples_.end() || found->position != position) return std::numeric_limits<std::uint64_t>::max();
  const graph::DistributedGraph& graph = interactions.graph();
  return graph.schema().row_of(graph.index_map().stable_of(found->user));
}

Batch EpochBatches::make(std::uint64_t number) const {
  Batch batch;
  const std::uint64_t begin = number * batch_size_;
  const std::uint64_t end = std::min(begin + batch_size_, num_triples_);
  batch.first_position = begin;
  batch.num_triples = end - begin;
  const auto earlier = [](const Triple& triple, std::uint64_t position) { return triple.position < position; };
  const auto first =
      static_cast<std::size_t>(std::lower_bound(triples_.begin(), triples_.end(), begin, earlier) - triples_.begin());
  const auto last =
      static_cast<std::size_t>(std::lower_bound(triples_.begin(), triples_.end(), end, earlier) - triples_.begin());
  const auto own = static_cast<std::uint32_t>(last - first);

  // Who occurs where.
  std::vector<Occurrence> occurrences;
  occurrences.reserve(3 * std::size_t{own});
  for (std::uint32_t t = 0; t < own; ++t) {
    const Triple& triple = triples_[first + t];
    const std::uint64_t place = 4 * triple.position;
    batch.own_positions.push_back(triple.position);
    batch.positives.push_back(triple.positive);
    occurrences.push_back({triple.user.value(), t, place + kUser});
    if (positives_[first + t].rank == rank_) occurrences.push_back({positives_[first + t].local, t, place + kPositive});
    if (negatives_[first + t].rank == rank_) occurrences.push_back({negatives_[first + t].local, t, place + kNegative});
  }
  batch.send_offsets = {0};
  batch.receive_offsets = {0};
  batch.delta_send_offsets = {0};
  batch.delta_receive_offsets = {0};
  std::vector<std::uint32_t> receive_rows;  // local ids at their owners, grouped by rank
  std::uint32_t received = 0;
  for (std::uint32_t peer = 0; peer < num_ranks_; ++peer) {
    const auto out = in_batch(sent_, peer, begin, end);
    const auto in = in_batch(received_, peer, begin, end);
    std::vector<std::uint32_t> give;
    std::vector<std::uint32_t> take;
    for (const RemoteUse& use : out) {
      give.push_back(use.user);
      take.push_back(use.item);
      const auto own_triple = std::lower_bound(batch.own_positions.begin(), batch.own_positions.end(), use.place / 4);
      batch.delta_sends.push_back(static_cast<std::uint32_t>(own_triple - batch.own_positions.begin()));
    }
    for (const RemoteUse& use : in) {
      give.push_back(use.item);
      take.push_back(use.user);
      occurrences.push_back({use.item, own + received++, use.place});
    }
    sort_unique(give);
    sort_unique(take);
    batch.send_rows.insert(batch.send_rows.end(), give.begin(), give.end());
    receive_rows.insert(receive_rows.end(), take.begin(), take.end());
    batch.send_offsets.push_back(batch.send_rows.size());
    batch.receive_offsets.push_back(receive_rows.size());
    batch.delta_send_offsets.push_back(batch.delta_sends.size());
    batch.delta_receive_offsets.push_back(received);
  }

  // The active rows, and where the triples' rows lie in the buffer.
  std::sort(occurrences.begin(), occurrences.end());
  for (const Occurrence& occurrence : occurrences) {
    if (batch.active.empty() || batch.active.back() != occurrence.row) batch.active.push_back(occurrence.row);
  }
  if (shared_ != nullptr) {
    batch.shared_items = shared_->draw(epoch_, number);
    batch.shared_places = shared_->owned(batch.shared_items);
    batch.active.insert(batch.active.end(), batch.shared_places.begin(), batch.shared_places.end());
    sort_unique(batch.active);
    for (std::uint32_t& row : batch.shared_places) row = index_in(batch.active, row);
  }
  for (std::uint32_t& row : batch.send_rows) row = index_in(batch.active, row);
  const auto received_row = [&](std::uint32_t peer, std::uint32_t local) {
    const auto of_peer =
        std::span(receive_rows)
            .subspan(batch.receive_offsets[peer], batch.receive_offsets[peer + 1] - batch.receive_offsets[peer]);
    return static_cast<std::uint32_t>(batch.active.size() + batch.receive_offsets[peer]) + index_in(of_peer, local);
  };
  batch.triples.resize(own);
  batch.uses.resize(batch.active.size());
  std::uint32_t place_in_active = 0;
  for (const Occurrence& occurrence : occurrences) {
    while (batch.active[place_in_active] != occurrence.row) ++place_in_active;
    ++batch.uses[place_in_active];
    if (occurrence.index >= own) continue;
    detail::TripleRows& rows = batch.triples[occurrence.index];
    const std::uint64_t role = occurrence.place % 4;
    (role == kUser ? rows.user : role == kPositive ? rows.positive : rows.negative) = place_in_active;
  }
  std::vector<std::uint32_t> received_users(received);
  std::uint32_t next_use = 0;
  for (std::uint32_t peer = 0; peer < num_ranks_; ++peer) {
    for (const RemoteUse& use : in_batch(received_, peer, begin, end))
      received_users[next_use++] = received_row(peer, use.user);
  }
  if (num_ranks_ > 1) {
    for (std::uint32_t t = 0; t < own; ++t) {
      const Item positive = positives_[first + t];
      const Item negative = negatives_[first + t];
      if (positive.rank != rank_) batch.triples[t].positive = received_row(positive.rank, positive.local);
      if (negative.rank != rank_) batch.triples[t].negative = received_row(negative.rank, negative.local);
    }
  }

  // The gradient of every active row, term by term.
  const auto zero = static_cast<std::uint32_t>(batch.num_rows() - 1);
  batch.terms.reserve(occurrences.size());
  batch.term_offsets = {0};
  for (const std::uint32_t uses : batch.uses) batch.term_offsets.push_back(batch.term_offsets.back() + uses);
  for (const Occurrence& occurrence : occurrences) {
    const std::uint64_t role = occurrence.place % 4;
    detail::GradientTerm term{occurrence.index, zero, zero};
    if (role == kUser) {
      term.plus = batch.triples[occurrence.index].negative;
      term.minus = batch.triples[occurrence.index].positive;
    } else {
      const std::uint32_t user =
          occurrence.index < own ? batch.triples[occurrence.index].user : received_users[occurrence.index - own];
      (role == kPositive ? term.minus : term.plus) = user;
    }
    batch.terms.push_back(term);
  }
  return batch;
}

}  // namespace rove::gnn
