// SPDX-License-Identifier: Apache-2.0
#include "gnn/knn_embed.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/error.hpp"
#include "engine/base/random.hpp"
#include "engine/base/top_k.hpp"
#include "tests/gnn/training_support.hpp"
#include "tests/support/mpi.hpp"

namespace rove::gnn {
namespace {

using tests::world;

constexpr EdgeTypeId kRates{0};
constexpr std::uint64_t kUsers = 50;
constexpr std::uint64_t kItems = 60;
constexpr std::uint32_t kDim = 6;
constexpr std::uint32_t kTop = 9;

float value_of(std::uint64_t stable, std::uint32_t column) {
  const RandomStream random(11, Purpose::kGenerate);
  return static_cast<float>(to_unit(random.draw(stable, column, 0)) - 0.5);
}

InterestOptions small_options() {
  InterestOptions options;
  options.clusters = 7;
  options.interests = 3;
  options.neighbors = 4;
  options.smoothing = 0.4;
  return options;
}

graph::NeighborLists retrieve(const comm::Communicator& comm, const graph::DistributedGraph& graph,
                              const InterestOptions& options) {
  EmbeddingTable table(graph.num_owned(), kDim);
  for (std::uint32_t local = 0; local < graph.num_owned(); ++local) {
    const std::uint64_t stable = graph.index_map().stable_of(LocalVertexId{local}).value();
    for (std::uint32_t c = 0; c < kDim; ++c) table.row(local)[c] = value_of(stable, c);
  }
  const Interactions interactions(graph, kRates);
  RetrievalOptions retrieval;
  retrieval.top_k = kTop;
  const auto lists =
      top_items_by_interests(comm, interactions, table, retrieval, options, [](std::uint64_t) { return true; });
  const graph::NeighborLists home = graph.home(VertexTypeId{0}).to_home(comm, lists);
  graph::NeighborLists all;
  for (std::uint64_t row = 0; row + 1 < home.offsets.size(); ++row) {
    all.offsets.push_back(home.offsets[row + 1] - home.offsets[row]);
  }
  const std::vector<std::uint64_t> lengths =
      comm.all_gather_v(std::span<const std::uint64_t>(all.offsets).subspan(1)).data;
  all.offsets.assign(1, 0);
  for (const std::uint64_t length : lengths) all.offsets.push_back(all.offsets.back() + length);
  all.targets = comm.all_gather_v(std::span<const std::uint64_t>(home.targets)).data;
  all.scores = comm.all_gather_v(std::span<const float>(home.scores)).data;
  return all;
}

/// The definition, in double, a user at a time.
class Twin {
 public:
  using Row = std::vector<double>;
  Twin(const graph::GraphBlocks& whole, const InterestOptions& options) : whole_(whole), options_(options) {
    cluster();
    for (std::uint64_t u = 0; u < kUsers; ++u) mixtures_.push_back(own_mixture(u));
  }

  [[nodiscard]] std::vector<std::uint64_t> list_of(std::uint64_t u) const {
    const std::vector<Part> mixture = smoothed(u);
    std::vector<double> quota;
    double given = 0;
    for (const Part& part : mixture) given += quota.emplace_back(std::floor(part.weight * kTop));
    std::vector<std::size_t> order(mixture.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
      return mixture[a].weight * kTop - quota[a] > mixture[b].weight * kTop - quota[b];
    });
    for (std::size_t i = 0; given < kTop; ++i, ++given) ++quota[order[i]];
    std::vector<std::pair<double, std::uint64_t>> list;
    std::vector<bool> taken(kItems);
    for (const std::uint64_t item : items_of(u)) taken[item] = true;
    for (std::size_t j = 0; j < mixture.size(); ++j) {
      std::vector<std::pair<double, std::uint64_t>> scored;
      for (std::uint64_t i = 0; i < kItems; ++i) scored.emplace_back(-dot(mixture[j].vector, item(i)), i);
      std::ranges::sort(scored);
      for (const auto& [score, i] : scored) {
        if (quota[j] == 0) break;
        if (taken[i]) continue;
        taken[i] = true;
        list.emplace_back(score * mixture[j].weight, i);
        --quota[j];
      }
    }
    std::ranges::sort(list);
    std::vector<std::uint64_t> items;
    for (const auto& [score, i] : list) items.push_back(i);
    return items;
  }

