// SPDX-License-Identifier: Apache-2.0
#include "gnn/triple_sampler.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/base/random.hpp"
#include "engine/graph/block_distribution.hpp"
#include "engine/parallel/parallel.hpp"

namespace rove::gnn {
namespace {

constexpr std::uint64_t kTripleSamplerGrain = 512;

/// Values grouped by destination rank, ready for `exchange`.
template <class T>
struct Outbox {
  std::vector<T> values;
  std::vector<std::uint64_t> counts;
};

template <class T, class RankOf>
Outbox<T> group_by_rank(std::span<const T> values, std::int32_t ranks, const RankOf& rank_of) {
  Outbox<T> outbox{std::vector<T>(values.size()), std::vector<std::uint64_t>(static_cast<std::size_t>(ranks))};
  for (const T& value : values) ++outbox.counts[rank_of(value)];
  std::vector<std::uint64_t> next = outbox.counts;
  parallel::exclusive_prefix_sum(next);
  for (const T& value : values) outbox.values[next[rank_of(value)]++] = value;
  return outbox;
}

/// A user by its rank among the trainable ones, or by its global id, and the position it was drawn for.
struct Drawn {
  std::uint64_t user = 0;
  std::uint64_t position = 0;
};

/// The draws of one sample: step 0 is the positive, later steps the negative.
class SampleDraws {
 public:
  SampleDraws(const RandomStream& positives, const RandomStream& negatives, std::uint64_t key, std::uint64_t sample)
      : positives_(positives),
        negatives_(negatives),
        key_(key),
        low_(static_cast<std::uint32_t>(sample)),
        high_(static_cast<std::uint32_t>(sample >> 32U)) {}
  [[nodiscard]] std::uint64_t positive_slot(std::uint64_t degree) const {
    return slot_multiply_shift(positives_.draw(key_, low_, high_), degree);
  }
  [[nodiscard]] std::uint64_t negative(std::uint32_t attempt, std::uint64_t count) const {
    // 16 bits of attempts suffice: at most half of the items are rejected.
    return slot_multiply_shift(negatives_.draw(key_, low_, high_ << 16U | attempt), count);
  }

