// SPDX-License-Identifier: Apache-2.0
// Several batches per step of the optimiser.
#include <cmath>

#include <gtest/gtest.h>

#include "engine/base/error.hpp"
#include "engine/base/stop.hpp"
#include "gnn/train_lightgcn.hpp"
#include "gnn/train_simplex.hpp"
#include "tests/engine/exec/memory_checkpoint.hpp"
#include "tests/gnn/training_support.hpp"
#include "tests/support/mpi.hpp"

namespace rove::gnn {
namespace {

using tests::world;

constexpr EdgeTypeId kRates{0};

template <class Options>
Options with(std::uint64_t batch_size, std::uint64_t accumulate) {
  Options options;
  options.dim = 8;
  options.epochs = 2;
  options.batch_size = batch_size;
  options.accumulate = accumulate;
  options.learning_rate = 0.01;
  options.weight_decay = 0.01;
  options.sampler = SamplerKind::kEdgeUniform;
  options.shared_negatives = 20;
  options.loss.margin = 0.1;
  return options;
}

template <class Options>
using Train = TrainResult(const comm::Communicator&, const graph::DistributedGraph&, EdgeTypeId, const Options&,
                          const TrainHooks&);

template <class Options>
std::vector<float> trained(Train<Options>* train, const comm::Communicator& comm, const graph::GraphBlocks& whole,
                           tests::Spread spread, const Options& options, const TrainHooks& hooks = {}) {
  const graph::DistributedGraph graph = tests::distribute(comm, whole, spread);
  return tests::whole_table(comm, graph, train(comm, graph, kRates, options, hooks).parameters);
}

TEST(Accumulate, IsTheLargerBatchUpToRounding) {
  // 700 triples: groups of 200, and a short one.
  const graph::GraphBlocks whole = tests::random_bipartite(60, 80, 700, 3);
  const auto large = trained(train_lightgcn, world(), whole, tests::Spread::kBlock, with<TrainOptions>(200, 1));
  const auto small = trained(train_lightgcn, world(), whole, tests::Spread::kBlock, with<TrainOptions>(50, 4));
  const auto alone = trained(train_lightgcn, world(), whole, tests::Spread::kBlock, with<TrainOptions>(50, 1));
  double difference = 0;
  double from_more_steps = 0;
  for (std::size_t i = 0; i < large.size(); ++i) {
    difference += std::abs(static_cast<double>(large[i]) - static_cast<double>(small[i]));
    from_more_steps += std::abs(static_cast<double>(large[i]) - static_cast<double>(alone[i]));
  }
  EXPECT_LT(difference / static_cast<double>(large.size()), 1e-5);
  EXPECT_GT(from_more_steps / static_cast<double>(large.size()), 1e-3);
}

template <class Options>
void expect_same_bytes_on_any_ranks(Train<Options>* train) {
  const graph::GraphBlocks whole = tests::random_bipartite(60, 80, 700, 3);
  const Options options = with<Options>(90, 3);
  const auto expected = trained(train, tests::alone(world()), whole, tests::Spread::kBlock, options);
  for (const tests::Spread spread : tests::kSpreads) {
    EXPECT_TRUE(tests::same_bytes(trained(train, world(), whole, spread, options), expected)) << name_of(spread);
  }
}

TEST(Accumulate, GivesTheSameBytesOnAnyRanks) {
  expect_same_bytes_on_any_ranks<TrainOptions>(train_lightgcn);
  expect_same_bytes_on_any_ranks<SimpleXOptions>(train_simplex);
}

TEST(Accumulate, GoesOnBetweenTheBatchesOfAStep) {
  const graph::GraphBlocks whole = tests::random_bipartite(60, 80, 700, 3);
  // The first request to stop is seen after some steps of the epoch, which are no multiple of 3.
  const auto options = with<SimpleXOptions>(10, 3);
  const auto expected = trained(train_simplex, world(), whole, tests::Spread::kBlock, options);
  tests::MemoryCheckpoint checkpoint(world());
  TrainHooks hooks;
  std::uint64_t finished_epochs = 1;
  hooks.save_checkpoint = [&](const exec::CheckpointRegistry& state, std::uint64_t epochs) {
    finished_epochs = epochs;
    state.save(world(), checkpoint);
  };
  if (world().is_root()) stop::request();
  EXPECT_THROW((void)trained(train_simplex, world(), whole, tests::Spread::kScattered, options, hooks), Interrupted);
  EXPECT_EQ(finished_epochs, 0U);
  stop::reset();
  TrainHooks rest;
  rest.resume = &checkpoint;
  EXPECT_TRUE(
      tests::same_bytes(trained(train_simplex, world(), whole, tests::Spread::kLastOnly, options, rest), expected));
}

}  // namespace
}  // namespace rove::gnn
