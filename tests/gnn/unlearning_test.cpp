// SPDX-License-Identifier: Apache-2.0
#include "gnn/unlearning.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "engine/graph/block_distribution.hpp"
#include "gnn/train_lightgcn.hpp"
#include "tests/gnn/training_support.hpp"
#include "tests/support/mpi.hpp"

namespace rove::gnn {
namespace {

using tests::world;

constexpr EdgeTypeId kRates{0};
constexpr VertexTypeId kUsers{0};
constexpr VertexTypeId kItems{1};
constexpr std::uint64_t kNumUsers = 60;
constexpr std::uint64_t kNumItems = 45;

/// What is to be forgotten, by row.
struct Request {
  std::set<std::uint64_t> users;
  std::set<std::uint64_t> items;
  std::set<std::pair<std::uint64_t, std::uint64_t>> pairs;
};

ForgetSet at_home(const comm::Communicator& comm, const Request& request) {
  ForgetSet set;
  const IndexRange users = graph::BlockDistribution(kNumUsers, comm.size()).block(comm.rank());
  const IndexRange items = graph::BlockDistribution(kNumItems, comm.size()).block(comm.rank());
  for (std::uint64_t user = users.begin; user < users.end; ++user) {
    set.users.push_back(request.users.contains(user) ? 1 : 0);
    for (const auto& [of, item] : request.pairs) {
      if (of == user) set.pairs.values.push_back(static_cast<std::uint32_t>(item));
    }
    set.pairs.offsets.push_back(set.pairs.values.size());
  }
  for (std::uint64_t item = items.begin; item < items.end; ++item)
    set.items.push_back(request.items.contains(item) ? 1 : 0);
  return set;
}

/// Vectors that know the whole graph: a few epochs of matrix factorisation.
std::vector<float> trained(const comm::Communicator& self, const graph::GraphBlocks& whole) {
  TrainOptions options;
  options.dim = 8;
  options.epochs = 60;
  options.batch_size = 64;
  options.learning_rate = 2e-2;
  const graph::DistributedGraph graph = tests::distribute(self, whole, tests::Spread::kBlock);
  return tests::whole_table(self, graph, train_mf(self, graph, kRates, options, {}).embeddings);
}

struct Unlearnt {
  std::vector<float> vectors;  ///< in stable order
  UnlearningReport report;
  std::uint64_t edges_left = 0;
};

Unlearnt run(const comm::Communicator& comm, const graph::GraphBlocks& whole, tests::Spread spread,
             const std::vector<float>& vectors, const Request& request, const UnlearningOptions& options = {}) {
  graph::GraphBlocks blocks = tests::cut(whole, comm.rank(), comm.size());
  const HeldOutItems pairs = take_forgotten(comm, blocks, kRates, at_home(comm, request));
  const graph::DistributedGraph graph =
      graph::DistributedGraph::build(comm, blocks, tests::assign(comm, blocks.schema, spread));
  const HeldOutItems mine = graph.home(kUsers).to_owners<std::uint32_t>(comm, pairs.offsets, pairs.values);
  EmbeddingTable table(graph.num_owned(), 8);
  std::vector<std::uint8_t> leaving(graph.num_owned());
  for (std::uint32_t local = 0; local < graph.num_owned(); ++local) {
    const StableVertexId stable = graph.index_map().stable_of(LocalVertexId{local});
    std::copy_n(vectors.data() + stable.value() * table.width(), 8, table.row(local).begin());
    const std::uint64_t row = graph.schema().row_of(stable);
    const bool is_user = graph.schema().type_of(stable) == kUsers;
    leaving[local] = (is_user ? request.users : request.items).contains(row) ? 1 : 0;
  }
  Unlearnt result;
  result.report = unlearn(comm, graph, kRates, mine, leaving, options, table, no_progress());
  result.vectors = tests::whole_table(comm, graph, table);
  result.edges_left = graph.schema().edge_type(kRates).count;
  return result;
}

double score(const std::vector<float>& vectors, std::uint64_t user, std::uint64_t item) {
  const std::size_t width = vectors.size() / (kNumUsers + kNumItems);
  double sum = 0;
  for (std::size_t c = 0; c < width; ++c) {
    sum +=
        static_cast<double>(vectors[user * width + c]) * static_cast<double>(vectors[(kNumUsers + item) * width + c]);
  }
  return sum;
}

Request all_kinds(const graph::GraphBlocks& whole) {
  const graph::AdjacencyBlock& rows = whole.edges[0].by_source;
  Request request{{3, 17}, {5}, {}};
  for (std::uint64_t user = 20; user < 30; ++user) {
    if (rows.offsets[user + 1] > rows.offsets[user]) request.pairs.emplace(user, rows.targets[rows.offsets[user]]);
  }
  request.pairs.emplace(40, 44);  // perhaps never there
  return request;
}

TEST(Unlearning, ForgottenPairsScoreLikePairsThatNeverWereOnAnyRanks) {
  const graph::GraphBlocks whole = tests::random_bipartite(kNumUsers, kNumItems, 700, 9);
  const comm::Communicator self = tests::alone(world());
  const std::vector<float> vectors = trained(self, whole);
  const Request request = all_kinds(whole);
  const Unlearnt alone = run(self, whole, tests::Spread::kBlock, vectors, request);

  // What was taken out, from the definition.
  const graph::AdjacencyBlock& rows = whole.edges[0].by_source;
  std::set<std::pair<std::uint64_t, std::uint64_t>> forgotten;
  std::uint64_t edges = 0;
  double before = 0;
  double after = 0;
  for (std::uint64_t user = 0; user < kNumUsers; ++user) {
    for (std::uint64_t slot = rows.offsets[user]; slot < rows.offsets[user + 1]; ++slot) {
      const std::uint64_t item = rows.targets[slot];
      const bool gone =
          request.users.contains(user) || request.items.contains(item) || request.pairs.contains({user, item});
      edges += gone ? 0 : 1;
      if (!gone || (request.users.contains(user) && request.items.contains(item))) continue;
      if (!forgotten.emplace(user, item).second) continue;
      before += score(vectors, user, item);
      after += score(alone.vectors, user, item);
    }
  }
  EXPECT_EQ(alone.edges_left, edges);
  ASSERT_EQ(alone.report.pairs, forgotten.size());
  EXPECT_NEAR(alone.report.before.forgotten, before / static_cast<double>(forgotten.size()), 1e-5);
  EXPECT_NEAR(alone.report.after.forgotten, after / static_cast<double>(forgotten.size()), 1e-5);

  EXPECT_GT(alone.report.before.gap(), 1.0);
  EXPECT_LE(alone.report.after.gap(), 0.0);
  EXPECT_GT(alone.report.before.forgotten_above, 0.8);
  EXPECT_LT(alone.report.after.forgotten_above, alone.report.before.forgotten_above - 0.2);
  EXPECT_GT(alone.report.after.retained_above, alone.report.before.retained_above - 0.05);

  // Leaving rows and rows that nothing touches keep their bytes.
  const std::size_t width = vectors.size() / (kNumUsers + kNumItems);
  for (const std::uint64_t row : {std::uint64_t{3}, std::uint64_t{17}, kNumUsers + 5}) {
    for (std::size_t c = 0; c < width; ++c) EXPECT_EQ(alone.vectors[row * width + c], vectors[row * width + c]);
  }
  for (const tests::Spread spread : tests::kSpreads) {
    const Unlearnt found = run(world(), whole, spread, vectors, request);
    EXPECT_TRUE(tests::same_bytes(found.vectors, alone.vectors)) << name_of(spread);
    EXPECT_EQ(found.report.epochs, alone.report.epochs);
    EXPECT_EQ(found.report.after.forgotten, alone.report.after.forgotten);
    EXPECT_EQ(found.report.after.retained_above, alone.report.after.retained_above);
    EXPECT_EQ(found.report.before.deviation, alone.report.before.deviation);
  }
}

TEST(Unlearning, NothingToForgetChangesNothing) {
  const graph::GraphBlocks whole = tests::random_bipartite(kNumUsers, kNumItems, 300, 9);
  const std::vector<float> vectors(std::size_t{kNumUsers + kNumItems} * 16, 0.25F);
  Request request;
  const Unlearnt found = run(world(), whole, tests::Spread::kBlock, vectors, request);
  EXPECT_EQ(found.report.pairs, 0U);
  EXPECT_EQ(found.report.epochs, 0U);
}

}  // namespace
}  // namespace rove::gnn