 private:
  const RandomStream& positives_;
  const RandomStream& negatives_;
  std::uint64_t key_;
  std::uint32_t low_;
  std::uint32_t high_;
};

}  // namespace

std::string_view name_of(SamplerKind kind) {
  switch (kind) {
    case SamplerKind::kUserStratified:
      return "user-stratified";
    case SamplerKind::kUserUniform:
      return "user-uniform";
    case SamplerKind::kEdgeUniform:
      return "edge-uniform";
  }
  return "";
}

SamplerKind parse_sampler(std::string_view name) {
  for (const SamplerKind kind : {SamplerKind::kUserStratified, SamplerKind::kUserUniform, SamplerKind::kEdgeUniform}) {
    if (name_of(kind) == name) return kind;
  }
  throw ConfigError(fmt::format("sampler '{}' found, expected user-stratified, user-uniform or edge-uniform", name));
}

std::vector<double> positive_shares(const comm::Communicator& comm, const Interactions& interactions,
                                    SamplerKind kind) {
  const graph::DistributedGraph& graph = interactions.graph();
  const graph::CsrGraph& by_user = graph.by_source(interactions.edge_type());
  const graph::CsrGraph& by_item = graph.by_destination(interactions.edge_type());
  const IndexRange users = interactions.owned_users();
  const bool by_edges = kind == SamplerKind::kEdgeUniform;  // else every user equally often, any of its interactions
  std::vector<double> per_slot(graph.num_local());
  std::uint64_t total = 0;
  for (std::uint64_t user = 0; user < users.size(); ++user) {
    if (!interactions.is_trainable(user)) continue;
    const std::uint64_t degree = by_user.degree(user);
    total += by_edges ? degree : 1;
    per_slot[users.begin + user] = by_edges ? 1.0 : 1.0 / static_cast<double>(degree);
  }
  total = comm.all_reduce(total, comm::ReduceOp::kSum);
  graph.halo().update<double>(per_slot);
  std::vector<double> shares(by_item.num_rows());
  for (std::uint64_t item = 0; item < shares.size(); ++item) {
    double sum = 0;
    for (const LocalVertexId user : by_item.neighbors(item)) sum += per_slot[user.index()];
    shares[item] = total == 0 ? 0.0 : sum / static_cast<double>(total);
  }
  return shares;
}

TripleSampler::TripleSampler(const comm::Communicator& comm, const Interactions& interactions, SamplerKind kind,
                             std::uint64_t seed)
    : interactions_(&interactions), kind_(kind), seed_(seed) {
  const graph::DistributedGraph& graph = interactions.graph();
  const graph::CsrGraph& csr = graph.by_source(interactions.edge_type());
  const graph::HomeExchange& home = graph.home(interactions.user_type());
  const std::uint64_t per_user = std::max<std::uint64_t>(
      1, interactions.num_interactions() / std::max<std::uint64_t>(1, interactions.num_users()));
  samples_of_.resize(csr.num_rows());
  for (std::uint64_t user = 0; user < csr.num_rows(); ++user) {
    if (!interactions.is_trainable(user)) continue;
    samples_of_[user] = kind == SamplerKind::kUserStratified ? per_user
                        : kind == SamplerKind::kUserUniform  ? 1
                                                             : csr.degree(user);
  }
  // Samples are numbered by user row: the numbers are found at the home blocks, where rows lie in order.
  std::vector<std::uint64_t> first = home.to_home<std::uint64_t>(comm, samples_of_);
  const std::vector<std::uint64_t> home_samples = first;
  const std::uint64_t here = parallel::exclusive_prefix_sum(first);
  const std::uint64_t before = comm.exclusive_scan(here);
  for (std::uint64_t& sample : first) sample += before;
  num_triples_ = comm.all_reduce(here, comm::ReduceOp::kSum);
  if (num_triples_ == 0) {
    throw InputError(fmt::format("no user of edge type {} has both an item to learn from and one that it lacks",
                                 graph.schema().name_of(interactions.edge_type())));
  }
  if (kind != SamplerKind::kUserUniform) {
    first_sample_ = home.to_owners<std::uint64_t>(comm, first);
    return;
  }
  num_triples_ = interactions.num_interactions();
  trainable_offsets_ = {0};
  for (const std::uint64_t count : comm.all_gather(here))
    trainable_offsets_.push_back(trainable_offsets_.back() + count);
  std::vector<StableVertexId> trainable;
  const graph::BlockDistribution blocks(interactions.num_users(), comm.size());
  for (std::uint64_t i = 0; i < home_samples.size(); ++i) {
    if (home_samples[i] == 0) continue;
    trainable.push_back(graph.schema().stable_id(interactions.user_type(), blocks.block(comm.rank()).begin + i));
  }
  trainable_users_ = graph.index_map().global_of(comm, trainable);
}

std::vector<TripleSampler::Draw> TripleSampler::uniform_users(const comm::Communicator& comm,
                                                              std::uint64_t epoch) const {
  // A rank draws the users of its block of positions, asks their home blocks who they are, and tells the owners.
  const graph::DistributedGraph& graph = interactions_->graph();
  const RandomStream random(seed_, Purpose::kBatchOrder, epoch);
  const IndexRange positions = graph::BlockDistribution(num_triples_, comm.size()).block(comm.rank());
  std::vector<Drawn> drawn(positions.size());
  parallel::for_each({0, drawn.size()}, kTripleSamplerGrain, [&](std::uint64_t i) {
    const std::uint64_t position = positions.begin + i;
    drawn[i] = {slot_multiply_shift(random.draw(position, 0, 0), trainable_offsets_.back()), position};
  });
  const auto to_homes = group_by_rank<Drawn>(drawn, comm.size(), [&](const Drawn& draw) {
    const auto after = std::upper_bound(trainable_offsets_.begin(), trainable_offsets_.end(), draw.user);
    return static_cast<std::size_t>(after - trainable_offsets_.begin()) - 1;
  });
  auto at_home = comm.exchange<Drawn>(to_homes.values, to_homes.counts).data;
  for (Drawn& draw : at_home) {
    draw.user = trainable_users_[draw.user - trainable_offsets_[comm.rank().index()]].value();
  }
  const auto to_owners = group_by_rank<Drawn>(at_home, comm.size(), [&](const Drawn& draw) {
    return graph.partition().owner_of(GlobalVertexId{draw.user}).index();
  });
  const auto mine = comm.exchange<Drawn>(to_owners.values, to_owners.counts).data;
  std::vector<Draw> result(mine.size());
  for (std::size_t i = 0; i < mine.size(); ++i) {
    const LocalVertexId user = graph.index_map().local_of_owned(GlobalVertexId{mine[i].user});
    result[i] = {user.value() - interactions_->owned_users().begin, mine[i].position};
  }
  return result;
}

std::vector<Triple> TripleSampler::sample(const comm::Communicator& comm, std::uint64_t epoch) const {
  const graph::DistributedGraph& graph = interactions_->graph();
  const graph::CsrGraph& csr = graph.by_source(interactions_->edge_type());
  const IndexRange owned_users = interactions_->owned_users();
  const std::uint64_t first_item = graph.schema().stable_range(interactions_->item_type()).begin;
  const RandomStream positives(seed_, Purpose::kTrainSample, epoch);
  const RandomStream negatives(seed_, Purpose::kNegative, epoch);

  const auto draw = [&](std::uint64_t user, std::uint64_t sample, std::uint64_t position, bool keep_slot) {
    const auto local = static_cast<std::uint32_t>(owned_users.begin + user);
    const SampleDraws draws(positives, negatives, graph.owned_keys()[local].value(), sample);
    const std::uint64_t slot = csr.offsets[user] + (keep_slot ? sample : draws.positive_slot(csr.degree(user)));
    const std::uint64_t positive = graph.index_map().stable_of(csr.targets[slot]).value() - first_item;
    const std::uint64_t items = interactions_->num_items();
    const std::uint64_t seen = interactions_->items_of(user).size();
    std::uint64_t negative = 0;
    if (2 * seen > items) {
      negative = interactions_->missing_item(user, draws.negative(0, items - seen));
    } else {
      std::uint32_t attempt = 0;
      do {
        negative = draws.negative(attempt++, items);
      } while (interactions_->has(user, negative));
    }
    return Triple{position, LocalVertexId{local}, static_cast<std::uint32_t>(positive),
                  static_cast<std::uint32_t>(negative)};
  };

  std::vector<Triple> triples;
  if (kind_ == SamplerKind::kUserUniform) {
    const std::vector<Draw> users = uniform_users(comm, epoch);
    triples.resize(users.size());
    parallel::for_each({0, users.size()}, kTripleSamplerGrain, [&](std::uint64_t i) {
      triples[i] = draw(users[i].user, users[i].position, users[i].position, false);
    });
  } else {
    const KeyedPermutation order(seed_, Purpose::kBatchOrder, epoch, num_triples_);
    std::vector<std::uint64_t> begin = samples_of_;
    triples.resize(parallel::exclusive_prefix_sum(begin));
    parallel::for_each({0, samples_of_.size()}, kTripleSamplerGrain, [&](std::uint64_t user) {
      for (std::uint64_t k = 0; k < samples_of_[user]; ++k) {
        triples[begin[user] + k] =
            draw(user, k, order.apply(first_sample_[user] + k), kind_ == SamplerKind::kEdgeUniform);
      }
    });
  }
  parallel::sort(std::span(triples), [](const Triple& a, const Triple& b) { return a.position < b.position; });
  return triples;
}

}  // namespace rove::gnn
