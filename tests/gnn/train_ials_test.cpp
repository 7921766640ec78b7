// SPDX-License-Identifier: Apache-2.0
#include "gnn/train_ials.hpp"

#include <cmath>
#include <numeric>

#include <gtest/gtest.h>

#include "engine/base/error.hpp"
#include "engine/base/hash.hpp"
#include "engine/base/stop.hpp"
#include "gnn/gram_matrix.hpp"
#include "gnn/models.hpp"
#include "tests/engine/exec/memory_checkpoint.hpp"
#include "tests/gnn/training_support.hpp"
#include "tests/support/mpi.hpp"

namespace rove::gnn {
namespace {

using tests::same_bytes;
using tests::world;

constexpr EdgeTypeId kRates{0};

struct Trained {
  std::vector<float> factors;  ///< in stable order
  std::vector<double> losses;
  friend bool operator==(const Trained& a, const Trained& b) {
    return same_bytes(a.factors, b.factors) && a.losses == b.losses;
  }
};

Trained train(const comm::Communicator& comm, const graph::GraphBlocks& whole, tests::Spread spread,
              const IalsOptions& options, const TrainHooks& hooks = {}) {
  const graph::DistributedGraph graph = tests::distribute(comm, whole, spread);
  const TrainResult result = train_ials(comm, graph, kRates, options, hooks);
  Trained trained{tests::whole_table(comm, graph, result.embeddings), {}};
  EXPECT_TRUE(same_bytes(result.embeddings.values(), result.parameters.values()));
  for (const EpochRecord& record : result.history) trained.losses.push_back(record.loss);
  return trained;
}

IalsOptions small_options() {
  IalsOptions options;
  options.dim = 20;
  options.epochs = 3;
  options.alpha = 10;
  options.regularisation = 0.5;
  return options;
}

/// The definition in double on dense matrices: c and p of every pair, normal equations, Gaussian elimination.
class Twin {
 public:
  Twin(const graph::GraphBlocks& whole, std::vector<double> start, std::uint64_t dim, const IalsOptions& options)
      : x_(std::move(start)), dim_(dim), options_(options) {
    users_ = whole.schema.vertex_type(VertexTypeId{0}).count;
    items_ = whole.schema.vertex_type(VertexTypeId{1}).count;
    confidence_.assign(users_ * items_, 1.0);
    const graph::AdjacencyBlock& block = whole.edges[0].by_source;
    for (std::uint64_t u = 0; u < users_; ++u) {
      for (std::uint64_t i = block.offsets[u]; i < block.offsets[u + 1]; ++i) {
        confidence_[u * items_ + block.targets[i]] += options.alpha;
        ++interactions_;
      }
    }
  }

  void run_epoch() {
    for (std::uint64_t u = 0; u < users_; ++u) {
      solve(u, users_, items_, [&](std::uint64_t i) { return confidence_[u * items_ + i]; });
    }
    for (std::uint64_t i = 0; i < items_; ++i) {
      solve(users_ + i, 0, users_, [&](std::uint64_t u) { return confidence_[u * items_ + i]; });
    }
  }

  [[nodiscard]] double loss() const {
    double sum = 0;
    for (const double value : x_) sum += options_.regularisation * value * value;
    for (std::uint64_t u = 0; u < users_; ++u) {
      for (std::uint64_t i = 0; i < items_; ++i) {
        const double c = confidence_[u * items_ + i];
        double score = 0;
        for (std::uint64_t d = 0; d < dim_; ++d) score += x_[u * dim_ + d] * x_[(users_ + i) * dim_ + d];
        const double miss = (c > 1 ? 1.0 : 0.0) - score;
        sum += c * miss * miss;
      }
    }
    return sum / static_cast<double>(interactions_);
  }
  [[nodiscard]] const std::vector<double>& factors() const { return x_; }

