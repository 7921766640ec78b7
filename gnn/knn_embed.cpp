// SPDX-License-Identifier: Apache-2.0
#include "gnn/knn_embed.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <numeric>
#include <span>
#include <vector>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/base/top_k.hpp"
#include "engine/parallel/parallel.hpp"
#include "gnn/dense_products.hpp"
#include "gnn/type_halo.hpp"

namespace rove::gnn {
namespace {

constexpr std::uint64_t kUsersPerMessage = 2048;
constexpr std::uint64_t kUsersPerBlock = 256;
constexpr std::uint64_t kUsersPerRound = 512;
constexpr std::uint64_t kKnnEmbedGrain = 16;

/// One interest of a user.
struct Component {
  std::uint32_t cluster = kNoCluster;
  double weight = 0;
  std::vector<float> vector;
};
using Mixture = std::vector<Component>;  ///< by weight descending, then cluster

/// The `most` heaviest, ties to the lower cluster, with weights that add up to 1.
void keep_heaviest(Mixture& mixture, std::uint32_t most) {
  std::ranges::sort(mixture, [](const Component& a, const Component& b) {
    return a.weight != b.weight ? a.weight > b.weight : a.cluster < b.cluster;
  });
  if (mixture.size() > most) mixture.resize(most);
  double sum = 0;
  for (const Component& component : mixture) sum += component.weight;
  for (Component& component : mixture) component.weight /= sum;
}

/// How many of `total` items each component gives: by largest remainder, ties to the heavier.
std::vector<std::uint32_t> quotas_of(const Mixture& mixture, std::uint32_t total) {
  std::vector<std::uint32_t> quotas;
  std::vector<double> rests;
  std::uint32_t given = 0;
  for (const Component& component : mixture) {
    const double share = component.weight * static_cast<double>(total);
    quotas.push_back(static_cast<std::uint32_t>(share));
    rests.push_back(share - std::floor(share));
    given += quotas.back();
  }
  std::vector<std::size_t> order(mixture.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) { return rests[a] > rests[b]; });
  for (std::size_t i = 0; given < total && !order.empty(); ++i, ++given) ++quotas[order[i % order.size()]];
  return quotas;
}

class InterestRetrieval {
 public:
  InterestRetrieval(const comm::Communicator& comm, const Interactions& interactions, const EmbeddingTable& embeddings,
                    const InterestOptions& options)
      : comm_(comm),
        interactions_(interactions),
        graph_(interactions.graph()),
        embeddings_(embeddings),
        options_(options),
        dim_(embeddings.dim()),
        users_(interactions.owned_users()) {}

  graph::NeighborLists run(const RetrievalOptions& retrieval, const std::function<bool(std::uint64_t)>& wanted) {
    own_mixtures();
    const std::vector<std::vector<std::uint32_t>> neighbors = nearest_users(wanted);
    smooth(neighbors, wanted);
    return retrieve(retrieval, wanted);
  }

 private:
  /// **Collective.** Mixtures of the owned users from their own interactions.
  void own_mixtures() {
    const std::uint32_t width = dim_ + 1;
    const IndexRange items = interactions_.owned_items();
    const ItemClusters clusters = cluster_items(comm_, interactions_, embeddings_, options_);
    // Vectors of local items, the cluster in the last column.
    std::vector<float> rows(std::size_t{graph_.num_local()} * width);
    for (std::uint64_t i = 0; i < items.size(); ++i) {
      const auto row = embeddings_.row(static_cast<std::uint32_t>(items.begin + i));
      float* const to = rows.data() + (items.begin + i) * width;
      std::ranges::copy(row, to);
      to[dim_] = clusters.of_item[i] == kNoCluster ? -1.0F : static_cast<float>(clusters.of_item[i]);
    }
    TypeHalo(graph_, interactions_.item_type()).update(rows, width);
    const graph::CsrGraph& csr = graph_.by_source(interactions_.edge_type());
    mixtures_.resize(users_.size());
    parallel::for_each({0, users_.size()}, kKnnEmbedGrain, [&](std::uint64_t user) {
      std::map<std::uint32_t, Component> by_cluster;
      const IndexRange slots = csr.slots(user);
      for (std::uint64_t slot = slots.begin; slot < slots.end; ++slot) {
        const float* const row = rows.data() + std::size_t{csr.targets[slot].index()} * width;
        if (row[dim_] < 0) continue;
        const auto cluster = static_cast<std::uint32_t>(row[dim_]);
        Component& component = by_cluster[cluster];
        component.cluster = cluster;
        component.vector.resize(dim_);
        component.weight += 1;
        for (std::uint32_t c = 0; c < dim_; ++c) component.vector[c] += row[c];
      }
      Mixture& mixture = mixtures_[user];
      for (auto& [cluster, component] : by_cluster) {
        for (float& x : component.vector) x /= static_cast<float>(component.weight);
        mixture.push_back(std::move(component));
      }
      keep_heaviest(mixture, options_.interests);
    });
  }

