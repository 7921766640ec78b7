// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include <Eigen/SVD>
#include <gtest/gtest.h>

#include "engine/base/error.hpp"
#include "gnn/table_contrast.hpp"
#include "gnn/train_lightgcl.hpp"
#include "tests/gnn/batch_model_support.hpp"

namespace rove::gnn {
namespace {

using tests::Matrix;
using tests::TwinBatch;
using tests::world;

constexpr std::uint32_t kDim = 6;
constexpr EdgeTypeId kRates{0};

/// The best approximation of this rank to the normalised interactions, in both directions.
Matrix low_rank(const TwinBatch& batch, std::uint32_t rank) {
  const std::uint64_t n = batch.num_vertices;
  Eigen::MatrixXd between(batch.num_users, n - batch.num_users);
  for (Eigen::Index u = 0; u < between.rows(); ++u) {
    for (Eigen::Index i = 0; i < between.cols(); ++i) {
      between(u, i) = batch.op(static_cast<std::uint64_t>(u), batch.num_users + static_cast<std::uint64_t>(i));
    }
  }
  const Eigen::JacobiSVD<Eigen::MatrixXd> svd(between, Eigen::ComputeThinU | Eigen::ComputeThinV);
  Matrix result(n, n);
  for (std::uint64_t u = 0; u < batch.num_users; ++u) {
    for (std::uint64_t i = batch.num_users; i < n; ++i) {
      for (Eigen::Index t = 0; t < rank; ++t) {
        result(u, i) += svd.matrixU()(static_cast<Eigen::Index>(u), t) * svd.singularValues()(t) *
                        svd.matrixV()(static_cast<Eigen::Index>(i - batch.num_users), t);
      }
      result(i, u) = result(u, i);
    }
  }
  return result;
}

void add(Matrix& to, const Matrix& what) {
  for (std::size_t i = 0; i < to.values.size(); ++i) to.values[i] += what.values[i];
}

/// How a batch's rows look from all rows of their type.
double table_contrast(const std::vector<std::uint64_t>& anchors, std::uint64_t begin, std::uint64_t end,
                      const Matrix& views, const Matrix& keys, double temperature) {
  double loss = 0;
  for (const std::uint64_t a : anchors) {
    double sum = 1e-8;
    for (std::uint64_t k = begin; k < end; ++k) sum += std::exp(tests::dot(views, a, keys, k) / temperature);
    loss += std::log(sum) - std::clamp(tests::dot(views, a, keys, a) / temperature, -5.0, 5.0);
  }
  return loss / static_cast<double>(anchors.size());
}

TEST(LightGcl, GradientIsThatOfTheLossInDouble) {
  // At the first temperature positives score beyond the clamp, at the last within it.
  for (const double temperature : {0.2, 1.0, 4.0}) {
    for (const std::uint32_t layers : {1U, 2U, 3U}) {
      LightGclOptions options;
      options.dim = kDim;
      options.layers = layers;
      options.rank = 3;
      options.temperature = temperature;
      options.regularisation = 0.01;
      tests::expect_gradient_of(
          [&](const BatchContext& context) { return make_lightgcl(context, options); }, kDim,
          [&](const TwinBatch& batch, const Matrix& x) {
            const Matrix view_operator = low_rank(batch, options.rank);
            Matrix state = x;
            Matrix all = x;
            Matrix views = x;
            for (std::uint32_t k = 0; k < layers; ++k) {
              add(views, tests::product(view_operator, state));
              state = tests::product(batch.op, state);
              add(all, state);
            }
            std::vector<std::uint64_t> users;
            std::vector<std::uint64_t> items;
            for (const TwinBatch::Rows& t : batch.triples) {
              users.push_back(t.user);
              items.push_back(t.positive);
              items.push_back(t.negative);
            }
            double loss = tests::bpr(batch, all);
            loss += options.contrast * table_contrast(users, 0, batch.num_users, views, all, temperature);
            loss +=
                options.contrast * table_contrast(items, batch.num_users, batch.num_vertices, views, all, temperature);
            for (const double value : x.values) loss += options.regularisation * value * value;
            return loss;
          });
    }
  }
}

struct Contrasted {
  double loss = 0;
  std::vector<float> at_anchors;  ///< by stable id of the users, zero where none
  std::vector<float> at_keys;
};

constexpr std::uint64_t kUsers = 2100;  // several parts of keys, the last one short

/// Every third user is an anchor, once to thrice.
Contrasted run_contrast(const comm::Communicator& comm, const graph::GraphBlocks& whole, tests::Spread spread,
                        double deviation) {
  const graph::DistributedGraph graph = tests::distribute(comm, whole, spread);
  const VertexTypeId users = graph.schema().edge_type(kRates).source;
  const IndexRange owned = graph.owned_of_type(users);
  EmbeddingTable keys(graph.num_owned(), kDim);
  EmbeddingTable views(graph.num_owned(), kDim);
  keys.initialise_normal(graph, 1, deviation);
  views.initialise_normal(graph, 2, deviation);
  const std::uint32_t width = keys.width();
  std::vector<std::uint32_t> rows;
  std::vector<float> counts;
  std::vector<float> anchors;
  for (std::uint64_t row = owned.begin; row < owned.end; ++row) {
    const LocalVertexId local{static_cast<std::uint32_t>(row)};
    const std::uint64_t user = graph.index_map().stable_of(local).value();
    if (user % 3 != 0) continue;
    rows.push_back(local.value());
    counts.push_back(static_cast<float>(1 + user / 3 % 3));
    const float* from = views.values().data() + row * width;
    anchors.insert(anchors.end(), from, from + width);
  }
  TableContrast contrast(graph, users, width);
  std::vector<float> at_anchors(anchors.size());
  std::vector<float> at_keys(keys.values().size());
  ExactSum loss;
  contrast.run(comm, {rows, counts, anchors.data(), 1400.0}, keys.values().data() + owned.begin * width, 0.2, 0.5,
               at_anchors.data(), at_keys.data() + owned.begin * width, loss);
  std::vector<float> spread_out(at_keys.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::copy_n(at_anchors.data() + i * width, width, spread_out.data() + std::size_t{rows[i]} * width);
  }
  return {comm.all_reduce(loss).value(), tests::in_stable_order<float>(comm, graph, spread_out, width),
          tests::in_stable_order<float>(comm, graph, at_keys, width)};
}

TEST(TableContrast, IsThatOfTheDefinitionAcrossParts) {
  const graph::GraphBlocks whole = tests::random_bipartite(kUsers, 30, 3000, 3);
  const comm::Communicator self = tests::alone(world());
  const graph::DistributedGraph graph = tests::distribute(self, whole, tests::Spread::kBlock);
  EmbeddingTable key_rows(graph.num_owned(), kDim);
  EmbeddingTable view_rows(graph.num_owned(), kDim);
  key_rows.initialise_normal(graph, 1, 0.7);
  view_rows.initialise_normal(graph, 2, 0.7);
  Matrix keys(kUsers, kDim);
  Matrix views(kUsers, kDim);
  for (std::uint64_t u = 0; u < kUsers; ++u) {
    for (std::uint32_t c = 0; c < kDim; ++c) {
      keys(u, c) = static_cast<double>(key_rows.row(static_cast<std::uint32_t>(u))[c]);
      views(u, c) = static_cast<double>(view_rows.row(static_cast<std::uint32_t>(u))[c]);
    }
  }
  const double weight = 0.5 / 1400.0;
  double loss = 0;
  Matrix at_anchors(kUsers, kDim);
  Matrix at_keys(kUsers, kDim);
  for (std::uint64_t a = 0; a < kUsers; a += 3) {
    const auto count = static_cast<double>(1 + a / 3 % 3);
    std::vector<double> weights(kUsers);
    double sum = 1e-8;
    for (std::uint64_t k = 0; k < kUsers; ++k) sum += weights[k] = std::exp(tests::dot(views, a, keys, k) / 0.2);
    const double logit = tests::dot(views, a, keys, a) / 0.2;
    loss += weight * count * (std::log(sum) - std::clamp(logit, -5.0, 5.0));
    for (std::uint64_t k = 0; k < kUsers; ++k) {
      double share = weights[k] / sum;
      if (k == a && std::abs(logit) < 5) share -= 1;
      for (std::uint32_t c = 0; c < kDim; ++c) {
        at_anchors(a, c) += weight * count / 0.2 * share * keys(k, c);
        at_keys(k, c) += weight * count / 0.2 * share * views(a, c);
      }
    }
  }
  const Contrasted expected = run_contrast(self, whole, tests::Spread::kBlock, 0.7);
  EXPECT_NEAR(expected.loss, loss, 1e-5 * std::abs(loss));
  const std::uint32_t width = key_rows.width();
  for (std::uint64_t i = 0; i < kUsers * kDim; ++i) {
    const std::uint64_t at = i / kDim * width + i % kDim;
    EXPECT_NEAR(expected.at_anchors[at], at_anchors.values[i], 1e-7 + 1e-4 * std::abs(at_anchors.values[i]));
    EXPECT_NEAR(expected.at_keys[at], at_keys.values[i], 1e-7 + 1e-4 * std::abs(at_keys.values[i]));
  }
  for (const tests::Spread spread : tests::kSpreads) {
    const Contrasted found = run_contrast(world(), whole, spread, 0.7);
    EXPECT_EQ(found.loss, expected.loss) << name_of(spread);
    EXPECT_TRUE(tests::same_bytes(found.at_anchors, expected.at_anchors)) << name_of(spread);
    EXPECT_TRUE(tests::same_bytes(found.at_keys, expected.at_keys)) << name_of(spread);
  }
}

TEST(TableContrast, TakesLogitsOfAnySize) {
  const graph::GraphBlocks whole = tests::random_bipartite(kUsers, 30, 3000, 3);
  const Contrasted found = run_contrast(world(), whole, tests::Spread::kScattered, 8.0);  // logits of a thousand
  EXPECT_TRUE(std::isfinite(found.loss));
  EXPECT_GT(found.loss, 100.0);
  for (const std::vector<float>* values : {&found.at_anchors, &found.at_keys}) {
    EXPECT_TRUE(std::ranges::all_of(*values, [](float value) { return std::isfinite(value); }));
  }
}

TEST(LightGcl, SaysWhereItDiverged) {
  const graph::GraphBlocks whole = tests::random_bipartite(60, 80, 700, 3);
  const graph::DistributedGraph graph = tests::distribute(world(), whole, tests::Spread::kScattered);
  LightGclOptions options;
  options.dim = 20;
  options.batch_size = 64;
  options.learning_rate = 1e30;
  try {
    (void)train_lightgcl(world(), graph, kRates, options, {});
    FAIL() << "nothing was thrown";
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("epoch 1, step 2"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("user row"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace rove::gnn