 private:
  template <class Confidence>
  void solve(std::uint64_t row, std::uint64_t first_other, std::uint64_t others, const Confidence& confidence) {
    std::vector<double> a(dim_ * dim_);
    std::vector<double> b(dim_);
    for (std::uint64_t d = 0; d < dim_; ++d) a[d * dim_ + d] = options_.regularisation;
    for (std::uint64_t o = 0; o < others; ++o) {
      const double* y = x_.data() + (first_other + o) * dim_;
      const double c = confidence(o);
      for (std::uint64_t d = 0; d < dim_; ++d) {
        if (c > 1) b[d] += c * y[d];
        for (std::uint64_t e = 0; e < dim_; ++e) a[d * dim_ + e] += c * y[d] * y[e];
      }
    }
    for (std::uint64_t d = 0; d < dim_; ++d) {
      for (std::uint64_t r = d + 1; r < dim_; ++r) {
        const double factor = a[r * dim_ + d] / a[d * dim_ + d];
        for (std::uint64_t e = d; e < dim_; ++e) a[r * dim_ + e] -= factor * a[d * dim_ + e];
        b[r] -= factor * b[d];
      }
    }
    for (std::uint64_t d = dim_; d-- > 0;) {
      for (std::uint64_t e = d + 1; e < dim_; ++e) b[d] -= a[d * dim_ + e] * x_[row * dim_ + e];
      x_[row * dim_ + d] = b[d] / a[d * dim_ + d];
    }
  }