 private:
  struct Part {
    std::uint32_t cluster = 0;
    double weight = 0;
    Row vector;
  };
  static double dot(const Row& a, const Row& b) { return std::inner_product(a.begin(), a.end(), b.begin(), 0.0); }
  static Row unit(Row row) {
    const double length = std::sqrt(dot(row, row));
    for (double& x : row) x /= length;
    return row;
  }
  static Row row_of(std::uint64_t stable) {
    Row row;
    for (std::uint32_t c = 0; c < kDim; ++c) row.push_back(static_cast<double>(value_of(stable, c)));
    return row;
  }
  static Row user(std::uint64_t u) { return row_of(u); }
  static Row item(std::uint64_t i) { return row_of(kUsers + i); }
  [[nodiscard]] std::vector<std::uint64_t> items_of(std::uint64_t u) const {
    const graph::AdjacencyBlock& rows = whole_.edges[0].by_source;
    return {rows.targets.begin() + static_cast<std::ptrdiff_t>(rows.offsets[u]),
            rows.targets.begin() + static_cast<std::ptrdiff_t>(rows.offsets[u + 1])};
  }
  void cluster() {
    const RandomStream random(options_.seed, Purpose::kCluster);
    std::vector<std::pair<std::uint64_t, std::uint64_t>> seeds;
    for (std::uint64_t i = 0; i < kItems; ++i) seeds.emplace_back(random.draw(whole_.keys[1][i].value(), 0, 0), i);
    std::ranges::sort(seeds);
    std::vector<Row> centroids;
    for (std::uint32_t c = 0; c < options_.clusters; ++c) centroids.push_back(unit(item(seeds[c].second)));
    clusters_.resize(kItems);
    for (std::uint32_t iteration = 0; iteration <= options_.iterations; ++iteration) {
      for (std::uint64_t i = 0; i < kItems; ++i) {
        for (std::uint32_t c = 0; c < options_.clusters; ++c) {
          if (dot(unit(item(i)), centroids[c]) > dot(unit(item(i)), centroids[clusters_[i]])) clusters_[i] = c;
        }
      }
      if (iteration == options_.iterations) break;
      for (std::uint32_t c = 0; c < options_.clusters; ++c) {
        Row sum(kDim);
        for (std::uint64_t i = 0; i < kItems; ++i) {
          for (std::uint32_t k = 0; clusters_[i] == c && k < kDim; ++k) sum[k] += unit(item(i))[k];
        }
        if (dot(sum, sum) > 0) centroids[c] = unit(sum);
      }
    }
  }
  [[nodiscard]] std::vector<Part> heaviest(std::vector<Part> parts) const {
    std::ranges::stable_sort(parts, [](const Part& a, const Part& b) { return a.weight > b.weight; });
    if (parts.size() > options_.interests) parts.resize(options_.interests);
    double sum = 0;
    for (const Part& part : parts) sum += part.weight;
    for (Part& part : parts) part.weight /= sum;
    return parts;
  }
  [[nodiscard]] std::vector<Part> own_mixture(std::uint64_t u) const {
    std::map<std::uint32_t, Part> parts;
    for (const std::uint64_t i : items_of(u)) {
      Part& part = parts[clusters_[i]];
      part.cluster = clusters_[i];
      part.vector.resize(kDim);
      part.weight += 1;
      for (std::uint32_t c = 0; c < kDim; ++c) part.vector[c] += item(i)[c];
    }
    std::vector<Part> mixture;
    for (auto& [cluster, part] : parts) {
      for (double& x : part.vector) x /= part.weight;
      mixture.push_back(part);
    }
    return heaviest(mixture);
  }
  [[nodiscard]] std::vector<Part> smoothed(std::uint64_t u) const {
    std::vector<std::pair<double, std::uint64_t>> nearest;
    for (std::uint64_t v = 0; v < kUsers; ++v) {
      if (v != u && !mixtures_[v].empty()) nearest.emplace_back(-dot(unit(user(u)), unit(user(v))), v);
    }
    std::ranges::sort(nearest);
    nearest.resize(std::min<std::size_t>(nearest.size(), options_.neighbors));
    std::map<std::uint32_t, Part> sums;
    const auto add = [&](const std::vector<Part>& mixture, double share) {
      for (const Part& part : mixture) {
        Part& sum = sums[part.cluster];
        sum.cluster = part.cluster;
        sum.vector.resize(kDim);
        sum.weight += share * part.weight;
        for (std::uint32_t c = 0; c < kDim; ++c) sum.vector[c] += share * part.weight * part.vector[c];
      }
    };
    add(mixtures_[u], 1 - options_.smoothing);
    for (const auto& [cosine, v] : nearest) add(mixtures_[v], options_.smoothing / static_cast<double>(nearest.size()));
    std::vector<Part> mixture;
    for (auto& [cluster, sum] : sums) {
      for (double& x : sum.vector) x /= sum.weight;
      mixture.push_back(sum);
    }
    return heaviest(mixture);
  }

