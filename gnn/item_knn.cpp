// SPDX-License-Identifier: Apache-2.0
#include "gnn/item_knn.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/base/top_k.hpp"
#include "engine/graph/block_distribution.hpp"
#include "engine/parallel/parallel.hpp"
#include "gnn/block_selection.hpp"
#include "gnn/co_interactions.hpp"

namespace rove::gnn {
namespace {

constexpr std::uint64_t kUserGrain = 32;
/// Items between two reports of progress.
constexpr std::uint64_t kItemsPerReport = 16384;

class ItemKnnScorer final : public Scorer {
 public:
  ItemKnnScorer(const comm::Communicator& comm, const graph::DistributedGraph& graph, EdgeTypeId type,
                ModelWeights weights)
      : by_user_(graph.by_source(type)), place_of_(graph.num_local()) {
    if (!weights.tables.empty()) start_ = comm.all_gather_v<float>(weights.tables.front().values).data;
    const VertexTypeId items = graph.schema().edge_type(type).destination;
    const graph::NeighborLists lists = graph.home(items).to_owners(comm, weights.lists.at(0).lists);
    weights = {};  // the rows lie with their owners now
    graph::RaggedRows<Neighbor> owned;
    owned.offsets = lists.offsets;
    owned.values.resize(lists.targets.size());
    for (std::size_t i = 0; i < owned.values.size(); ++i) {
      owned.values[i] = {static_cast<std::uint32_t>(lists.targets[i]), std::bit_cast<std::uint32_t>(lists.scores[i])};
    }
    const TypeHalo halo(graph, items);
    const graph::RaggedRows<Neighbor> ghosts = halo.ghost_rows(owned);
    const IndexRange range = graph.owned_of_type(items);
    for (std::uint64_t i = 0; i < range.size(); ++i) place_of_[range.begin + i] = static_cast<std::uint32_t>(i);
    for (std::size_t g = 0; g < halo.ghosts().size(); ++g) {
      place_of_[halo.ghosts()[g]] = static_cast<std::uint32_t>(range.size() + g);
    }
    neighbors_ = std::move(owned);
    for (std::size_t g = 0; g + 1 < ghosts.offsets.size(); ++g) {
      neighbors_.offsets.push_back(neighbors_.offsets.back() + ghosts.offsets[g + 1] - ghosts.offsets[g]);
    }
    neighbors_.values.insert(neighbors_.values.end(), ghosts.values.begin(), ghosts.values.end());
  }

  [[nodiscard]] std::string_view score_name() const override { return "sum of item similarities"; }

  [[nodiscard]] std::uint64_t working_bytes(const Interactions& interactions) const override {
    return parallel::concurrency() * padded(interactions.num_items()) * sizeof(float);
  }

  [[nodiscard]] graph::NeighborLists top_items(const comm::Communicator&, const Interactions& interactions,
                                               const RetrievalOptions& options,
                                               const std::function<bool(std::uint64_t)>& wanted) const override {
    BlockSelection selection(interactions, options, wanted);
    const std::uint64_t padded_items = padded(interactions.num_items());
    parallel::PerThread<std::vector<float>> scores;
    parallel::for_chunks({0, selection.users().size()}, kUserGrain, [&](IndexRange places) {
      std::vector<float>& mine = scores.local();
      mine.resize(padded_items);
      for (std::uint64_t place = places.begin; place < places.end; ++place) {
        std::ranges::fill(mine, 0.0F);
        std::ranges::copy(start_, mine.begin());
        for (const LocalVertexId item : by_user_.neighbors(selection.users()[place])) {
          const std::uint32_t row = place_of_[item.index()];
          for (std::uint64_t i = neighbors_.offsets[row]; i < neighbors_.offsets[row + 1]; ++i) {
            mine[neighbors_.values[i].item] += std::bit_cast<float>(neighbors_.values[i].similarity);
          }
        }
        selection.offer(static_cast<std::uint32_t>(place), 0, mine.data(), interactions.num_items());
      }
    });
    return selection.take();
  }

 private:
  [[nodiscard]] static std::uint64_t padded(std::uint64_t items) { return (items + 15) / 16 * 16; }