  std::vector<double> x_;
  std::uint64_t dim_;
  const IalsOptions& options_;
  std::uint64_t users_ = 0;
  std::uint64_t items_ = 0;
  std::uint64_t interactions_ = 0;
  std::vector<double> confidence_;
};

TEST(TrainIals, GivesTheSameBytesOnAnyRanksAndThreads) {
  const graph::GraphBlocks whole = tests::random_bipartite(60, 80, 700, 3);
  const comm::Communicator self = tests::alone(world());
  for (const std::uint32_t dim : {8U, 20U, 64U}) {
    IalsOptions options = small_options();
    options.dim = dim;
    const Trained expected = train(self, whole, tests::Spread::kBlock, options);
    EXPECT_LT(expected.losses[2], expected.losses[0]);
    for (const tests::Spread spread : tests::kSpreads) {
      EXPECT_TRUE(train(world(), whole, spread, options) == expected) << dim << " columns, " << name_of(spread);
    }
  }
}

TEST(TrainIals, BitsAreFrozen) {
  // The same on every number of ranks and threads and on both instruction sets (ROVE_THREADS, ROVE_ISA). Whoever
  // changes this number changes the bits of published embeddings: raise `numerics_version`.
  const graph::GraphBlocks whole = tests::random_bipartite(2000, 3000, 20000, 3);
  IalsOptions options;
  options.epochs = 2;
  const Trained trained = train(world(), whole, tests::Spread::kScattered, options);
  const Digest128 digest = digest128(std::as_bytes(std::span(trained.factors)));
  EXPECT_EQ(digest.low, 3407468408931405316ULL);
}

/// With as many steps as it takes, conjugate gradients are the direct solution.
void expect_solution_of(const graph::GraphBlocks& whole) {
  constexpr std::uint32_t kDim = 6;
  IalsOptions options = small_options();
  options.dim = kDim;
  options.solver_steps = 40;
  options.initial_deviation = 0.3;
  const graph::DistributedGraph graph = tests::distribute(world(), whole, tests::Spread::kScattered);
  EmbeddingTable table(graph.num_owned(), kDim);
  table.initialise_normal(graph, options.seed, options.initial_deviation);
  const std::uint32_t width = table.width();
  const auto without_padding = [&](const std::vector<float>& rows) {
    std::vector<double> values;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (i % width < kDim) values.push_back(static_cast<double>(rows[i]));
    }
    return values;
  };
  Twin twin(whole, without_padding(tests::whole_table(world(), graph, table)), kDim, options);
  std::vector<double> losses;
  for (std::uint64_t epoch = 0; epoch < options.epochs; ++epoch) {
    twin.run_epoch();
    losses.push_back(twin.loss());
  }
  const Trained trained = train(world(), whole, tests::Spread::kScattered, options);
  const std::vector<double> factors = without_padding(trained.factors);
  ASSERT_EQ(factors.size(), twin.factors().size());
  for (std::size_t i = 0; i < factors.size(); ++i) EXPECT_NEAR(factors[i], twin.factors()[i], 5e-4) << i;
  for (std::size_t e = 0; e < losses.size(); ++e) EXPECT_NEAR(trained.losses[e], losses[e], 1e-4 * losses[e]);
}

TEST(TrainIals, SolvesTheNormalEquationsOfTheDefinition) {
  // Parallel edges occur in this graph.
  expect_solution_of(tests::random_bipartite(40, 50, 500, 5));
}

TEST(TrainIals, CountsAPairOnceWhereItsSlotsLieApart) {
  graph::GraphBlocks whole = tests::random_bipartite(40, 50, 500, 5);
  tests::scatter_slots(whole);
  expect_solution_of(whole);
}

TEST(TrainIals, ResumesToTheSameBytes) {
  const graph::GraphBlocks whole = tests::random_bipartite(60, 80, 700, 3);
  IalsOptions options = small_options();
  options.epochs = 4;
  const Trained expected = train(world(), whole, tests::Spread::kBlock, options);
  tests::MemoryCheckpoint checkpoint(world());
  TrainHooks hooks;
  hooks.save_checkpoint = [&](const exec::CheckpointRegistry& state, std::uint64_t) {
    state.save(world(), checkpoint);
  };
  stop::request();
  EXPECT_THROW((void)train(world(), whole, tests::Spread::kScattered, options, hooks), Interrupted);
  stop::reset();
  TrainHooks rest;
  rest.resume = &checkpoint;
  EXPECT_TRUE(train(world(), whole, tests::Spread::kLastOnly, options, rest) == expected);
}

TEST(TrainIals, RefusesOptionsOutOfRangeAndSaysWhenItDiverged) {
  const graph::GraphBlocks whole = tests::random_bipartite(60, 80, 700, 3);
  const auto message = [&](const IalsOptions& options) {
    try {
      (void)train(world(), whole, tests::Spread::kScattered, options);
    } catch (const ConfigError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  IalsOptions options = small_options();
  options.alpha = -1;
  EXPECT_NE(message(options).find("train.alpha is -1"), std::string::npos);
  options = small_options();
  options.regularisation = std::nan("");
  EXPECT_NE(message(options).find("train.regularisation is nan"), std::string::npos);
  options = small_options();
  options.alpha = 1e38;
  EXPECT_NE(message(options).find("training diverged in epoch 1"), std::string::npos) << message(options);
}

TEST(GramMatrix, IsTheSumOfProducts) {
  constexpr std::uint32_t kWidth = 32;
  constexpr std::uint64_t kRows = 1300;
  std::vector<float> all(kRows * kWidth);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<float>(std::sin(static_cast<double>(i * i % 9973)));
  const auto size = static_cast<std::uint64_t>(world().size());
  const auto rank = static_cast<std::uint64_t>(world().rank().value());
  const std::uint64_t begin = kRows * rank / size;
  const std::uint64_t end = kRows * (rank + 1) / size;
  const std::vector<float> gram =
      gram_matrix(world(), std::span<const float>(all).subspan(begin * kWidth, (end - begin) * kWidth), kWidth);
  EXPECT_TRUE(same_bytes(gram, gram_matrix(tests::alone(world()), all, kWidth)));
  for (std::size_t i = 0; i < kWidth; ++i) {
    for (std::size_t j = 0; j < kWidth; ++j) {
      double expected = 0;
      for (std::size_t r = 0; r < kRows; ++r) {
        expected += static_cast<double>(all[r * kWidth + i]) * static_cast<double>(all[r * kWidth + j]);
      }
      EXPECT_NEAR(gram[i * kWidth + j], expected, 1e-3);
    }
  }
  for (const float value : gram_matrix(world(), std::vector<float>(kWidth), kWidth)) EXPECT_EQ(value, 0.0F);
}

TEST(Models, AreFoundByName) {
  EXPECT_EQ(kModelChoices.substr(0, 12), "lightgcn|mf|");
  for (const Model& model : kModels) EXPECT_EQ(&find_model(model.name), &model);
  EXPECT_THROW((void)find_model("svd"), ConfigError);
}

TEST(Models, MatrixFactorisationIsLightGcnWithoutLayers) {
  const graph::GraphBlocks whole = tests::random_bipartite(60, 80, 700, 3);
  const graph::DistributedGraph graph = tests::distribute(world(), whole, tests::Spread::kScattered);
  ModelOptions options;
  options.bpr.dim = 16;
  options.bpr.epochs = 2;
  options.bpr.batch_size = 64;
  const TrainResult mf = find_model("mf").train(world(), graph, kRates, options, {});
  options.bpr.layers = 0;
  const TrainResult lightgcn = find_model("lightgcn").train(world(), graph, kRates, options, {});
  EXPECT_TRUE(same_bytes(mf.embeddings.values(), lightgcn.embeddings.values()));
}

}  // namespace
}  // namespace rove::gnn
