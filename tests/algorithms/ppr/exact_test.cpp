// SPDX-License-Identifier: Apache-2.0
#include "algorithms/ppr/exact.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "algorithms/ppr/ppr.hpp"
#include "engine/base/error.hpp"
#include "tests/algorithms/ppr/serial_ppr.hpp"
#include "tests/algorithms/ppr/weighted_graphs.hpp"
#include "tests/support/graphs.hpp"
#include "tests/support/mpi.hpp"
#include "tests/support/serial_walker.hpp"

namespace rove::algorithms {
namespace {

exec::WalkGraph walk_graph(const graph::GraphBlocks& whole, const exec::EdgeSelection& edges) {
  const comm::Communicator alone = tests::world().split(tests::world().rank().value());
  return exec::WalkGraph::replicated(alone, whole, edges);
}

/// The serial graph with its weights.
class WeightedSlots final : public SlotLists {
 public:
  WeightedSlots(const graph::GraphBlocks& whole, const exec::EdgeSelection& edges)
      : graph_(tests::serial_graph(whole, edges)) {}
  [[nodiscard]] std::uint32_t size() const { return static_cast<std::uint32_t>(graph_.slots.size()); }
  [[nodiscard]] std::uint64_t degree(std::uint32_t vertex) const override {
    const bool any = std::ranges::any_of(graph_.weights[vertex], [](float weight) { return weight > 0.0F; });
    return any ? graph_.slots[vertex].size() : 0;
  }
  void append_slots(std::uint32_t vertex, std::vector<std::uint32_t>& slots) const override {
    slots.insert(slots.end(), graph_.slots[vertex].begin(), graph_.slots[vertex].end());
  }
  [[nodiscard]] bool has_weights() const override { return true; }
  void append_weights(std::uint32_t vertex, std::vector<float>& weights) const override {
    weights.insert(weights.end(), graph_.weights[vertex].begin(), graph_.weights[vertex].end());
  }

