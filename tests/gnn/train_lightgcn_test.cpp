// SPDX-License-Identifier: Apache-2.0
#include "gnn/train_lightgcn.hpp"

#include <cmath>
#include <numeric>

#include <gtest/gtest.h>

#include "engine/base/error.hpp"
#include "engine/base/hash.hpp"
#include "engine/base/stop.hpp"
#include "engine/parallel/parallel.hpp"
#include "gnn/batches.hpp"
#include "gnn/bpr.hpp"
#include "gnn/linear_propagation.hpp"
#include "tests/engine/exec/memory_checkpoint.hpp"
#include "tests/gnn/training_support.hpp"
#include "tests/support/mpi.hpp"

namespace rove::gnn {
namespace {

using tests::same_bytes;
using tests::world;

constexpr EdgeTypeId kRates{0};

TrainOptions small_options() {
  TrainOptions options;
  options.dim = 20;
  options.epochs = 3;
  options.batch_size = 64;
  options.learning_rate = 0.01;
  return options;
}

struct Trained {
  std::vector<float> embeddings;  ///< in stable order
  std::vector<float> parameters;
  std::vector<double> losses;
  friend bool operator==(const Trained& a, const Trained& b) {
    return same_bytes(a.embeddings, b.embeddings) && same_bytes(a.parameters, b.parameters) && a.losses == b.losses;
  }
};

Trained train(const comm::Communicator& comm, const graph::GraphBlocks& whole, tests::Spread spread,
              const TrainOptions& options, const TrainHooks& hooks = {}) {
  const graph::DistributedGraph graph = tests::distribute(comm, whole, spread);
  const TrainResult result = train_lightgcn(comm, graph, kRates, options, hooks);
  Trained trained{
      tests::whole_table(comm, graph, result.embeddings), tests::whole_table(comm, graph, result.parameters), {}};
  for (const EpochRecord& record : result.history) {
    trained.losses.push_back(record.bpr_loss.value_or(0.0));
    trained.losses.push_back(record.loss);
  }
  return trained;
}

TEST(TrainLightGcn, GivesTheSameBytesOnAnyRanksAndThreads) {
  const graph::GraphBlocks whole = tests::random_bipartite(60, 80, 700, 3);
  const comm::Communicator self = tests::alone(world());
  for (const std::uint32_t layers : {0U, 1U, 2U, 3U, 4U}) {
    for (const SamplerKind sampler : {SamplerKind::kUserStratified, SamplerKind::kUserUniform}) {
      TrainOptions options = small_options();
      options.layers = layers;
      options.sampler = sampler;
      const Trained expected = train(self, whole, tests::Spread::kBlock, options);
      EXPECT_LT(expected.losses[4], expected.losses[0]);
      for (const tests::Spread spread : tests::kSpreads) {
        EXPECT_TRUE(train(world(), whole, spread, options) == expected) << layers << " layers, " << name_of(spread);
      }
    }
  }
}

TEST(TrainLightGcn, BitsAreFrozen) {
  // The same on every number of ranks and threads and on both instruction sets (ROVE_THREADS, ROVE_ISA). Whoever
  // changes this number changes the bits of published embeddings: raise `numerics_version`.
  const graph::GraphBlocks whole = tests::random_bipartite(2000, 3000, 20000, 3);
  TrainOptions options;
  options.epochs = 1;
  const Trained trained = train(world(), whole, tests::Spread::kScattered, options);
  const Digest128 digest = digest128(std::as_bytes(std::span(trained.embeddings)));
  EXPECT_EQ(digest.low, 17833174392001610481ULL);
}

TEST(TrainLightGcn, GradientIsThatOfTheLossInDouble) {
  // A double twin of the loss on dense matrices, differentiated by central differences; exponents differ, so that a
  // missing transpose shows.
  constexpr std::uint32_t kDim = 4;
  constexpr std::uint32_t kLayers = 3;
  constexpr double kRowExponent = 0.75;
  constexpr double kColumnExponent = 0.25;
  constexpr double kDecay = 0.1;
  const graph::GraphBlocks whole = tests::random_bipartite(9, 11, 45, 5);
  const std::uint64_t users = 9;
  const std::uint64_t n = 20;
  const graph::DistributedGraph graph = tests::distribute(world(), whole, tests::Spread::kScattered);
  const Interactions interactions(graph, kRates);
  const TripleSampler sampler(world(), interactions, SamplerKind::kEdgeUniform, 1);
  std::vector<Triple> mine = sampler.sample(world(), 1);
  struct Rows {
    std::uint64_t user, positive, negative;
  };
  std::vector<Rows> local;
  for (const Triple& t : mine) {
    local.push_back({graph.index_map().stable_of(t.user).value(), users + t.positive, users + t.negative});
  }
  const std::vector<Rows> triples = world().all_gather_v(std::span<const Rows>(local)).data;
  const std::uint64_t batch_size = sampler.num_triples();

  EmbeddingTable table(graph.num_owned(), kDim);
  table.initialise_normal(graph, 4, 0.5);
  const std::vector<float> start = tests::whole_table(world(), graph, table);
  const std::uint32_t width = table.width();

  // Double twin.
  std::vector<double> op(n * n);
  {
    std::vector<double> degree(n);
    std::vector<double> adjacency(n * n);
    const graph::AdjacencyBlock& block = whole.edges[0].by_source;
    for (std::uint64_t u = 0; u < users; ++u) {
      for (std::uint64_t i = block.offsets[u]; i < block.offsets[u + 1]; ++i) {
        const std::uint64_t v = users + block.targets[i];
        adjacency[u * n + v] += 1;
        adjacency[v * n + u] += 1;
        degree[u] += 1;
        degree[v] += 1;
      }
    }
    for (std::uint64_t i = 0; i < n * n; ++i) {
      if (adjacency[i] == 0) continue;
      op[i] = adjacency[i] * std::pow(degree[i / n], -kRowExponent) * std::pow(degree[i % n], -kColumnExponent);
    }
  }
  const auto loss_of = [&](const std::vector<double>& x) {
    std::vector<double> layer = x;
    std::vector<double> h = x;
    for (std::uint32_t k = 0; k < kLayers; ++k) {
      std::vector<double> next(x.size());
      for (std::uint64_t r = 0; r < n; ++r) {
        for (std::uint64_t s = 0; s < n; ++s) {
          for (std::uint32_t c = 0; c < kDim; ++c) next[r * kDim + c] += op[r * n + s] * layer[s * kDim + c];
        }
      }
      layer = next;
      for (std::size_t i = 0; i < h.size(); ++i) h[i] += layer[i];
    }
    double loss = 0;
    for (const Rows& t : triples) {
      double score = 0;
      double norm = 0;
      for (std::uint32_t c = 0; c < kDim; ++c) {
        score += h[t.user * kDim + c] * (h[t.positive * kDim + c] - h[t.negative * kDim + c]) / 16.0;
        for (const std::uint64_t row : {t.user, t.positive, t.negative}) norm += x[row * kDim + c] * x[row * kDim + c];
      }
      loss += std::log1p(std::exp(-score)) + kDecay / 2 * norm;
    }
    return loss / static_cast<double>(triples.size());
  };
  std::vector<double> x(n * kDim);
  for (std::uint64_t i = 0; i < x.size(); ++i) x[i] = static_cast<double>(start[i / kDim * width + i % kDim]);

  // The engine's gradient.
  const exec::Propagation propagation(graph, {{kRates}, kRowExponent, kColumnExponent});
  LinearPropagation model(propagation, interactions.user_type(), interactions.item_type(),
                          std::vector<float>(kLayers + 1, 0.25F), width);
  model.refresh(table);
  const EpochBatches batches(world(), interactions, mine, sampler.num_triples(), batch_size);
  const Batch batch = batches.make(0);
  std::vector<float> row_buffer(batch.num_rows() * width);
  std::vector<float> gradients(batch.active.size() * width + 1);
  BprLoss loss(width);
  LossSums sums;
  model.forward(table, batch, row_buffer.data());
  loss.run(world(), batch, row_buffer, gradients, true, sums);
  std::vector<float> total(std::size_t{graph.num_owned()} * width);
  model.backward(gradients.data(), [&](std::span<const std::uint32_t> rows, const float* results) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const std::uint32_t place = model.batch_index()[rows[i]];
      for (std::uint32_t c = 0; c < width; ++c) {
        float g = results[i * width + c];
        if (place > 0) {
          g += model.first_weight() * gradients[(place - 1) * width + c] +
               static_cast<float>(kDecay / static_cast<double>(batch_size)) *
                   static_cast<float>(batch.uses[place - 1]) * table.values()[rows[i] * std::size_t{width} + c];
        }
        total[rows[i] * std::size_t{width} + c] = g;
      }
    }
  });
  const std::vector<float> engine = tests::in_stable_order<float>(world(), graph, total, width);
  for (std::uint64_t i = 0; i < x.size(); ++i) {
    constexpr double kStep = 1e-6;
    std::vector<double> up = x;
    std::vector<double> down = x;
    up[i] += kStep;
    down[i] -= kStep;
    const double expected = (loss_of(up) - loss_of(down)) / (2 * kStep);
    EXPECT_NEAR(engine[i / kDim * width + i % kDim], expected, 2e-6 + 1e-4 * std::abs(expected));
  }
  double bpr = world().all_reduce(sums.full_bpr).value() / static_cast<double>(batch_size);
  for (const Rows& t : triples) {
    for (const std::uint64_t row : {t.user, t.positive, t.negative}) {
      for (std::uint32_t c = 0; c < kDim; ++c) {
        bpr += kDecay / 2 * x[row * kDim + c] * x[row * kDim + c] / static_cast<double>(batch_size);
      }
    }
  }
  EXPECT_NEAR(bpr, loss_of(x), 1e-6);
}

