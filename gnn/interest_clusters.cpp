// SPDX-License-Identifier: Apache-2.0
#include "gnn/interest_clusters.hpp"

#include <algorithm>
#include <cmath>

#include "engine/base/checked_cast.hpp"
#include "engine/base/random.hpp"
#include "engine/parallel/parallel.hpp"
#include "gnn/dense_products.hpp"

namespace rove::gnn {
namespace {

/// Unit vectors are summed in multiples of this: 2^30 fits 2^33 of them into 64 bits.
constexpr double kUnit = 1073741824.0;
constexpr std::uint64_t kItemsPerBlock = 1024;
constexpr std::uint64_t kInterestClustersGrain = 256;

struct Seed {
  std::uint64_t draw = 0;
  std::uint64_t row = 0;  ///< of the item type
  friend auto operator<=>(const Seed&, const Seed&) = default;
};

class Clustering {
 public:
  Clustering(const comm::Communicator& comm, const Interactions& interactions, const EmbeddingTable& embeddings,
             const ClusterOptions& options)
      : comm_(comm),
        interactions_(interactions),
        options_(options),
        dim_(embeddings.dim()),
        items_(interactions.owned_items()),
        units_(items_.size() * dim_),
        is_zero_(items_.size()) {
    parallel::for_each({0, items_.size()}, kInterestClustersGrain, [&](std::uint64_t i) {
      const auto unit = std::span(units_).subspan(i * dim_, dim_);
      normalise_into(embeddings.row(static_cast<std::uint32_t>(items_.begin + i)), unit);
      is_zero_[i] = std::ranges::all_of(unit, [](float x) { return x == 0.0F; }) ? 1 : 0;
    });
  }

  ItemClusters run() {
    choose_seeds();
    ItemClusters result{count_, std::vector<std::uint32_t>(items_.size(), kNoCluster)};
    if (count_ == 0) return result;
    for (std::uint32_t iteration = 0; iteration < options_.iterations; ++iteration) {
      assign(result.of_item);
      move_centroids(result.of_item);
    }
    assign(result.of_item);
    return result;
  }

 private:
  [[nodiscard]] std::uint64_t row_of(std::uint64_t item) const {
    const LocalVertexId local{static_cast<std::uint32_t>(items_.begin + item)};
    return interactions_.graph().schema().row_of(interactions_.graph().index_map().stable_of(local));
  }

  /// **Collective.** The items of the smallest draws are the first centroids.
  void choose_seeds() {
    const std::uint64_t all = interactions_.num_items();
    const std::uint64_t wanted = options_.clusters > 0
                                     ? options_.clusters
                                     : static_cast<std::uint64_t>(std::ceil(std::sqrt(static_cast<double>(all))));
    const RandomStream random(options_.seed, Purpose::kCluster);
    std::vector<std::pair<Seed, std::uint64_t>> mine;
    for (std::uint64_t i = 0; i < items_.size(); ++i) {
      if (is_zero_[i] != 0) continue;
      const std::uint64_t key = interactions_.graph().owned_keys()[items_.begin + i].value();
      mine.push_back({{random.draw(key, 0, 0), row_of(i)}, i});
    }
    std::ranges::sort(mine);
    mine.resize(std::min<std::size_t>(mine.size(), wanted));
    std::vector<Seed> offered;
    for (const auto& [seed, item] : mine) offered.push_back(seed);
    std::vector<Seed> seeds = comm_.all_gather_v(std::span<const Seed>(offered)).data;
    std::ranges::sort(seeds);
    seeds.resize(std::min<std::size_t>(seeds.size(), wanted));
    count_ = checked_cast<std::uint32_t>(seeds.size(), "recommend.clusters");
    // Every rank's chosen items in ascending order of their seeds, and where each belongs.
    std::vector<std::uint64_t> places;
    std::vector<float> rows;
    for (const auto& [seed, item] : mine) {
      const auto found = std::ranges::lower_bound(seeds, seed);
      if (found == seeds.end() || *found != seed) continue;
      places.push_back(static_cast<std::uint64_t>(found - seeds.begin()));
      const auto unit = std::span(units_).subspan(item * dim_, dim_);
      rows.insert(rows.end(), unit.begin(), unit.end());
    }
    const std::vector<std::uint64_t> all_places = comm_.all_gather_v(std::span<const std::uint64_t>(places)).data;
    const std::vector<float> all_rows = comm_.all_gather_v(std::span<const float>(rows)).data;
    centroids_.resize(std::size_t{count_} * dim_);
    for (std::size_t i = 0; i < all_places.size(); ++i) {
      std::copy_n(all_rows.data() + i * dim_, dim_, centroids_.data() + all_places[i] * dim_);
    }
  }

