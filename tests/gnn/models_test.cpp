// SPDX-License-Identifier: Apache-2.0
// What every model must keep, by the registry: a new line in `kModels` is tested without a new test.
#include "gnn/models.hpp"

#include <array>
#include <limits>
#include <string_view>

#include <gtest/gtest.h>

#include "engine/base/error.hpp"
#include "engine/base/hash.hpp"
#include "engine/base/stop.hpp"
#include "engine/parallel/parallel.hpp"
#include "tests/engine/exec/memory_checkpoint.hpp"
#include "tests/gnn/training_support.hpp"
#include "tests/support/mpi.hpp"

namespace rove::gnn {
namespace {

using tests::world;

constexpr EdgeTypeId kRates{0};

ModelOptions small_options() {
  ModelOptions options;
  options.set_loop({.dim = 20, .epochs = 3});
  options.set_batches([](BatchOptions& batches) {
    batches.batch_size = 150;  // several panels of rows, and a short last batch
    batches.learning_rate = 0.01;
    batches.cluster_bytes = 2048;  // several clusters of rows
  });
  options.ultragcn.negatives_per_positive = 30;
  return options;
}

struct Trained {
  std::vector<float> embeddings;  ///< in stable order
  std::vector<float> parameters;
  std::vector<double> losses;
};

void expect_same(const Trained& a, const Trained& b, const std::string& what) {
  EXPECT_TRUE(tests::same_bytes(a.embeddings, b.embeddings)) << what;
  EXPECT_TRUE(tests::same_bytes(a.parameters, b.parameters)) << what;
  EXPECT_EQ(a.losses, b.losses) << what;
}

Trained train(const Model& model, const comm::Communicator& comm, const graph::GraphBlocks& whole, tests::Spread spread,
              const ModelOptions& options, const TrainHooks& hooks = {}) {
  const graph::DistributedGraph graph = tests::distribute(comm, whole, spread);
  const TrainResult result = model.train(comm, graph, kRates, options, hooks);
  Trained trained{
      tests::whole_table(comm, graph, result.embeddings), tests::whole_table(comm, graph, result.parameters), {}};
  for (const EpochRecord& record : result.history) trained.losses.push_back(record.loss);
  return trained;
}

TEST(Models, ReportBprWhereItIsMinimised) {
  const graph::DistributedGraph graph =
      tests::distribute(world(), tests::random_bipartite(40, 50, 300, 2), tests::Spread::kScattered);
  const auto reports = [&](std::string_view name, LossKind loss) {
    ModelOptions options = small_options();
    options.set_loop({.dim = 20, .epochs = 1});
    options.bpr.loss.kind = options.ssm.loss.kind = loss;
    const TrainResult result = find_model(name).train(world(), graph, kRates, options, {});
    return result.history.at(0).bpr_loss.has_value();
  };
  EXPECT_TRUE(reports("lightgcn", LossKind::kBpr));
  EXPECT_FALSE(reports("lightgcn", LossKind::kSoftmax));
  EXPECT_TRUE(reports("ssm", LossKind::kBpr));
  EXPECT_FALSE(reports("ultragcn", LossKind::kBpr));
  EXPECT_FALSE(reports("ials", LossKind::kBpr));
}

TEST(Models, LossIsTheMeanOverBatchesHoweverTheyEnd) {
  const graph::DistributedGraph graph =
      tests::distribute(world(), tests::random_bipartite(40, 50, 300, 2), tests::Spread::kScattered);
  const auto loss_of = [&](std::uint64_t batch_size) {
    ModelOptions options = small_options();
    options.set_loop({.dim = 20, .epochs = 1});
    options.ssm.batch_size = batch_size;
    return find_model("ssm").train(world(), graph, kRates, options, {}).history.at(0).loss;
  };
  // One batch of all triples, which is a full one or not.
  EXPECT_NEAR(loss_of(300), loss_of(301), 1e-3 * loss_of(301));
}

ModelOptions with_layout(ModelOptions options, TrainLayout layout) {
  options.set_batches([&](BatchOptions& batches) { batches.layout = layout; });
  return options;
}

bool has_vectors(const Model& model) {
  return model.output == ModelOutput::kVectors;
}

/// What small training leaves: the same on every number of ranks and threads and on both instruction sets
/// (ROVE_THREADS, ROVE_ISA). Whoever changes a number changes the bits of published embeddings: raise
/// `numerics_version`.
std::uint64_t frozen_digest(std::string_view model) {
  struct Frozen {
    std::string_view model;
    std::uint64_t digest;
  };
  constexpr std::array kFrozen{
      Frozen{"lightgcn", 3598966655596434371ULL},  Frozen{"mf", 13953385666884159214ULL},
      Frozen{"xsimgcl", 4497992315710360427ULL},   Frozen{"simgcl", 12687646859405627294ULL},
      Frozen{"sgl", 10638295491169238270ULL},      Frozen{"lightgcl", 3717135825860171965ULL},
      Frozen{"ultragcn", 61029773069835035ULL},    Frozen{"ssm", 7588563090279583998ULL},
      Frozen{"directau", 15032257862776401409ULL}, Frozen{"dccf", 17163755308703117347ULL},
      Frozen{"simplex", 8582288157377698966ULL},   Frozen{"ials", 11893697641888319882ULL},
  };
  const auto* const found = std::ranges::find(kFrozen, model, &Frozen::model);
  return found == kFrozen.end() ? 0 : found->digest;
}

std::uint64_t frozen_digest_of_halves(std::string_view model) {
  constexpr std::array<std::pair<std::string_view, std::uint64_t>, 6> kFrozen{{
      {"lightgcn", 11530751473852748963ULL},
      {"xsimgcl", 17406276353784137815ULL},
      {"simgcl", 10526110694022645437ULL},
      {"sgl", 7587717383691029723ULL},
      {"ssm", 5719930084476017966ULL},
      {"directau", 7675868700287108677ULL},
  }};
  const auto* const found = std::ranges::find(kFrozen, model, &std::pair<std::string_view, std::uint64_t>::first);
  return found == kFrozen.end() ? 0 : found->second;
}

TEST(EveryModel, GivesTheSameBytesOnAnyRanksAndThreads) {
  const graph::GraphBlocks whole = tests::random_bipartite(60, 80, 700, 3);
  const comm::Communicator self = tests::alone(world());
  for (const Model& model : kModels) {
    if (!has_vectors(model)) continue;
    const ModelOptions options = small_options();
    const Trained expected = train(model, self, whole, tests::Spread::kBlock, options);
    EXPECT_LT(expected.losses.back(), expected.losses.front()) << model.name;
    EXPECT_EQ(digest128(std::as_bytes(std::span(expected.embeddings))).low, frozen_digest(model.name)) << model.name;
    for (const tests::Spread spread : tests::kSpreads) {
      expect_same(train(model, world(), whole, spread, options), expected,
                  std::string(model.name) + " " + name_of(spread));
    }
    if (model.step == nullptr) continue;
    expect_same(train(model, world(), whole, tests::Spread::kScattered, with_layout(options, TrainLayout::kColumns)),
                expected, std::string(model.name) + " by columns");
  }
}

TEST(EveryModel, StoresHalvesWithTheSameBytesAnywhereOrRefuses) {
  const graph::GraphBlocks whole = tests::random_bipartite(60, 80, 700, 3);
  const comm::Communicator self = tests::alone(world());
  ModelOptions halves = small_options();
  halves.set_batches([](BatchOptions& batches) { batches.storage = StateStorage::kBFloat16; });
  const auto propagates = [](std::string_view name) {
    constexpr std::array kNames{"lightgcn", "ssm", "directau", "xsimgcl", "simgcl", "sgl"};
    return std::ranges::find(kNames, name) != kNames.end();
  };
  for (const Model& model : kModels) {
    if (!has_vectors(model) || model.name == "ials") continue;
    if (!propagates(model.name)) {
      EXPECT_THROW((void)train(model, world(), whole, tests::Spread::kBlock, halves), ConfigError) << model.name;
      continue;
    }
    const Trained expected = train(model, self, whole, tests::Spread::kBlock, halves);
    EXPECT_EQ(digest128(std::as_bytes(std::span(expected.embeddings))).low, frozen_digest_of_halves(model.name))
        << model.name;
    for (const tests::Spread spread : {tests::Spread::kBlock, tests::Spread::kScattered}) {
      expect_same(train(model, world(), whole, spread, halves), expected, std::string(model.name) + " in halves");
    }
    if (model.step != nullptr) {
      expect_same(train(model, world(), whole, tests::Spread::kScattered, with_layout(halves, TrainLayout::kColumns)),
                  expected, std::string(model.name) + " in halves, by columns");
    }
    // Rounding to eight bits moves a vector by less than its noise; a hop left out would move it by its length.
    const Trained floats = train(model, self, whole, tests::Spread::kBlock, small_options());
    double distance = 0;
    double length = 0;
    for (std::size_t i = 0; i < floats.embeddings.size(); ++i) {
      const auto difference = static_cast<double>(floats.embeddings[i] - expected.embeddings[i]);
      distance += difference * difference;
      length += static_cast<double>(floats.embeddings[i]) * static_cast<double>(floats.embeddings[i]);
    }
    EXPECT_GT(distance, 0.0) << model.name;
    EXPECT_LT(distance, 0.01 * length) << model.name;
  }
}

TEST(Models, WithoutLayersHaveNothingToStoreInHalves) {
  const graph::GraphBlocks whole = tests::random_bipartite(60, 80, 700, 3);
  ModelOptions halves = small_options();
  halves.bpr.storage = StateStorage::kBFloat16;
  halves.bpr.layers = 0;
  EXPECT_THROW((void)train(find_model("lightgcn"), world(), whole, tests::Spread::kBlock, halves), ConfigError);
}

TEST(EveryModel, GoesOnFromACheckpointToTheSameBytes) {
  const graph::GraphBlocks whole = tests::random_bipartite(60, 80, 700, 3);
  for (const Model& model : kModels) {
    if (!has_vectors(model)) continue;
    ModelOptions options = small_options();
    options.set_loop({.dim = 20, .epochs = 3, .evaluate_every = 1});
    TrainHooks plain;
    plain.evaluate = [](const EmbeddingTable&) { return Evaluation{1, {{20, 0.5, 0, 0, 0, 0, 0}}}; };
    const Trained expected = train(model, world(), whole, tests::Spread::kBlock, options, plain);
    tests::MemoryCheckpoint checkpoint(world());
    TrainHooks hooks = plain;
    std::uint64_t evaluations = 0;
    hooks.evaluate = [&](const EmbeddingTable& table) {
      if (++evaluations == 2 && world().is_root()) stop::request();
      return plain.evaluate(table);
    };
    hooks.save_checkpoint = [&](const exec::CheckpointRegistry& state, std::uint64_t) {
      state.save(world(), checkpoint);
    };
    // Interrupted by columns where the model can be, and gone on in the partitioned layout.
    const TrainLayout layout = model.step != nullptr ? TrainLayout::kColumns : TrainLayout::kPartitioned;
    EXPECT_THROW((void)train(model, world(), whole, tests::Spread::kScattered, with_layout(options, layout), hooks),
                 Interrupted)
        << model.name;
    stop::reset();
    TrainHooks rest = plain;
    rest.resume = &checkpoint;
    expect_same(train(model, world(), whole, tests::Spread::kLastOnly, options, rest), expected,
                std::string(model.name));
  }
}

TEST(EveryModel, EndsOnAllRanksWhenANumberIsNotFinite) {
  const graph::GraphBlocks whole = tests::random_bipartite(60, 80, 700, 3);
  TrainHooks hooks;
  hooks.start = [](EmbeddingTable& table) {
    for (float& value : table.values()) value = std::numeric_limits<float>::quiet_NaN();
  };
  for (const Model& model : kModels) {
    if (!has_vectors(model)) continue;
    EXPECT_THROW((void)train(model, world(), whole, tests::Spread::kScattered, small_options(), hooks), ConfigError)
        << model.name;
  }
}

TEST(Models, PlanWhatGrowsWithNegativesAndThreads) {
  const ModelShare share{1000, 200, 20000, 2};
  ModelOptions options = small_options();
  const std::uint64_t uniform = find_model("lightgcn").plan(share, options).total_bytes();
  options.bpr.negatives = NegativeKind::kPopularity;
  EXPECT_EQ(find_model("lightgcn").plan(share, options).total_bytes(), uniform + 50 * 20000);
  // A count per row and thread.
  ModelShare more = share;
  more.owned_rows += 1000;
  const auto bytes = [&](ModelShare of, std::uint32_t threads) {
    of.threads = threads;
    return find_model("ultragcn").plan(of, options).total_bytes();
  };
  EXPECT_GE(bytes(more, 10) - bytes(more, 2), bytes(share, 10) - bytes(share, 2) + 8 * 4 * std::uint64_t{1000});
}

TEST(EveryModel, PlansMoreMemoryForAWiderTable) {
  const ModelShare share{1000, 200, 20000, 2};
  ModelOptions narrow = small_options();
  ModelOptions wide = small_options();
  wide.set_loop({.dim = 256});
  for (const Model& model : kModels) {
    if (!has_vectors(model)) continue;
    EXPECT_GT(model.plan(share, wide).total_bytes(), model.plan(share, narrow).total_bytes()) << model.name;
  }
}

}  // namespace
}  // namespace rove::gnn