TEST(TrainLightGcn, FinalRepresentationsAreTheOnesTrainedOn) {
  const graph::GraphBlocks whole = tests::random_bipartite(30, 40, 300, 5);
  const graph::DistributedGraph graph = tests::distribute(world(), whole, tests::Spread::kScattered);
  const Interactions interactions(graph, kRates);
  const TripleSampler sampler(world(), interactions, SamplerKind::kEdgeUniform, 1);
  EmbeddingTable table(graph.num_owned(), 16);
  table.initialise_normal(graph, 4, 0.5);
  const exec::Propagation propagation(graph, {});
  for (const std::uint32_t layers : {0U, 1U, 2U, 3U}) {
    LinearPropagation model(propagation, interactions.user_type(), interactions.item_type(),
                            std::vector<float>(layers + 1, 0.3F), table.width());
    model.refresh(table);
    EmbeddingTable all(graph.num_owned(), 16);
    model.forward_all(table, all);
    const EpochBatches batches(world(), interactions, sampler.sample(world(), 1), sampler.num_triples(), 32);
    const Batch batch = batches.make(1);
    std::vector<float> rows(batch.num_rows() * table.width());
    model.forward(table, batch, rows.data());
    for (std::size_t i = 0; i < batch.active.size(); ++i) {
      for (std::uint32_t c = 0; c < 16; ++c) EXPECT_EQ(rows[i * 16 + c], all.row(batch.active[i])[c]);
    }
  }
}