  const graph::GraphBlocks& whole_;
  const InterestOptions& options_;
  std::vector<std::uint32_t> clusters_;
  std::vector<std::vector<Part>> mixtures_;
};

TEST(KnnEmbed, EqualsTheDefinitionOnAnyRanks) {
  const graph::GraphBlocks whole = tests::random_bipartite(kUsers, kItems, 400, 5);
  const InterestOptions options = small_options();
  const comm::Communicator self = tests::alone(world());
  const graph::NeighborLists alone = retrieve(self, tests::distribute(self, whole, tests::Spread::kBlock), options);
  const Twin twin(whole, options);
  ASSERT_EQ(alone.offsets.size(), kUsers + 1);
  std::uint64_t equal = 0;
  for (std::uint64_t u = 0; u < kUsers; ++u) {
    const auto targets = alone.targets_of(u);
    const auto scores = alone.scores_of(u);
    EXPECT_TRUE(std::ranges::is_sorted(scores, std::greater<>())) << u;
    equal += std::ranges::equal(targets, twin.list_of(u)) ? 1U : 0U;
  }
  // Weights of users are ratios of small numbers; where two remainders are equal, rounding decides who gives the item.
  EXPECT_GE(equal, kUsers - 3);
  for (const tests::Spread spread : tests::kSpreads) {
    const graph::NeighborLists found = retrieve(world(), tests::distribute(world(), whole, spread), options);
    EXPECT_EQ(found.offsets, alone.offsets) << name_of(spread);
    EXPECT_EQ(found.targets, alone.targets) << name_of(spread);
    EXPECT_TRUE(tests::same_bytes(found.scores, alone.scores)) << name_of(spread);
  }
}

TEST(KnnEmbed, OptionsOutOfRangeAreRefused) {
  const graph::GraphBlocks whole = tests::random_bipartite(kUsers, kItems, 400, 5);
  const graph::DistributedGraph graph = tests::distribute(world(), whole, tests::Spread::kBlock);
  InterestOptions options = small_options();
  options.smoothing = 1.5;
  EXPECT_THROW(static_cast<void>(retrieve(world(), graph, options)), ConfigError);
  options = small_options();
  options.interests = 0;
  EXPECT_THROW(static_cast<void>(retrieve(world(), graph, options)), ConfigError);
}

}  // namespace
}  // namespace rove::gnn
