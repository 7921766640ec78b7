// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "gnn/train_dccf.hpp"
#include "tests/gnn/batch_model_support.hpp"

namespace rove::gnn {
namespace {

using tests::Matrix;
using tests::TwinBatch;

constexpr std::uint32_t kDim = 5;
constexpr std::uint32_t kIntents = 7;

/// softmax(x W) Wᵀ of one row.
void see_through_intents(const Matrix& x, std::uint64_t row, const double* weights, Matrix& out) {
  const std::size_t stride = exec::padded_width(kIntents);
  double shares[kIntents] = {};
  double sum = 0;
  for (std::uint32_t k = 0; k < kIntents; ++k) {
    double logit = 0;
    for (std::uint32_t c = 0; c < kDim; ++c) logit += x(row, c) * weights[c * stride + k];
    sum += shares[k] = std::exp(logit);
  }
  for (std::uint32_t c = 0; c < kDim; ++c) {
    for (std::uint32_t k = 0; k < kIntents; ++k) out(row, c) += shares[k] / sum * weights[c * stride + k];
  }
}

Matrix averaged_by_likeness(const TwinBatch& batch, const Matrix& x, const Matrix& likeness) {
  Matrix y(x.rows, x.columns);
  for (std::uint64_t i = 0; i < x.rows; ++i) {
    double sum = 0;
    for (std::uint64_t j = 0; j < x.rows; ++j) {
      if (batch.adjacency(i, j) == 0) continue;
      const double weight = batch.adjacency(i, j) * (tests::cosine(likeness, i, likeness, j) + 1) / 2;
      sum += weight;
      for (std::uint64_t c = 0; c < x.columns; ++c) y(i, c) += weight * x(j, c);
    }
    for (std::uint64_t c = 0; c < x.columns && sum > 0; ++c) y(i, c) /= sum;
  }
  return y;
}

double dccf_loss(const TwinBatch& batch, const Matrix& x0, const std::vector<double>& weights,
                 const DccfOptions& options) {
  Matrix x = x0;
  Matrix h = x0;
  double loss = 0;
  for (std::uint32_t l = 0; l < options.layers; ++l) {
    const Matrix z = tests::product(batch.op, x);
    Matrix o(x.rows, x.columns);
    for (std::uint64_t v = 0; v < x.rows; ++v) {
      see_through_intents(x, v, weights.data() + (v < batch.num_users ? 0 : weights.size() / 2), o);
    }
    const Matrix y = averaged_by_likeness(batch, x, z);
    const Matrix w = averaged_by_likeness(batch, x, o);
    for (const Matrix* view : std::initializer_list<const Matrix*>{&o, &y, &w}) {
      for (const auto* rows : {&batch.users, &batch.positives}) {
        loss += options.contrast * tests::info_nce(*rows, z, *view, options.temperature);
      }
    }
    for (std::size_t i = 0; i < x.values.size(); ++i) {
      x.values[i] += z.values[i] + o.values[i] + y.values[i] + w.values[i];
      h.values[i] += x.values[i];
    }
  }
  for (const double weight : weights) loss += options.intent_decay * weight * weight;
  return loss + tests::bpr(batch, h);
}

TEST(Dccf, GradientIsThatOfTheLossInDouble) {
  for (const std::uint32_t layers : {1U, 2U}) {
    DccfOptions options;
    options.dim = kDim;
    options.layers = layers;
    options.intents = kIntents;
    options.contrast = 0.3;
    options.temperature = 0.5;
    options.intent_decay = 0.02;
    tests::expect_gradient_of([&](const BatchContext& context) { return make_dccf(context, options); }, kDim,
                              [&](const TwinBatch& batch, const Matrix& x, const std::vector<double>& weights) {
                                return dccf_loss(batch, x, weights, options);
                              });
  }
}

}  // namespace
}  // namespace rove::gnn