  /// **Collective.** Rows of the users of largest cosine that have a mixture, for every wanted owned user.
  std::vector<std::vector<std::uint32_t>> nearest_users(const std::function<bool(std::uint64_t)>& wanted) {
    std::vector<std::vector<std::uint32_t>> result(users_.size());
    if (options_.neighbors == 0 || options_.smoothing == 0) return result;
    std::vector<float> units(users_.size() * dim_);
    std::vector<std::uint32_t> rows(users_.size());
    std::vector<std::uint32_t> has_mixture;  // owned users
    std::vector<std::uint32_t> asking;
    for (std::uint64_t user = 0; user < users_.size(); ++user) {
      const LocalVertexId local{static_cast<std::uint32_t>(users_.begin + user)};
      normalise_into(embeddings_.row(local.value()), std::span(units).subspan(user * dim_, dim_));
      rows[user] = static_cast<std::uint32_t>(graph_.schema().row_of(graph_.index_map().stable_of(local)));
      if (!mixtures_[user].empty()) has_mixture.push_back(static_cast<std::uint32_t>(user));
      if (wanted(user)) asking.push_back(static_cast<std::uint32_t>(user));
    }
    std::vector<TopK> selections(asking.size(), TopK(options_.neighbors));
    const std::vector<std::uint64_t> counts = comm_.all_gather(std::uint64_t{has_mixture.size()});
    for (std::int32_t rank = 0; rank < comm_.size(); ++rank) {
      const std::uint64_t count = counts[static_cast<std::size_t>(rank)];
      for (std::uint64_t begin = 0; begin < count; begin += kUsersPerMessage) {
        const std::uint64_t block = std::min(kUsersPerMessage, count - begin);
        std::vector<float> others(block * dim_);
        std::vector<std::uint32_t> other_rows(block);
        for (std::uint64_t i = 0; Rank{rank} == comm_.rank() && i < block; ++i) {
          const std::uint32_t user = has_mixture[begin + i];
          std::copy_n(units.data() + std::size_t{user} * dim_, dim_, others.data() + i * dim_);
          other_rows[i] = rows[user];
        }
        if (comm_.size() > 1) {
          comm_.broadcast(std::span(others), Rank{rank});
          comm_.broadcast(std::span(other_rows), Rank{rank});
        }
        offer(others, other_rows, units, rows, asking, selections);
      }
    }
    for (std::size_t i = 0; i < asking.size(); ++i) {
      for (const Scored& found : selections[i].take()) {
        result[asking[i]].push_back(static_cast<std::uint32_t>(found.id));
      }
    }
    return result;
  }

  void offer(std::span<const float> others, std::span<const std::uint32_t> other_rows, std::span<const float> units,
             std::span<const std::uint32_t> rows, std::span<const std::uint32_t> asking,
             std::vector<TopK>& selections) const {
    const PackedRows packed(others, other_rows.size(), dim_, dim_);
    std::vector<float> mine(kUsersPerBlock * dim_);
    std::vector<float> products(kUsersPerBlock * packed.padded_count());
    for (std::uint64_t begin = 0; begin < asking.size(); begin += kUsersPerBlock) {
      const std::uint64_t block = std::min<std::uint64_t>(kUsersPerBlock, asking.size() - begin);
      for (std::uint64_t i = 0; i < block; ++i) {
        std::copy_n(units.data() + std::size_t{asking[begin + i]} * dim_, dim_, mine.data() + i * dim_);
      }
      std::ranges::fill(products, 0.0F);
      add_products(std::span<const float>(mine).first(block * dim_), block, dim_, packed, 1.0F, products,
                   packed.padded_count());
      parallel::for_each({0, block}, kKnnEmbedGrain, [&](std::uint64_t i) {
        TopK& selection = selections[begin + i];
        const float* const scores = products.data() + i * packed.padded_count();
        for (std::size_t o = 0; o < other_rows.size(); ++o) {
          if (!selection.may_enter(scores[o]) || other_rows[o] == rows[asking[begin + i]]) continue;
          selection.push({scores[o], other_rows[o]});
        }
      });
    }
  }

