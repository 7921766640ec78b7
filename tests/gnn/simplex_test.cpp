// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "engine/base/random.hpp"
#include "gnn/gram_matrix.hpp"
#include "gnn/train_simplex.hpp"
#include "tests/gnn/batch_model_support.hpp"

namespace rove::gnn {
namespace {

using tests::Matrix;
using tests::TwinBatch;

constexpr std::uint32_t kDim = 6;

TEST(SimpleX, GradientIsThatOfTheLossInDouble) {
  for (const double own : {0.3, 0.8, 1.0}) {
    SimpleXOptions options;
    options.dim = kDim;
    options.own_share = own;
    options.loss.margin = 0.1;
    options.loss.negative_weight = 3;
    tests::expect_gradient_of([&](const BatchContext& context) { return make_simplex(context, options); }, kDim,
                              [&](const TwinBatch& batch, const Matrix& x, const std::vector<double>& weights) {
                                const std::size_t width = exec::padded_width(kDim);
                                Matrix h = x;
                                for (std::uint64_t u = 0; u < batch.num_users; ++u) {
                                  double mean[kDim] = {};
                                  for (std::uint64_t i = batch.num_users; i < batch.num_vertices; ++i) {
                                    for (std::uint32_t c = 0; c < kDim; ++c)
                                      mean[c] += batch.adjacency(u, i) * x(i, c) / batch.degrees[u];
                                  }
                                  for (std::uint32_t c = 0; c < kDim; ++c) {
                                    double mapped = 0;
                                    for (std::uint32_t k = 0; k < kDim; ++k) mapped += mean[k] * weights[k * width + c];
                                    h(u, c) = own * x(u, c) + (1 - own) * mapped;
                                  }
                                }
                                return tests::cosine_contrastive(batch, h, 0.1, 3);
                              });
  }
}

TEST(SimpleX, IsScoredByCosine) {
  const graph::GraphBlocks whole = tests::random_bipartite(20, 30, 150, 5);
  const graph::DistributedGraph graph = tests::distribute(tests::world(), whole, tests::Spread::kScattered);
  SimpleXOptions options;
  options.dim = kDim;
  options.epochs = 1;
  options.shared_negatives = 8;
  const TrainResult result = train_simplex(tests::world(), graph, EdgeTypeId{0}, options, {});
  for (std::uint32_t row = 0; row < graph.num_owned(); ++row) {
    double squares = 0;
    for (const float value : result.embeddings.row(row)) squares += static_cast<double>(value) * value;
    EXPECT_NEAR(squares, 1.0, 1e-6) << row;
  }
}

TEST(CrossGram, IsThatOfTheRowsOnAnyRanks) {
  // Each rank has a share of 700 pairs of rows.
  constexpr std::uint32_t kLeft = 16;
  constexpr std::uint32_t kRight = 32;
  constexpr std::uint64_t kRows = 700;
  const RandomStream random(1, Purpose::kGenerate);
  std::vector<float> left(kRows * kLeft);
  std::vector<float> right(kRows * kRight);
  for (std::size_t i = 0; i < left.size(); ++i) left[i] = static_cast<float>(to_unit(random.draw(i, 0, 0)) - 0.5);
  for (std::size_t i = 0; i < right.size(); ++i) right[i] = static_cast<float>(to_unit(random.draw(i, 1, 0)) * 1e-4);
  const comm::Communicator& comm = tests::world();
  const auto ranks = static_cast<std::uint64_t>(comm.size());
  const std::uint64_t begin = kRows * comm.rank().index() / ranks;
  const std::uint64_t end = kRows * (comm.rank().index() + 1) / ranks;
  const std::vector<float> sums =
      cross_gram(comm, std::span<const float>(left).subspan(begin * kLeft, (end - begin) * kLeft), kLeft,
                 std::span<const float>(right).subspan(begin * kRight, (end - begin) * kRight), kRight);
  EXPECT_TRUE(tests::same_bytes(sums, cross_gram(tests::alone(comm), left, kLeft, right, kRight)));
  for (std::uint32_t i = 0; i < kLeft; ++i) {
    for (std::uint32_t j = 0; j < kRight; ++j) {
      double expected = 0;
      for (std::uint64_t r = 0; r < kRows; ++r) {
        expected += static_cast<double>(left[r * kLeft + i]) * static_cast<double>(right[r * kRight + j]);
      }
      // Both sides are rounded to 2^-22 of a bound of at most twice their largest entry.
      EXPECT_NEAR(sums[i * kRight + j], expected, kRows * 0.5 * 1e-4 * 2e-6);
    }
  }
}

}  // namespace
}  // namespace rove::gnn