  void assign(std::vector<std::uint32_t>& of_item) const {
    const PackedRows packed(centroids_, count_, dim_, dim_);
    std::vector<float> products(kItemsPerBlock * packed.padded_count());
    for (std::uint64_t begin = 0; begin < items_.size(); begin += kItemsPerBlock) {
      const std::uint64_t block = std::min(kItemsPerBlock, items_.size() - begin);
      std::ranges::fill(products, 0.0F);
      add_products(std::span(units_).subspan(begin * dim_, block * dim_), block, dim_, packed, 1.0F, products,
                   packed.padded_count());
      parallel::for_each({0, block}, kInterestClustersGrain, [&](std::uint64_t i) {
        const float* const row = products.data() + i * packed.padded_count();
        if (is_zero_[begin + i] == 0) {
          of_item[begin + i] = static_cast<std::uint32_t>(std::max_element(row, row + count_) - row);
        }
      });
    }
  }

  /// **Collective.** A centroid without members stays.
  void move_centroids(std::span<const std::uint32_t> of_item) {
    std::vector<std::int64_t> sums(centroids_.size());
    for (std::uint64_t i = 0; i < items_.size(); ++i) {
      if (of_item[i] == kNoCluster) continue;
      for (std::uint32_t c = 0; c < dim_; ++c) {
        sums[std::size_t{of_item[i]} * dim_ + c] += std::llrint(static_cast<double>(units_[i * dim_ + c]) * kUnit);
      }
    }
    comm_.all_reduce(std::span<std::int64_t>(sums), comm::ReduceOp::kSum);
    for (std::uint32_t cluster = 0; cluster < count_; ++cluster) {
      std::vector<float> sum(dim_);
      for (std::uint32_t c = 0; c < dim_; ++c) {
        sum[c] = static_cast<float>(static_cast<double>(sums[std::size_t{cluster} * dim_ + c]) / kUnit);
      }
      if (std::ranges::all_of(sum, [](float x) { return x == 0.0F; })) continue;
      normalise_into(sum, std::span(centroids_).subspan(std::size_t{cluster} * dim_, dim_));
    }
  }

  const comm::Communicator& comm_;
  const Interactions& interactions_;
  const ClusterOptions& options_;
  std::uint32_t dim_;
  IndexRange items_;
  std::vector<float> units_;
  std::vector<std::uint8_t> is_zero_;
  std::uint32_t count_ = 0;
  std::vector<float> centroids_;
};

}  // namespace

void normalise_into(std::span<const float> row, std::span<float> unit) {
  double squares = 0;
  for (const float x : row) squares += static_cast<double>(x) * static_cast<double>(x);
  const double length = std::sqrt(squares);
  for (std::size_t c = 0; c < row.size(); ++c) {
    unit[c] = length > 0 ? static_cast<float>(static_cast<double>(row[c]) / length) : 0.0F;
  }
}

ItemClusters cluster_items(const comm::Communicator& comm, const Interactions& interactions,
                           const EmbeddingTable& embeddings, const ClusterOptions& options) {
  return Clustering(comm, interactions, embeddings, options).run();
}

}  // namespace rove::gnn