  /// Cluster, weight in two parts (so that doubles travel among floats), vector.
  [[nodiscard]] std::uint32_t packed_width() const { return dim_ + 3; }
  void pack(const Mixture& mixture, float* to) const {
    for (std::uint32_t j = 0; j < options_.interests; ++j, to += packed_width()) {
      to[0] = j < mixture.size() ? static_cast<float>(mixture[j].cluster) : -1.0F;
      if (j >= mixture.size()) continue;
      std::memcpy(to + 1, &mixture[j].weight, sizeof(double));
      std::ranges::copy(mixture[j].vector, to + 3);
    }
  }

  /// **Collective.** The packed mixtures of these users (rows), in order.
  std::vector<float> fetch(std::span<const std::uint32_t> rows) const {
    std::vector<StableVertexId> stable;
    for (const std::uint32_t row : rows) stable.push_back(graph_.schema().stable_id(interactions_.user_type(), row));
    const std::vector<GlobalVertexId> globals = graph_.index_map().global_of(comm_, stable);
    std::vector<std::uint64_t> counts(static_cast<std::size_t>(comm_.size()));
    std::vector<std::size_t> owner(globals.size());
    for (std::size_t i = 0; i < globals.size(); ++i)
      ++counts[owner[i] = graph_.partition().owner_of(globals[i]).index()];
    std::vector<std::uint64_t> next = counts;
    static_cast<void>(parallel::exclusive_prefix_sum(next));
    std::vector<std::uint64_t> asked(globals.size());
    std::vector<std::uint64_t> place(globals.size());
    for (std::size_t i = 0; i < globals.size(); ++i) {
      place[i] = next[owner[i]]++;
      asked[place[i]] = globals[i].value();
    }
    const auto requests = comm_.exchange<std::uint64_t>(asked, counts);
    const std::size_t width = std::size_t{options_.interests} * packed_width();
    std::vector<float> answers(requests.data.size() * width);
    for (std::size_t i = 0; i < requests.data.size(); ++i) {
      const LocalVertexId local = graph_.index_map().local_of_owned(GlobalVertexId{requests.data[i]});
      pack(mixtures_[local.value() - users_.begin], answers.data() + i * width);
    }
    std::vector<std::uint64_t> answer_counts(counts.size());
    for (std::size_t r = 0; r < counts.size(); ++r) {
      answer_counts[r] = (requests.offsets[r + 1] - requests.offsets[r]) * width;
    }
    const std::vector<float> received = comm_.exchange<float>(answers, answer_counts).data;
    std::vector<float> result(received.size());
    for (std::size_t i = 0; i < place.size(); ++i) {
      std::copy_n(received.data() + place[i] * width, width, result.data() + i * width);
    }
    return result;
  }

  /// **Collective.** Mixtures of the wanted users with those of their neighbours.
  void smooth(const std::vector<std::vector<std::uint32_t>>& neighbors,
              const std::function<bool(std::uint64_t)>& wanted) {
    std::vector<Mixture> smoothed(mixtures_.size());
    const std::uint64_t rounds =
        comm_.all_reduce((std::uint64_t{mixtures_.size()} + kUsersPerRound - 1) / kUsersPerRound, comm::ReduceOp::kMax);
    const std::size_t width = std::size_t{options_.interests} * packed_width();
    for (std::uint64_t round = 0; round < rounds; ++round) {
      const std::uint64_t begin = std::min<std::uint64_t>(round * kUsersPerRound, mixtures_.size());
      const std::uint64_t end = std::min<std::uint64_t>(begin + kUsersPerRound, mixtures_.size());
      std::vector<std::uint32_t> rows;
      std::vector<std::size_t> first;
      for (std::uint64_t user = begin; user < end; ++user) {
        first.push_back(rows.size());
        rows.insert(rows.end(), neighbors[user].begin(), neighbors[user].end());
      }
      const std::vector<float> fetched = fetch(rows);
      parallel::for_each({begin, end}, kKnnEmbedGrain, [&](std::uint64_t user) {
        if (!wanted(user)) return;
        smoothed[user] =
            combine(mixtures_[user], neighbors[user].size(), std::span(fetched).subspan(first[user - begin] * width));
      });
    }
    mixtures_ = std::move(smoothed);
  }

