// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/error.hpp"
#include "engine/base/random.hpp"
#include "gnn/item_constraint.hpp"
#include "gnn/train_ultragcn.hpp"
#include "tests/gnn/batch_model_support.hpp"

namespace rove::gnn {
namespace {

using tests::Matrix;
using tests::TwinBatch;
using tests::world;

constexpr std::uint64_t kSeed = 42;
constexpr std::uint32_t kDim = 6;
constexpr EdgeTypeId kRates{0};

double softplus(double x) {
  return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x)));
}

struct Weighted {
  std::uint64_t item;
  double omega;
};

/// The strongest items of an item by ω, from co-occurrences counted pair by pair.
std::vector<Weighted> strongest(const TwinBatch& batch, std::uint64_t item, std::size_t count) {
  const std::uint64_t n = batch.num_vertices;
  Matrix both(n, n);
  std::vector<double> sums(n);
  for (std::uint64_t i = batch.num_users; i < n; ++i) {
    for (std::uint64_t j = batch.num_users; j < n; ++j) {
      for (std::uint64_t u = 0; u < batch.num_users; ++u) both(i, j) += batch.adjacency(u, i) * batch.adjacency(u, j);
      sums[i] += both(i, j);
    }
  }
  std::vector<Weighted> found;
  for (std::uint64_t j = batch.num_users; j < n; ++j) {
    if (both(item, j) == 0) continue;
    found.push_back({j, both(item, j) * std::sqrt(sums[item] + 1) / sums[item] / std::sqrt(sums[j] + 1)});
  }
  std::ranges::sort(found, [](const Weighted& a, const Weighted& b) {
    const auto x = static_cast<float>(a.omega);
    const auto y = static_cast<float>(b.omega);
    return x != y ? x > y : a.item < b.item;
  });
  found.resize(std::min(found.size(), count));
  return found;
}

double loss_of(const TwinBatch& batch, const Matrix& x, const UltraGcnOptions& options) {
  const RandomStream random(kSeed, Purpose::kNegative, std::uint64_t{1} << 62U | 1U);
  const std::uint64_t num_items = batch.num_vertices - batch.num_users;
  double loss = 0;
  for (const TwinBatch::Rows& t : batch.triples) {
    const auto beta = [&](std::uint64_t item) {
      return std::sqrt(batch.degrees[t.user] + 1) / batch.degrees[t.user] / std::sqrt(batch.degrees[item] + 1);
    };
    loss += (options.positive_base + options.positive_degree * beta(t.positive)) *
            softplus(-tests::dot(x, t.user, x, t.positive));
    for (std::uint32_t n = 0; n < options.negatives_per_positive; ++n) {
      const RandomBlock block = random.block(batch.keys[t.user].value(), static_cast<std::uint32_t>(t.position), n / 4);
      const std::uint64_t item = batch.num_users + (block[n % 4] * num_items >> 32U);
      loss += options.negative_weight / options.negatives_per_positive *
              (options.negative_base + options.negative_degree * beta(item)) * softplus(tests::dot(x, t.user, x, item));
    }
    for (const Weighted& neighbor : strongest(batch, t.positive, options.item_neighbors)) {
      loss += options.item_weight * neighbor.omega * softplus(-tests::dot(x, t.user, x, neighbor.item));
    }
  }
  for (const double value : x.values) loss += options.regularisation / 2 * value * value;
  return loss;
}

TEST(UltraGcn, GradientIsThatOfTheLossInDouble) {
  UltraGcnOptions options;
  options.dim = kDim;
  options.negatives_per_positive = 19;
  options.negative_weight = 3;
  options.positive_base = 0.3;
  options.negative_base = 0.2;
  options.item_neighbors = 4;
  options.item_weight = 0.7;
  options.regularisation = 0.05;
  for (const std::uint32_t neighbors : {0U, 4U, 20U}) {
    options.item_neighbors = neighbors;
    tests::expect_gradient_of([&](const BatchContext& context) { return make_ultragcn(context, options); }, kDim,
                              [&](const TwinBatch& batch, const Matrix& x) { return loss_of(batch, x, options); });
  }
}

TEST(UltraGcn, ItemsKeepThemselvesAsNeighbours) {
  // Every ω is positive, and the authors' code keeps the diagonal: with room for all, an item is in its own list.
  const graph::GraphBlocks whole = tests::random_bipartite(60, 80, 700, 3);
  const graph::DistributedGraph graph = tests::distribute(world(), whole, tests::Spread::kScattered);
  const ItemConstraint constraint(world(), graph, kRates, 80);
  const IndexRange owned = graph.owned_of_type(graph.schema().edge_type(kRates).destination);
  for (std::uint64_t item = 0; item < owned.size(); ++item) {
    const LocalVertexId local{static_cast<std::uint32_t>(owned.begin + item)};
    const std::uint64_t row = graph.index_map().stable_of(local).value() - 60;
    const auto neighbors = constraint.of(static_cast<std::uint32_t>(row));
    const bool has_self = std::ranges::any_of(neighbors, [&](const auto& n) { return n.item == row; });
    EXPECT_EQ(has_self, graph.by_destination(kRates).degree(item) > 0);
    for (std::size_t i = 1; i < neighbors.size(); ++i) EXPECT_GE(neighbors[i - 1].omega(), neighbors[i].omega());
  }
}

TEST(UltraGcn, SaysWhereItDiverged) {
  const graph::GraphBlocks whole = tests::random_bipartite(60, 80, 700, 3);
  const graph::DistributedGraph graph = tests::distribute(world(), whole, tests::Spread::kScattered);
  UltraGcnOptions options;
  options.dim = 20;
  options.batch_size = 64;
  options.negatives_per_positive = 30;
  options.learning_rate = 1e30;
  try {
    (void)train_ultragcn(world(), graph, kRates, options, {});
    FAIL() << "nothing was thrown";
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("epoch 1, step 2"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("user row"), std::string::npos) << error.what();
  }
}

TEST(UltraGcn, RefusesWhatMakesNoSense) {
  const graph::GraphBlocks whole = tests::random_bipartite(60, 80, 700, 3);
  const graph::DistributedGraph graph = tests::distribute(world(), whole, tests::Spread::kBlock);
  UltraGcnOptions options;
  options.negatives_per_positive = 0;
  EXPECT_THROW((void)train_ultragcn(world(), graph, kRates, options, {}), ConfigError);
  options = {};
  options.item_weight = -1;
  EXPECT_THROW((void)train_ultragcn(world(), graph, kRates, options, {}), ConfigError);
}

}  // namespace
}  // namespace rove::gnn