  struct Neighbor {
    std::uint32_t item = 0;
    std::uint32_t similarity = 0;  ///< bits of the float: messages of integers have no padding to leak
  };

  const graph::CsrGraph& by_user_;
  std::vector<float> start_;               ///< what every user gives an item; empty: nothing
  std::vector<std::uint32_t> place_of_;    ///< by local id of an item
  graph::RaggedRows<Neighbor> neighbors_;  ///< of the owned items, then of the ghosts
};

/// A neighbour's share in what is predicted for an item, as it travels to the neighbour.
struct Share {
  std::uint32_t neighbor = 0;
  std::uint32_t item = 0;
  std::uint32_t weight = 0;  ///< bits of the float
};

/// **Collective.** Means of the columns of A, by row.
std::vector<double> means_of(const comm::Communicator& comm, const graph::DistributedGraph& graph, EdgeTypeId type) {
  const graph::EdgeType& edge_type = graph.schema().edge_type(type);
  const graph::CsrGraph& by_item = graph.by_destination(type);
  std::vector<std::uint64_t> counts(by_item.num_rows());
  for (std::uint64_t item = 0; item < counts.size(); ++item) counts[item] = by_item.degree(item);
  const auto home = graph.home(edge_type.destination).to_home<std::uint64_t>(comm, counts);
  const auto users = static_cast<double>(graph.schema().vertex_type(edge_type.source).count);
  std::vector<double> means;
  for (const std::uint64_t count : comm.all_gather_v<std::uint64_t>(home).data) {
    means.push_back(static_cast<double>(count) / users);
  }
  return means;
}

/// **Collective.** Turns the lists of similar items, in home blocks, into what scores by averages: per item those that
/// count it, with its share, and the part of each score that no user changes.
void to_averages(const comm::Communicator& comm, const graph::DistributedGraph& graph, EdgeTypeId type,
                 ModelWeights& weights) {
  const VertexTypeId items = graph.schema().edge_type(type).destination;
  const graph::BlockDistribution blocks(graph.schema().vertex_type(items).count, comm.size());
  const std::uint64_t first = blocks.block(comm.rank()).begin;
  const std::vector<double> means = means_of(comm, graph, type);
  graph::NeighborLists& lists = weights.lists.front().lists;
  std::vector<float> start;
  std::vector<Share> shares;
  for (std::uint64_t row = 0; row < lists.num_rows(); ++row) {
    const auto ids = lists.targets_of(row);
    const auto similarities = lists.scores_of(row);
    double total = 0;
    for (const float similarity : similarities) total += static_cast<double>(similarity);
    double corrected = means[first + row];
    for (std::size_t k = 0; k < ids.size(); ++k) {
      const auto weight = static_cast<float>(static_cast<double>(similarities[k]) / total);
      corrected -= static_cast<double>(weight) * means[ids[k]];
      shares.push_back({static_cast<std::uint32_t>(ids[k]), static_cast<std::uint32_t>(first + row),
                        std::bit_cast<std::uint32_t>(weight)});
    }
    start.push_back(static_cast<float>(corrected));
  }
  std::ranges::sort(shares, {}, &Share::neighbor);  // groups them by home
  std::vector<std::uint64_t> counts(static_cast<std::size_t>(comm.size()));
  for (const Share& share : shares) ++counts[blocks.home_of(share.neighbor).index()];
  std::vector<Share> mine = comm.exchange<Share>(shares, counts).data;
  std::ranges::sort(mine, [](const Share& a, const Share& b) {
    if (a.neighbor != b.neighbor) return a.neighbor < b.neighbor;
    return ranks_before({std::bit_cast<float>(a.weight), a.item}, {std::bit_cast<float>(b.weight), b.item});
  });
  const std::uint64_t rows = lists.num_rows();
  lists = {};
  for (std::uint64_t row = 0, next = 0; row < rows; ++row) {
    for (; next < mine.size() && mine[next].neighbor == first + row; ++next) {
      lists.targets.push_back(mine[next].item);
      lists.scores.push_back(std::bit_cast<float>(mine[next].weight));
    }
    lists.offsets.push_back(lists.targets.size());
  }
  weights.tables.push_back({std::string(kItemKnnStart), items, 1, std::move(start)});
}

}  // namespace

ModelWeights fit_item_knn(const comm::Communicator& comm, const graph::DistributedGraph& graph, EdgeTypeId type,
                          const ItemKnnOptions& options, ProgressSink& progress) {
  if (options.neighbors == 0) throw ConfigError("train.neighbors is 0, expected at least 1");
  if (!(options.shrinkage >= 0) || !std::isfinite(options.shrinkage)) {
    throw ConfigError(fmt::format("train.shrinkage is {}, expected at least 0", options.shrinkage));
  }
  const graph::EdgeType& edge_type = graph.schema().edge_type(type);
  const VertexTypeId items = edge_type.destination;
  const std::uint64_t first_item = graph.schema().stable_range(items).begin;
  const IndexRange owned = graph.owned_of_type(items);
  const CoInteractions co_interactions(comm, graph, type);
  std::vector<TopK> selections(owned.size(), TopK(options.neighbors));

  progress.begin("train", owned.size(), "items of rank 0");
  for (std::uint64_t begin = 0; begin < owned.size(); begin += kItemsPerReport) {
    const IndexRange part{begin, std::min(owned.size(), begin + kItemsPerReport)};
    co_interactions.for_each_row(part, [&](std::uint64_t item, std::span<const CoInteractions::Entry> entries) {
      const LocalVertexId local{static_cast<std::uint32_t>(owned.begin + item)};
      const std::uint64_t row = graph.index_map().stable_of(local).value() - first_item;
      const auto self =
          std::ranges::find(entries, row, [](const CoInteractions::Entry& e) { return std::uint64_t{e.item}; });
      if (self == entries.end()) return;
      const double norm = std::sqrt(static_cast<double>(self->count));
      for (const CoInteractions::Entry& entry : entries) {
        if (entry.item == row) continue;
        const double both = norm * std::sqrt(static_cast<double>(entry.squares));
        selections[item].push(
            {static_cast<float>(static_cast<double>(entry.count) / (both + options.shrinkage)), entry.item});
      }
    });
    progress.update(part.end, "");
  }
  graph::NeighborLists lists;
  for (TopK& selection : selections) {
    for (const Scored& neighbor : selection.take()) {
      lists.targets.push_back(neighbor.id);
      lists.scores.push_back(neighbor.score);
    }
    lists.offsets.push_back(lists.targets.size());
  }
  progress.end(fmt::format("{} neighbours per item at most", options.neighbors));
  ModelWeights weights;
  weights.lists.push_back({items, items, graph.home(items).to_home(comm, lists)});
  if (options.prediction == KnnPrediction::kAverage) to_averages(comm, graph, type, weights);
  return weights;
}

std::unique_ptr<Scorer> make_item_knn_scorer(const comm::Communicator& comm, const graph::DistributedGraph& graph,
                                             EdgeTypeId type, ModelWeights weights) {
  comm.agree([&] {
    const VertexTypeId items = graph.schema().edge_type(type).destination;
    const bool has_lists =
        weights.lists.size() == 1 && weights.lists[0].source == items && weights.lists[0].target == items;
    const bool has_start =
        weights.tables.empty() || (weights.tables[0].type == items && weights.tables[0].columns == 1);
    if (has_lists && has_start) return;
    throw InputError("the model has no list of items per item, or more than a number beside it; fit it again");
  });
  return std::make_unique<ItemKnnScorer>(comm, graph, type, std::move(weights));
}

MemoryPlan plan_item_knn(const ModelShare& share, const ItemKnnOptions& options) {
  MemoryPlan plan("train");
  plan.hold("lists of the users and of ghosts among them, one row of counts per thread", CoInteractions::bytes(share));
  plan.hold("neighbours of the items",
            (2 * share.owned_rows + share.ghost_rows) * std::uint64_t{options.neighbors} * 16);
  if (options.prediction == KnnPrediction::kAverage) {
    plan.hold("shares of the neighbours", share.owned_rows * std::uint64_t{options.neighbors} * 24 + share.items * 12);
  }
  return plan;
}

}  // namespace rove::gnn