TEST(TrainLightGcn, ZeroEmbeddingsLoseTheLogarithmOfTwo) {
  const graph::GraphBlocks whole = tests::random_bipartite(40, 30, 400, 5);
  TrainOptions options = small_options();
  options.initial_deviation = 0;
  options.epochs = 1;
  options.sampler = SamplerKind::kUserStratified;
  const Trained trained = train(world(), whole, tests::Spread::kScattered, options);
  // 400 / 40 triples of each of the 32 users with an item (the last two tenths have none): five full batches, whose
  // means the authors divide by floor(320 / 64) + 1.
  EXPECT_NEAR(trained.losses[0], std::log(2.0) * 5 / 6, 1e-12);
  for (const float value : trained.embeddings) EXPECT_EQ(value, 0.0F);
}

TEST(TrainLightGcn, WeightDecayReachesRowsThatNoBatchHas) {
  const graph::GraphBlocks whole = tests::random_bipartite(60, 80, 50, 3);
  TrainOptions options = small_options();
  options.layers = 0;
  options.decay = 0;
  const Trained plain = train(world(), whole, tests::Spread::kScattered, options);
  options.weight_decay = 0.01;
  const Trained decayed = train(world(), whole, tests::Spread::kScattered, options);
  const std::uint32_t width = exec::padded_width(options.dim);
  const auto norm = [&](const Trained& trained, std::uint64_t user) {
    const auto first = trained.parameters.begin() + static_cast<std::ptrdiff_t>(user * width);
    return std::inner_product(first, first + width, first, 0.0);
  };
  const std::vector<std::uint64_t>& offsets = whole.edges[0].by_source.offsets;
  std::uint64_t isolated = 0;
  for (std::uint64_t user = 0; user < 60; ++user) {
    if (offsets[user] != offsets[user + 1]) continue;
    ++isolated;
    EXPECT_LT(norm(decayed, user), norm(plain, user)) << user;
  }
  EXPECT_GT(isolated, 0U);
}