 private:
  tests::SerialGraph graph_;
};

double distance(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0.0;
  for (std::size_t v = 0; v < a.size(); ++v) sum += std::abs(a[v] - b[v]);
  return sum;
}

// Bipartite graphs take the cyclic form, others the plain one, directed walks the push: each within its own bound.
TEST(ExactPpr, SolvesTheEquationsWithinItsBound) {
  for (const tests::NamedGraph& graph : tests::awkward_graphs()) {
    SCOPED_TRACE(graph.name);
    for (const exec::Direction direction : {exec::Direction::kBoth, exec::Direction::kOut}) {
      for (const double restart : {0.15, 0.5}) {
        PprOptions options;
        options.restart = restart;
        options.edges.direction = direction;
        const exec::WalkGraph walks = walk_graph(graph.whole, options.edges);
        const ExactPpr exact(WalkGraphSlots(walks), walks.num_rows(), direction == exec::Direction::kBoth, restart);
        for (std::uint32_t source = 0; source < walks.num_rows(); source += 3) {
          for (const double tolerance : {1e-3, 1e-9, 1e-12}) {
            const std::vector<WeightedSeed> seeds = {{source, 2.0}};
            const ExactPpr::Scores scores = exact.solve(seeds, tolerance);
            if (walks.degree(source) == 0) {
              EXPECT_TRUE(scores.values.empty());
              continue;
            }
            const double error = distance(scores.values, tests::dense_ppr(graph.whole, options, source));
            EXPECT_LE(error, scores.error + 1e-14) << "source " << source;
            EXPECT_LE(scores.error, 2.1 * tolerance / restart) << "source " << source;
            if (direction == exec::Direction::kBoth) {
              EXPECT_LE(scores.error, 1.2 * tolerance);
            }
          }
        }
      }
    }
  }
}

TEST(ExactPpr, MovesByWeight) {
  for (const graph::GraphBlocks& whole : {tests::weighted_bipartite(0.0F, true), tests::random_typed(30, 4)}) {
    for (const exec::Direction direction : {exec::Direction::kBoth, exec::Direction::kOut}) {
      PprOptions options;
      options.weighted = true;
      options.edges.direction = direction;
      const WeightedSlots slots(whole, options.edges);
      const ExactPpr exact(slots, slots.size(), direction == exec::Direction::kBoth, options.restart);
      std::uint32_t warm = 0;
      for (std::uint32_t source = 0; source < slots.size(); source += 3) {
        const std::vector<WeightedSeed> seeds = {{source, 1.0}};
        const ExactPpr::Scores scores = exact.solve(seeds, 1e-10);
        EXPECT_EQ(scores.values.empty(), slots.degree(source) == 0);
        if (scores.values.empty()) continue;
        ++warm;
        EXPECT_LE(distance(scores.values, tests::dense_ppr(whole, options, source)), scores.error + 1e-14)
            << "source " << source;
        EXPECT_LE(scores.error, 2.1e-10 / options.restart);
      }
      EXPECT_GT(warm, 3U);
    }
  }
}

TEST(ExactPpr, WeightedSeedsAreAMixture) {
  const graph::GraphBlocks whole = tests::random_bipartite(21, 15, 90, 4);
  const exec::WalkGraph walks = walk_graph(whole, {exec::Direction::kBoth, {}});
  const ExactPpr exact(WalkGraphSlots(walks), walks.num_rows(), true, 0.15);
  EXPECT_TRUE(exact.is_bipartite());
  const std::vector<WeightedSeed> seeds = {{2, 3.0}, {25, 1.0}};
  const std::vector<double> both = exact.solve(seeds, 1e-12).values;
  const std::vector<double> first = exact.solve(std::span(seeds).first(1), 1e-12).values;
  const std::vector<double> second = exact.solve(std::span(seeds).last(1), 1e-12).values;
  for (std::size_t v = 0; v < both.size(); ++v) EXPECT_NEAR(both[v], 0.75 * first[v] + 0.25 * second[v], 1e-11);
}

TEST(ExactPpr, ColumnsAreTheSingleSources) {
  for (const auto& whole : {tests::random_bipartite(30, 25, 200, 8), tests::random_graph(40, 150, 9)}) {
    const exec::WalkGraph walks = walk_graph(whole, {exec::Direction::kBoth, {}});
    const ExactPpr exact(WalkGraphSlots(walks), walks.num_rows(), true, 0.15);
    const std::vector<std::uint32_t> sources = {0, 7, 3, 12, static_cast<std::uint32_t>(walks.num_rows() - 1)};
    std::vector<std::vector<double>> columns(ExactPpr::kColumns, std::vector<double>(walks.num_rows()));
    exact.solve_columns(sources, 1e-4, [&](std::uint32_t vertex, std::span<const float, ExactPpr::kColumns> values) {
      for (std::size_t c = 0; c < values.size(); ++c) columns[c][vertex] = static_cast<double>(values[c]);
    });
    for (std::size_t c = 0; c < ExactPpr::kColumns; ++c) {
      double sum = 0.0;
      for (const double value : columns[c]) sum += std::abs(value);
      if (c >= sources.size() || walks.degree(sources[c]) == 0) {
        EXPECT_EQ(sum, 0.0);
        continue;
      }
      const std::vector<WeightedSeed> seeds = {{sources[c], 1.0}};
      EXPECT_LE(distance(columns[c], exact.solve(seeds, 1e-10).values), 1.1e-4) << "column " << c;
    }
  }
}

TEST(ExactPpr, RefusesWhatItCannotDo) {
  const graph::GraphBlocks whole = tests::random_graph(20, 60, 9);
  const exec::WalkGraph walks = walk_graph(whole, {exec::Direction::kOut, {}});
  EXPECT_THROW(ExactPpr(WalkGraphSlots(walks), walks.num_rows(), false, 1.0), ConfigError);
  const ExactPpr exact(WalkGraphSlots(walks), walks.num_rows(), false, 0.15);
  const std::vector<WeightedSeed> seeds = {{0, 1.0}};
  EXPECT_THROW((void)exact.solve(seeds, 0.0), ConfigError);
  const std::vector<std::uint32_t> sources = {0};
  EXPECT_THROW(exact.solve_columns(sources, 1e-4, [](std::uint32_t, std::span<const float, ExactPpr::kColumns>) {}),
               ConfigError);
}

}  // namespace
}  // namespace rove::algorithms
