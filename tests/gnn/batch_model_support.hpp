// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "gnn/batch_training.hpp"
#include "tests/gnn/training_support.hpp"
#include "tests/support/mpi.hpp"

/// Dense double arithmetic that knows models by their definitions only, and a harness that compares a model's loss and
/// gradient on one batch with it.
namespace rove::tests {

/// Row-major, double.
struct Matrix {
  std::uint64_t rows = 0;
  std::uint64_t columns = 0;
  std::vector<double> values;

  Matrix(std::uint64_t r, std::uint64_t c) : rows(r), columns(c), values(r * c) {}
  double& operator()(std::uint64_t r, std::uint64_t c) { return values[r * columns + c]; }
  double operator()(std::uint64_t r, std::uint64_t c) const { return values[r * columns + c]; }
};

[[nodiscard]] inline Matrix product(const Matrix& a, const Matrix& b) {
  Matrix result(a.rows, b.columns);
  for (std::uint64_t i = 0; i < a.rows; ++i) {
    for (std::uint64_t k = 0; k < a.columns; ++k) {
      for (std::uint64_t j = 0; j < b.columns; ++j) result(i, j) += a(i, k) * b(k, j);
    }
  }
  return result;
}

[[nodiscard]] inline double dot(const Matrix& a, std::uint64_t i, const Matrix& b, std::uint64_t j) {
  double sum = 0;
  for (std::uint64_t c = 0; c < a.columns; ++c) sum += a(i, c) * b(j, c);
  return sum;
}
[[nodiscard]] inline double cosine(const Matrix& a, std::uint64_t i, const Matrix& b, std::uint64_t j) {
  return dot(a, i, b, j) / std::sqrt(dot(a, i, a, i) * dot(b, j, b, j));
}

/// One batch as the twin sees it: rows are stable ids.
struct TwinBatch {
  struct Rows {
    std::uint64_t user, positive, negative, position;
  };
  std::uint64_t num_users = 0;
  std::uint64_t num_vertices = 0;
  std::vector<Rows> triples;
  std::vector<std::uint64_t> users;      ///< distinct
  std::vector<std::uint64_t> positives;  ///< distinct
  std::vector<std::uint64_t> shared;     ///< negatives of all triples
  Matrix op{0, 0};                       ///< D^-1/2 A D^-1/2
  Matrix adjacency{0, 0};                ///< with multiplicities
  std::vector<double> degrees;
  double num_interactions = 0;
  std::vector<VertexKey> keys;  ///< by stable id
};

[[nodiscard]] inline double bpr(const TwinBatch& batch, const Matrix& h) {
  double loss = 0;
  for (const TwinBatch::Rows& t : batch.triples) {
    loss += std::log1p(std::exp(dot(h, t.user, h, t.negative) - dot(h, t.user, h, t.positive)));
  }
  return loss / static_cast<double>(batch.triples.size());
}

[[nodiscard]] inline double info_nce(const std::vector<std::uint64_t>& rows, const Matrix& a, const Matrix& b,
                                     double temperature) {
  double loss = 0;
  for (const std::uint64_t i : rows) {
    double sum = 0;
    for (const std::uint64_t j : rows) sum += std::exp(cosine(a, i, b, j) / temperature);
    loss += std::log(sum) - cosine(a, i, b, i) / temperature;
  }
  return loss / static_cast<double>(rows.size());
}

[[nodiscard]] inline double cosine_contrastive(const TwinBatch& batch, const Matrix& h, double margin, double weight) {
  double loss = 0;
  for (const TwinBatch::Rows& t : batch.triples) {
    double excess = 0;
    double lacking = 0;
    for (const std::uint64_t j : batch.shared) {
      if (batch.adjacency(t.user, j) > 0) continue;
      lacking += 1;
      excess += std::max(0.0, cosine(h, t.user, h, j) - margin);
    }
    loss += 1 - cosine(h, t.user, h, t.positive) + (lacking > 0 ? weight * excess / lacking : 0);
  }
  return loss / static_cast<double>(batch.triples.size());
}

/// **Collective.** Compares a model on one batch of a small graph with `twin`, which gives the loss without decay at a
/// table, by central differences in double.
inline void expect_gradient_of(
    const std::function<std::unique_ptr<gnn::BatchModel>(const gnn::BatchContext&)>& make, std::uint32_t dim,
    const std::function<double(const TwinBatch&, const Matrix&, const std::vector<double>& weights)>& weighted_twin) {
  using namespace gnn;
  constexpr EdgeTypeId kRates{0};
  const graph::GraphBlocks whole = random_bipartite(9, 11, 45, 5);
  TwinBatch batch;
  batch.num_users = 9;
  batch.num_vertices = 20;
  const std::uint64_t n = batch.num_vertices;
  const graph::DistributedGraph graph = distribute(world(), whole, Spread::kScattered);
  const Interactions interactions(graph, kRates);
  const TripleSampler sampler(world(), interactions, SamplerKind::kEdgeUniform, 1);
  const std::vector<Triple> mine = sampler.sample(world(), 1);
  const SharedNegatives shared(interactions, 7, 3);
  const EpochBatches batches(world(), interactions, mine, sampler.num_triples(), 24, &shared, 1);
  const Batch engine_batch = batches.make(0);

  std::vector<TwinBatch::Rows> local;
  for (const Triple& t : mine) {
    if (t.position >= 24) continue;
    local.push_back({graph.index_map().stable_of(t.user).value(), batch.num_users + t.positive,
                     batch.num_users + t.negative, t.position});
  }
  batch.triples = world().all_gather_v(std::span<const TwinBatch::Rows>(local)).data;
  ASSERT_EQ(batch.triples.size(), 24U);
  const auto distinct = [&](auto member) {
    std::vector<std::uint64_t> rows;
    for (const TwinBatch::Rows& t : batch.triples) rows.push_back(t.*member);
    std::ranges::sort(rows);
    rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
    return rows;
  };
  batch.users = distinct(&TwinBatch::Rows::user);
  batch.positives = distinct(&TwinBatch::Rows::positive);
  for (const std::uint32_t item : shared.draw(1, 0)) batch.shared.push_back(batch.num_users + item);
  ASSERT_EQ(batch.shared.size(), 7U);
  batch.keys = in_stable_order<VertexKey>(world(), graph, graph.owned_keys());

  Matrix adjacency(n, n);
  std::vector<double> degree(n);
  const graph::AdjacencyBlock& block = whole.edges[0].by_source;
  for (std::uint64_t u = 0; u < batch.num_users; ++u) {
    for (std::uint64_t i = block.offsets[u]; i < block.offsets[u + 1]; ++i) {
      const std::uint64_t v = batch.num_users + block.targets[i];
      adjacency(u, v) += 1;
      adjacency(v, u) += 1;
      degree[u] += 1;
      degree[v] += 1;
    }
  }
  batch.op = adjacency;
  batch.adjacency = adjacency;
  batch.degrees = degree;
  batch.num_interactions = static_cast<double>(block.targets.size());
  for (std::uint64_t i = 0; i < n * n; ++i) {
    if (adjacency.values[i] > 0) batch.op.values[i] /= std::sqrt(degree[i / n] * degree[i % n]);
  }

  EmbeddingTable table(graph.num_owned(), dim);
  table.initialise_normal(graph, 4, 0.5);
  const std::uint32_t width = table.width();
  const std::vector<float> start = whole_table(world(), graph, table);
  Matrix x(n, dim);
  for (std::uint64_t i = 0; i < n * dim; ++i) x.values[i] = static_cast<double>(start[i / dim * width + i % dim]);

  const std::unique_ptr<BatchModel> model = make({world(), graph, interactions, width});
  model->begin_epoch(1);
  model->refresh(table);
  std::vector<double> weights;
  if (model->weights() != nullptr) weights.assign(model->weights()->values().begin(), model->weights()->values().end());
  const auto twin = [&](const TwinBatch& b, const Matrix& at) { return weighted_twin(b, at, weights); };
  LossSums sums;
  ExactSum extra;
  const BatchGradients gradients = model->losses({table, engine_batch, 1, 0, true, sums, extra});
  std::vector<float> total(std::size_t{graph.num_owned()} * width);
  std::vector<std::uint8_t> seen(graph.num_owned());
  model->backward([&](std::span<const std::uint32_t> rows, const float* results) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const std::uint32_t place = gradients.batch_index[rows[i]];
      ++seen[rows[i]];
      for (std::uint32_t c = 0; c < width; ++c) {
        float g = results == nullptr ? 0.0F : results[i * width + c];
        if (place > 0) g += gradients.factor * gradients.at_active[(place - 1) * std::size_t{width} + c];
        total[rows[i] * std::size_t{width} + c] = g;
      }
    }
  });
  for (const std::uint8_t times : seen) EXPECT_EQ(times, 1);
  const double loss = world().all_reduce(sums.full_bpr).value() / 24.0 + world().all_reduce(extra).value();
  EXPECT_NEAR(loss, twin(batch, x), 2e-5 * (1.0 + std::abs(loss)));
  const std::vector<float> engine = in_stable_order<float>(world(), graph, total, width);
  double largest = 0;
  for (std::uint64_t i = 0; i < x.values.size(); ++i) {
    constexpr double kStep = 1e-6;
    Matrix up = x;
    Matrix down = x;
    up.values[i] += kStep;
    down.values[i] -= kStep;
    const double expected = (twin(batch, up) - twin(batch, down)) / (2 * kStep);
    largest = std::max(largest, std::abs(expected));
    EXPECT_NEAR(engine[i / dim * width + i % dim], expected, 5e-6 + 1e-4 * std::abs(expected)) << "entry " << i;
  }
  EXPECT_GT(largest, 1e-3);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    constexpr double kStep = 1e-6;
    if (weights[i] == 0.0) {  // padding
      EXPECT_EQ(model->weights()->gradients()[i], 0.0F);
      continue;
    }
    std::vector<double> at = weights;
    at[i] += kStep;
    const double up = weighted_twin(batch, x, at);
    at[i] -= 2 * kStep;
    const double expected = (up - weighted_twin(batch, x, at)) / (2 * kStep);
    EXPECT_NEAR(model->weights()->gradients()[i], expected, 5e-6 + 1e-4 * std::abs(expected)) << "weight " << i;
  }
}

/// The same of a model without dense weights.
inline void expect_gradient_of(const std::function<std::unique_ptr<gnn::BatchModel>(const gnn::BatchContext&)>& make,
                               std::uint32_t dim, const std::function<double(const TwinBatch&, const Matrix&)>& twin) {
  expect_gradient_of(
      make, dim, [&](const TwinBatch& batch, const Matrix& x, const std::vector<double>&) { return twin(batch, x); });
}

}  // namespace rove::tests