TEST(TrainLightGcn, ResumesToTheSameBytes) {
  const graph::GraphBlocks whole = tests::random_bipartite(60, 80, 700, 3);
  TrainOptions options = small_options();
  options.epochs = 4;
  options.evaluate_every = 1;
  const auto no_metrics = [](const EmbeddingTable&) { return Evaluation{1, {{20, 0.5, 0, 0, 0, 0, 0}}}; };
  TrainHooks plain;
  plain.evaluate = no_metrics;
  const Trained expected = train(world(), whole, tests::Spread::kBlock, options, plain);

  tests::MemoryCheckpoint checkpoint(world());
  TrainHooks hooks;
  std::uint64_t evaluations = 0;
  hooks.evaluate = [&](const EmbeddingTable& table) {
    if (++evaluations == 2 && world().is_root()) stop::request();
    return no_metrics(table);
  };
  hooks.save_checkpoint = [&](const exec::CheckpointRegistry& state, std::uint64_t) {
    state.save(world(), checkpoint);
  };
  EXPECT_THROW((void)train(world(), whole, tests::Spread::kScattered, options, hooks), Interrupted);
  stop::reset();
  EXPECT_EQ(evaluations, 2U);

  TrainHooks rest;
  rest.evaluate = no_metrics;
  rest.resume = &checkpoint;
  EXPECT_TRUE(train(world(), whole, tests::Spread::kBlock, options, rest) == expected);
}

TEST(TrainLightGcn, ResumesInTheMiddleOfAnEpoch) {
  const graph::GraphBlocks whole = tests::random_bipartite(60, 80, 700, 3);
  TrainOptions options = small_options();
  options.epochs = 2;
  options.batch_size = 8;  // 84 steps an epoch: asked to stop before the first agreement
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

TEST(TrainLightGcn, SaysWhereItDiverged) {
  const graph::GraphBlocks whole = tests::random_bipartite(60, 80, 700, 3);
  TrainOptions options = small_options();
  options.learning_rate = 1e30;
  try {
    (void)train(world(), whole, tests::Spread::kScattered, options);
    FAIL() << "nothing was thrown";
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("epoch 1, step 2"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("user row"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace rove::gnn