  [[nodiscard]] Mixture combine(const Mixture& own, std::size_t num_neighbors, std::span<const float> packed) const {
    struct Sum {
      double weight = 0;
      std::vector<double> vector;
    };
    std::map<std::uint32_t, Sum> sums;
    const auto add = [&](std::uint32_t cluster, double weight, std::span<const float> vector) {
      Sum& sum = sums[cluster];
      sum.vector.resize(dim_);
      sum.weight += weight;
      for (std::uint32_t c = 0; c < dim_; ++c) sum.vector[c] += weight * static_cast<double>(vector[c]);
    };
    const double share_of_own = num_neighbors == 0 ? 1.0 : 1.0 - options_.smoothing;
    if (share_of_own > 0) {
      for (const Component& component : own) add(component.cluster, share_of_own * component.weight, component.vector);
    }
    for (std::size_t v = 0; v < num_neighbors; ++v) {
      for (std::uint32_t j = 0; j < options_.interests; ++j) {
        const float* const from = packed.data() + (v * options_.interests + j) * packed_width();
        if (from[0] < 0) break;
        double weight = 0;
        std::memcpy(&weight, from + 1, sizeof(double));
        add(static_cast<std::uint32_t>(from[0]), options_.smoothing / static_cast<double>(num_neighbors) * weight,
            {from + 3, dim_});
      }
    }
    Mixture mixture;
    for (const auto& [cluster, sum] : sums) {
      Component component{cluster, sum.weight, std::vector<float>(dim_)};
      for (std::uint32_t c = 0; c < dim_; ++c) component.vector[c] = static_cast<float>(sum.vector[c] / sum.weight);
      mixture.push_back(std::move(component));
    }
    keep_heaviest(mixture, options_.interests);
    return mixture;
  }

  /// **Collective.** One pass over all items per component, the heaviest first.
  graph::NeighborLists retrieve(const RetrievalOptions& retrieval, const std::function<bool(std::uint64_t)>& wanted) {
    for (std::uint64_t user = 0; user < users_.size(); ++user) {
      if (!wanted(user) || !mixtures_[user].empty()) continue;
      // Nothing is known but the user's own vector.
      const auto row = embeddings_.row(static_cast<std::uint32_t>(users_.begin + user));
      mixtures_[user].push_back({0, 1.0, std::vector<float>(row.begin(), row.end())});
    }
    std::vector<std::vector<std::uint32_t>> quotas(users_.size());
    for (std::uint64_t user = 0; user < users_.size(); ++user)
      quotas[user] = quotas_of(mixtures_[user], retrieval.top_k);
    std::vector<std::vector<Scored>> lists(users_.size());
    EmbeddingTable queries(graph_.num_owned(), dim_);
    std::ranges::copy(embeddings_.values(), queries.values().begin());
    for (std::uint32_t j = 0; j < options_.interests; ++j) {
      const auto asks = [&](std::uint64_t user) { return j < quotas[user].size() && quotas[user][j] > 0; };
      for (std::uint64_t user = 0; user < users_.size(); ++user) {
        if (asks(user)) {
          std::ranges::copy(mixtures_[user][j].vector,
                            queries.row(static_cast<std::uint32_t>(users_.begin + user)).begin());
        }
      }
      const graph::NeighborLists found = top_items(comm_, interactions_, queries, retrieval, asks);
      parallel::for_each({0, users_.size()}, kKnnEmbedGrain, [&](std::uint64_t user) {
        if (!asks(user)) return;
        const auto weight = static_cast<float>(mixtures_[user][j].weight);
        const auto targets = found.targets_of(user);
        const auto scores = found.scores_of(user);
        std::uint32_t left = quotas[user][j];
        for (std::size_t i = 0; i < targets.size() && left > 0; ++i) {
          if (std::ranges::find(lists[user], targets[i], &Scored::id) != lists[user].end()) continue;
          lists[user].push_back({weight * scores[i], targets[i]});
          --left;
        }
      });
    }
    graph::NeighborLists result;
    for (std::vector<Scored>& list : lists) {
      std::ranges::sort(list, ranks_before);
      for (const Scored& item : list) {
        result.targets.push_back(item.id);
        result.scores.push_back(item.score);
      }
      result.offsets.push_back(result.targets.size());
    }
    return result;
  }

  const comm::Communicator& comm_;
  const Interactions& interactions_;
  const graph::DistributedGraph& graph_;
  const EmbeddingTable& embeddings_;
  const InterestOptions& options_;
  std::uint32_t dim_;
  IndexRange users_;
  std::vector<Mixture> mixtures_;  ///< per owned user
};

}  // namespace

graph::NeighborLists top_items_by_interests(const comm::Communicator& comm, const Interactions& interactions,
                                            const EmbeddingTable& embeddings, const RetrievalOptions& retrieval,
                                            const InterestOptions& options,
                                            const std::function<bool(std::uint64_t)>& wanted) {
  if (options.interests == 0)
    throw ConfigError("recommend.interests is 0, expected at least 1 to retrieve by interests");
  if (!(options.smoothing >= 0 && options.smoothing <= 1)) {
    throw ConfigError(fmt::format("recommend.smoothing is {}, expected from 0 to 1", options.smoothing));
  }
  return InterestRetrieval(comm, interactions, embeddings, options).run(retrieval, wanted);
}

}  // namespace rove::gnn
