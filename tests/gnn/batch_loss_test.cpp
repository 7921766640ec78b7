// SPDX-License-Identifier: Apache-2.0
#include "gnn/batch_loss.hpp"

#include <gtest/gtest.h>

#include "engine/base/hash.hpp"
#include "engine/base/random.hpp"
#include "gnn/train_lightgcn.hpp"
#include "tests/gnn/batch_model_support.hpp"

namespace rove::gnn {
namespace {

using tests::Matrix;
using tests::TwinBatch;

constexpr std::uint32_t kDim = 6;
constexpr std::uint32_t kLayers = 2;

TrainOptions options_with(LossKind kind) {
  TrainOptions options;
  options.sampler = SamplerKind::kEdgeUniform;
  options.dim = kDim;
  options.layers = kLayers;
  options.batch_size = 24;
  options.loss.kind = kind;
  return options;
}

Matrix final_rows(const TwinBatch& batch, const Matrix& x) {
  Matrix h = x;
  Matrix layer = x;
  for (std::uint32_t k = 0; k < kLayers; ++k) {
    layer = tests::product(batch.op, layer);
    for (std::size_t i = 0; i < h.values.size(); ++i) h.values[i] += layer.values[i];
  }
  for (double& value : h.values) value /= kLayers + 1;
  return h;
}

void expect_gradient(const TrainOptions& options, const std::function<double(const TwinBatch&, const Matrix&)>& loss) {
  tests::expect_gradient_of([&](const BatchContext& context) { return make_lightgcn(context, options); }, kDim,
                            [&](const TwinBatch& batch, const Matrix& x) { return loss(batch, final_rows(batch, x)); });
}

TEST(BatchLoss, BprIsThatOfTheDefinition) {
  expect_gradient(options_with(LossKind::kBpr), tests::bpr);
}

TEST(BatchLoss, SoftmaxIsThatOfTheDefinition) {
  struct Case {
    double correction;
    double positive_temperature;  // 0: that of all
  };
  for (const auto& [correction, positive_temperature] :
       {Case{0.0, 0.0}, Case{0.5, 0.0}, Case{1.0, 0.0}, Case{0.0, 0.15}}) {
    TrainOptions options = options_with(LossKind::kSoftmax);
    options.loss.temperature = 0.2;
    options.loss.correction = correction;
    options.loss.positive_temperature = positive_temperature;
    const double pulling = positive_temperature > 0 ? positive_temperature : 0.2;
    expect_gradient(options, [&](const TwinBatch& batch, const Matrix& h) {
      double loss = 0;
      for (const TwinBatch::Rows& t : batch.triples) {
        double sum = 0;
        for (const std::uint64_t j : batch.positives) {
          const double absent = std::pow(1.0 - batch.degrees[j] / batch.num_interactions, 24.0);
          sum += std::pow(1.0 - absent, -correction) * std::exp(tests::cosine(h, t.user, h, j) / 0.2);
        }
        loss += (1 - tests::cosine(h, t.user, h, t.positive)) / pulling + std::log(sum) - 1 / 0.2;
      }
      return loss / static_cast<double>(batch.triples.size());
    });
  }
}

TEST(BatchLoss, CorrectionFollowsTheSampler) {
  for (const SamplerKind sampler : {SamplerKind::kUserStratified, SamplerKind::kUserUniform}) {
    TrainOptions options = options_with(LossKind::kSoftmax);
    options.sampler = sampler;
    options.loss.temperature = 0.2;
    expect_gradient(options, [&](const TwinBatch& batch, const Matrix& h) {
      // Every user with an item is drawn equally often here, then any of its interactions.
      double drawn = 0;
      for (std::uint64_t user = 0; user < batch.num_users; ++user) drawn += batch.degrees[user] > 0 ? 1.0 : 0.0;
      double loss = 0;
      for (const TwinBatch::Rows& t : batch.triples) {
        double sum = 0;
        for (const std::uint64_t j : batch.positives) {
          double share = 0;
          for (std::uint64_t user = 0; user < batch.num_users; ++user) {
            if (batch.degrees[user] > 0) share += batch.adjacency(user, j) / batch.degrees[user] / drawn;
          }
          sum += std::exp(tests::cosine(h, t.user, h, j) / 0.2) / (1.0 - std::pow(1.0 - share, 24.0));
        }
        loss += (1 - tests::cosine(h, t.user, h, t.positive)) / 0.2 + std::log(sum) - 1 / 0.2;
      }
      return loss / static_cast<double>(batch.triples.size());
    });
  }
}

TEST(BatchLoss, AlignmentIsThatOfTheDefinition) {
  TrainOptions options = options_with(LossKind::kAlignment);
  options.loss.uniformity = 0.7;
  expect_gradient(options, [&](const TwinBatch& batch, const Matrix& h) {
    const auto uniformity = [&](const std::vector<std::uint64_t>& rows) {
      double sum = 0;
      for (const std::uint64_t i : rows) {
        for (const std::uint64_t j : rows) sum += i == j ? 0.0 : std::exp(-2 * (2 - 2 * tests::cosine(h, i, h, j)));
      }
      const auto n = static_cast<double>(rows.size());
      return std::log(sum / (n * (n - 1)));
    };
    double alignment = 0;
    for (const TwinBatch::Rows& t : batch.triples) alignment += 2 - 2 * tests::cosine(h, t.user, h, t.positive);
    return alignment / static_cast<double>(batch.triples.size()) +
           0.7 / 2 * (uniformity(batch.users) + uniformity(batch.positives));
  });
}

TEST(BatchLoss, DynamicNegativesAreTheBestOfTheirCandidates) {
  for (const std::uint32_t candidates : {1U, 4U}) {
    TrainOptions options = options_with(LossKind::kBpr);
    options.negatives = NegativeKind::kDynamic;
    options.candidates = candidates;
    expect_gradient(options, [&](const TwinBatch& batch, const Matrix& h) {
      const RandomStream random(options.seed, Purpose::kNegative, mix64(~std::uint64_t{1}, ~std::uint64_t{0}));
      double loss = 0;
      for (const TwinBatch::Rows& t : batch.triples) {
        double best = -1e300;
        for (std::uint32_t k = 0; k < candidates; ++k) {
          for (std::uint32_t attempt = 0; attempt < 32; ++attempt) {
            const std::uint64_t draw =
                random.draw(batch.keys[t.user].value(), static_cast<std::uint32_t>(t.position), k << 16U | attempt);
            const std::uint64_t item = batch.shared[slot_multiply_shift(draw, batch.shared.size())];
            if (batch.adjacency(t.user, item) > 0) continue;
            best = std::max(best, tests::dot(h, t.user, h, item));
            break;
          }
        }
        loss += std::log1p(std::exp(best - tests::dot(h, t.user, h, t.positive)));
      }
      return loss / static_cast<double>(batch.triples.size());
    });
  }
}

TEST(BatchLoss, CosineContrastiveIsThatOfTheDefinition) {
  for (const double margin : {-0.5, 0.0, 0.4}) {
    TrainOptions options = options_with(LossKind::kCosineContrastive);
    options.loss.margin = margin;
    options.loss.negative_weight = 3;
    expect_gradient(options, [&](const TwinBatch& batch, const Matrix& h) {
      return tests::cosine_contrastive(batch, h, margin, 3);
    });
  }
}

}  // namespace
}  // namespace rove::gnn
