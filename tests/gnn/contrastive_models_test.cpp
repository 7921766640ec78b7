// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "engine/base/error.hpp"
#include "engine/base/hash.hpp"
#include "engine/base/random.hpp"
#include "gnn/train_sgl.hpp"
#include "gnn/train_simgcl.hpp"
#include "gnn/train_xsimgcl.hpp"
#include "tests/gnn/batch_model_support.hpp"

namespace rove::gnn {
namespace {

using tests::Matrix;
using tests::TwinBatch;

constexpr std::uint64_t kSeed = 42;
constexpr std::uint32_t kDim = 6;

/// Layers 1 ... of one pass with noise of this length; its first step.
std::vector<Matrix> noisy_layers(const TwinBatch& batch, const Matrix& x, std::uint32_t layers, double strength,
                                 std::uint32_t view) {
  const RandomStream random(kSeed, Purpose::kNoise, std::uint64_t{1} << 32U);
  std::vector<Matrix> result;
  Matrix state = x;
  for (std::uint32_t k = 1; k <= layers; ++k) {
    state = tests::product(batch.op, state);
    for (std::uint64_t v = 0; v < batch.num_vertices; ++v) {
      const RandomBlock block = random.block(batch.keys[v].value(), 0, view << 16U | k);
      double r[kDim];
      double squares = 0;
      for (std::uint32_t c = 0; c < kDim; ++c) {
        r[c] = ((block[c / 4] >> (8 * (c % 4)) & 0xFFU) + 0.5) / 256;
        squares += r[c] * r[c];
      }
      for (std::uint32_t c = 0; c < kDim; ++c) {
        const double sign = state(v, c) > 0 ? 1 : state(v, c) < 0 ? -1 : 0;
        state(v, c) += strength * sign * r[c] / std::sqrt(squares);
      }
    }
    result.push_back(state);
  }
  return result;
}

Matrix mean(const std::vector<Matrix>& layers) {
  Matrix h = layers[0];
  for (std::size_t k = 1; k < layers.size(); ++k) {
    for (std::size_t i = 0; i < h.values.size(); ++i) h.values[i] += layers[k].values[i];
  }
  for (double& value : h.values) value /= static_cast<double>(layers.size());
  return h;
}

TEST(XSimGcl, GradientIsThatOfTheLossInDouble) {
  for (const std::uint32_t layers : {1U, 2U, 3U}) {
    for (std::uint32_t contrasted = 1; contrasted <= layers; ++contrasted) {
      ContrastOptions options;
      options.dim = kDim;
      options.layers = layers;
      options.contrast_layer = contrasted;
      tests::expect_gradient_of([&](const BatchContext& context) { return make_xsimgcl(context, options); }, kDim,
                                [&](const TwinBatch& batch, const Matrix& x) {
                                  const std::vector<Matrix> states = noisy_layers(batch, x, layers, options.noise, 0);
                                  const Matrix h = mean(states);
                                  const Matrix& key = states[contrasted - 1];
                                  return tests::bpr(batch, h) +
                                         options.contrast *
                                             (tests::info_nce(batch.users, h, key, options.temperature) +
                                              tests::info_nce(batch.positives, h, key, options.temperature));
                                });
    }
  }
}

TEST(SimGcl, GradientIsThatOfTheLossInDouble) {
  for (const std::uint32_t layers : {1U, 2U, 3U}) {
    SimGclOptions options;
    options.dim = kDim;
    options.layers = layers;
    tests::expect_gradient_of([&](const BatchContext& context) { return make_simgcl(context, options); }, kDim,
                              [&](const TwinBatch& batch, const Matrix& x) {
                                const Matrix h = mean(noisy_layers(batch, x, layers, 0, 0));
                                const Matrix a = mean(noisy_layers(batch, x, layers, options.noise, 0));
                                const Matrix b = mean(noisy_layers(batch, x, layers, options.noise, 1));
                                return tests::bpr(batch, h) +
                                       options.contrast * (tests::info_nce(batch.users, a, b, options.temperature) +
                                                           tests::info_nce(batch.positives, a, b, options.temperature));
                              });
  }
}

/// D^-1/2 A D^-1/2 of the first epoch's view.
Matrix view_operator(const TwinBatch& batch, std::uint32_t view, double drop) {
  const RandomStream random(kSeed, Purpose::kEdgeSample, 2U | view);
  const std::uint64_t n = batch.num_vertices;
  Matrix kept = batch.adjacency;
  std::vector<double> degrees(n);
  for (std::uint64_t u = 0; u < batch.num_users; ++u) {
    for (std::uint64_t i = batch.num_users; i < n; ++i) {
      const std::uint64_t edge = mix64(batch.keys[u].value(), batch.keys[i].value());
      if (to_unit(random.draw(edge, 0, 0)) < drop) kept(u, i) = kept(i, u) = 0;
      degrees[u] += kept(u, i);
      degrees[i] += kept(u, i);
    }
  }
  for (std::uint64_t k = 0; k < n * n; ++k) {
    if (kept.values[k] > 0) kept.values[k] /= std::sqrt(degrees[k / n] * degrees[k % n]);
  }
  return kept;
}

TEST(Sgl, GradientIsThatOfTheLossInDouble) {
  for (const std::uint32_t layers : {1U, 2U, 3U}) {
    SglOptions options;
    options.dim = kDim;
    options.layers = layers;
    options.drop = 0.3;
    tests::expect_gradient_of([&](const BatchContext& context) { return make_sgl(context, options); }, kDim,
                              [&](const TwinBatch& batch, const Matrix& x) {
                                const auto propagate = [&](const Matrix& op) {
                                  std::vector<Matrix> states{x};
                                  for (std::uint32_t k = 0; k < layers; ++k)
                                    states.push_back(tests::product(op, states.back()));
                                  return mean(states);
                                };
                                const Matrix a = propagate(view_operator(batch, 0, options.drop));
                                const Matrix b = propagate(view_operator(batch, 1, options.drop));
                                return tests::bpr(batch, propagate(batch.op)) +
                                       options.contrast * (tests::info_nce(batch.users, a, b, options.temperature) +
                                                           tests::info_nce(batch.positives, a, b, options.temperature));
                              });
  }
}

TEST(ContrastiveModels, RefuseOnlyWhatTheyRead) {
  const graph::DistributedGraph graph =
      tests::distribute(tests::world(), tests::random_bipartite(20, 15, 60, 9), tests::Spread::kBlock);
  const auto small = [](auto options) {
    options.dim = kDim;
    options.epochs = 1;
    options.batch_size = 30;
    options.contrast_layer = options.layers + 1;
    return options;
  };
  const EdgeTypeId type{0};
  EXPECT_THROW((void)train_xsimgcl(tests::world(), graph, type, small(ContrastOptions()), {}), ConfigError);
  EXPECT_NO_THROW((void)train_simgcl(tests::world(), graph, type, small(SimGclOptions()), {}));
  EXPECT_NO_THROW((void)train_sgl(tests::world(), graph, type, small(SglOptions()), {}));
  SimGclOptions noisy = small(SimGclOptions());
  noisy.dim = 1040;
  EXPECT_THROW((void)train_simgcl(tests::world(), graph, type, noisy, {}), ConfigError);
  SglOptions wide = small(SglOptions());
  wide.dim = 1040;
  EXPECT_NO_THROW((void)train_sgl(tests::world(), graph, type, wide, {}));
}

}  // namespace
}  // namespace rove::gnn
