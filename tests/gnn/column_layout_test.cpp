// SPDX-License-Identifier: Apache-2.0
// Training by columns; that every model gives the same bytes is in models_test.cpp.
#include "gnn/column_layout.hpp"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "engine/base/error.hpp"
#include "engine/base/stop.hpp"
#include "engine/comm/traffic.hpp"
#include "gnn/train_lightgcn.hpp"
#include "gnn/training_layout.hpp"
#include "tests/engine/exec/memory_checkpoint.hpp"
#include "tests/gnn/training_support.hpp"
#include "tests/support/mpi.hpp"

namespace rove::gnn {
namespace {

using tests::world;

constexpr EdgeTypeId kRates{0};
/// Several clusters of the small graphs' rows.
constexpr std::uint64_t kClusterBytes = 1024;

TEST(ColumnsOf, DealBlocksOfSixteenColumns) {
  for (const std::uint32_t dim : {1U, 16U, 20U, 64U, 100U, 1024U}) {
    for (std::int32_t ranks = 1; ranks <= 9; ++ranks) {
      std::uint64_t next = 0;
      std::uint64_t smallest = 1U << 20U;
      std::uint64_t largest = 0;
      for (Rank r{0}; r.value() < ranks; ++r) {
        const IndexRange columns = columns_of(r, ranks, dim);
        EXPECT_EQ(columns.begin, next);
        EXPECT_EQ(columns.size() % 16, 0U);
        next = columns.end;
        smallest = std::min(smallest, columns.size());
        largest = std::max(largest, columns.size());
      }
      EXPECT_EQ(next, (dim + 15) / 16 * 16);
      EXPECT_LE(largest - smallest, 16U);
    }
  }
}

TEST(ColumnLayout, MovesRowsThereAndBack) {
  const graph::DistributedGraph graph =
      tests::distribute(world(), tests::random_bipartite(23, 31, 200, 3), tests::Spread::kScattered);
  for (const std::uint32_t dim : {5U, 16U, 40U, 100U}) {
    const ColumnLayout layout(world(), graph, kRates, dim, kClusterBytes);
    EmbeddingTable whole(graph.num_owned(), dim);
    whole.initialise_normal(graph, 4, 0.5);
    EmbeddingTable columns = layout.make_table();
    columns.initialise_normal(layout.whole_graph(), 4, 0.5, layout.first_column());
    EXPECT_TRUE(tests::same_bytes<float>(layout.to_owners(columns).values(), whole.values())) << dim;
    EmbeddingTable back = layout.make_table();
    layout.from_owners(whole, back.values());
    EXPECT_TRUE(tests::same_bytes<float>(back.values(), columns.values())) << dim;
  }
}

TrainOptions small_options(TrainLayout layout) {
  TrainOptions options;
  options.dim = 100;  // seven blocks, the last padded: no number of ranks but 1 and 7 divides them
  options.epochs = 2;
  options.batch_size = 8;
  options.learning_rate = 0.01;
  options.layout = layout;
  options.cluster_bytes = kClusterBytes;
  return options;
}

struct Trained {
  std::vector<float> embeddings;  ///< in stable order
  std::vector<float> parameters;
  std::vector<double> losses;
};

Trained train(const comm::Communicator& comm, const graph::GraphBlocks& whole, const TrainOptions& options,
              const TrainHooks& hooks = {}) {
  const graph::DistributedGraph graph = tests::distribute(comm, whole, tests::Spread::kScattered);
  const TrainResult result = train_lightgcn(comm, graph, kRates, options, hooks);
  Trained trained{
      tests::whole_table(comm, graph, result.embeddings), tests::whole_table(comm, graph, result.parameters), {}};
  for (const EpochRecord& record : result.history) {
    trained.losses.push_back(record.bpr_loss.value_or(0.0));
    trained.losses.push_back(record.loss);
  }
  return trained;
}

void expect_same(const Trained& a, const Trained& b) {
  EXPECT_TRUE(tests::same_bytes(a.embeddings, b.embeddings));
  EXPECT_TRUE(tests::same_bytes(a.parameters, b.parameters));
  EXPECT_EQ(a.losses, b.losses);
}

TEST(TrainByColumns, GivesTheBytesOfOneRankFromAnyStart) {
  const graph::GraphBlocks whole = tests::random_bipartite(60, 80, 700, 3);
  const comm::Communicator self = tests::alone(world());
  TrainHooks hooks;
  hooks.start = [](EmbeddingTable& table) {
    for (float& value : table.values()) value *= 1.5F;
  };
  for (const TrainHooks& start : {TrainHooks{}, hooks}) {
    expect_same(train(world(), whole, small_options(TrainLayout::kColumns), start),
                train(self, whole, small_options(TrainLayout::kPartitioned), start));
  }
}

TEST(TrainByColumns, GoesOnInTheOtherLayoutInTheMiddleOfAnEpoch) {
  const graph::GraphBlocks whole = tests::random_bipartite(60, 80, 700, 3);
  const Trained expected = train(world(), whole, small_options(TrainLayout::kPartitioned));
  for (const TrainLayout first : {TrainLayout::kPartitioned, TrainLayout::kColumns}) {
    const TrainLayout second = first == TrainLayout::kColumns ? TrainLayout::kPartitioned : TrainLayout::kColumns;
    tests::MemoryCheckpoint checkpoint(world());
    TrainHooks hooks;
    hooks.save_checkpoint = [&](const exec::CheckpointRegistry& state, std::uint64_t) {
      state.save(world(), checkpoint);
    };
    stop::request();
    EXPECT_THROW((void)train(world(), whole, small_options(first), hooks), Interrupted);
    stop::reset();
    TrainHooks rest;
    rest.resume = &checkpoint;
    expect_same(train(world(), whole, small_options(second), rest), expected);
  }
}

TEST(TrainByColumns, SaysWhereItDiverged) {
  TrainOptions options = small_options(TrainLayout::kColumns);
  options.learning_rate = 1e30;
  options.batch_size = 64;
  try {
    (void)train(world(), tests::random_bipartite(60, 80, 700, 3), options);
    FAIL() << "nothing was thrown";
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("epoch 1, step 2"), std::string::npos) << error.what();
  }
}

TEST(StepCost, PredictsTheBytesThatColumnsSend) {
  if (world().size() == 1) return;
  // Hundreds of users and items, so that a batch's rows are about as many as expected.
  constexpr std::uint64_t kUsers = 600;
  constexpr std::uint64_t kItems = 800;
  const graph::GraphBlocks whole = tests::random_bipartite(kUsers, kItems, 6000, 3);
  const graph::DistributedGraph graph = tests::distribute(world(), whole, tests::Spread::kScattered);
  TrainOptions options;
  options.dim = 112;
  options.epochs = 1;
  options.batch_size = 250;
  options.layout = TrainLayout::kColumns;
  const auto sent = [&] { return world().all_reduce(comm::traffic().bytes, comm::ReduceOp::kSum); };
  const auto bytes_of_epochs = [&](std::uint64_t epochs) {
    options.epochs = epochs;
    const std::uint64_t before = sent();
    (void)train_lightgcn(world(), graph, kRates, options, {});
    return sent() - before;
  };
  // What differs is an epoch: steps, and the triples told once.
  const auto epoch = static_cast<double>(bytes_of_epochs(2) - bytes_of_epochs(1));
  const double steps = std::ceil(static_cast<double>(kUsers * 8) / 250);
  StepFacts facts;
  facts.ranks = world().size();
  facts.dim = options.dim;
  facts.batch_size = options.batch_size;
  facts.users = kUsers;
  facts.items = kItems;
  facts.interactions = 6000;
  const StepCost cost = step_cost(TrainLayout::kColumns, lightgcn_step(options), facts);
  const double model = steps * world().size() * (cost.wire_bytes + loss_bytes(facts));
  EXPECT_LT(epoch, 1.25 * model);
  EXPECT_GE(epoch, 0.5 * model);
}

TEST(FasterLayout, ColumnsWhileEveryRankHasSomeAndTheGraphIsOneThatCutsBadly) {
  StepFacts facts;
  facts.dim = 64;
  facts.batch_size = 2048;
  facts.users = 30000;
  facts.items = 40000;
  facts.interactions = 800000;
  const StepShape lightgcn = lightgcn_step({});
  // Alone, columns are whole rows by cluster: of use to a model that propagates over more than a cache holds.
  facts.ranks = 1;
  EXPECT_EQ(faster_layout(lightgcn, facts), TrainLayout::kColumns);
  EXPECT_EQ(faster_layout(mf_step({}), facts), TrainLayout::kPartitioned);
  StepFacts few = facts;
  few.users = 3000;
  few.items = 4000;
  EXPECT_EQ(faster_layout(lightgcn, few), TrainLayout::kPartitioned);
  for (const std::int32_t ranks : {2, 3, 4}) {
    facts.ranks = ranks;
    facts.halo_rows = 50000;
    EXPECT_EQ(faster_layout(lightgcn, facts), TrainLayout::kColumns) << ranks;
    EXPECT_EQ(faster_layout(mf_step({}), facts), TrainLayout::kPartitioned) << ranks;
  }
  // Communities that hardly touch, on many more ranks than blocks of columns.
  facts.users = 30000000;
  facts.items = 40000000;
  facts.interactions = 800000000;
  facts.halo_rows = 100;
  facts.ranks = 64;
  EXPECT_EQ(faster_layout(lightgcn, facts), TrainLayout::kPartitioned);
}

}  // namespace
}  // namespace rove::gnn
