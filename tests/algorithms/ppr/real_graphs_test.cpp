// SPDX-License-Identifier: Apache-2.0
// Every PPR method against plain power iteration to 1e-12, on real graphs.
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "algorithms/ppr/exact.hpp"
#include "algorithms/ppr/ppr.hpp"
#include "tests/support/graphs.hpp"
#include "tests/support/mpi.hpp"
#include "tests/support/serial_walker.hpp"

namespace rove::algorithms {
namespace {

using tests::world;

struct RealGraph {
  std::string name;
  std::string file;
  enum class Layout { kAdjacency, kMetis, kCsv } layout;
  exec::Direction direction = exec::Direction::kBoth;
};

std::ostream& operator<<(std::ostream& out, const RealGraph& graph) {
  return out << graph.name;
}

graph::GraphBlocks read(const std::filesystem::path& path, const RealGraph& what) {
  std::ifstream in(path);
  tests::EdgeList list;
  list.type.source = VertexTypeId{0};
  list.type.relation = "links";
  std::uint64_t sources = 0;
  std::uint64_t targets = 0;
  std::string line;
  if (what.layout == RealGraph::Layout::kAdjacency) {
    list.type.destination = VertexTypeId{1};
    while (std::getline(in, line)) {
      std::istringstream words(line);
      std::uint32_t user = 0;
      words >> user;
      sources = std::max<std::uint64_t>(sources, user + 1);
      for (std::uint32_t item = 0; words >> item;) {
        targets = std::max<std::uint64_t>(targets, item + 1);
        list.edges.push_back({.source = user, .destination = item});
      }
    }
    return tests::make_graph({{"user", sources}, {"item", targets}}, {list});
  }
  list.type.destination = VertexTypeId{0};
  list.type.undirected = what.direction == exec::Direction::kBoth;
  std::getline(in, line);  // sizes, or names of the columns
  for (std::uint32_t row = 0; std::getline(in, line); ++row) {
    if (what.layout == RealGraph::Layout::kCsv) line[line.find(',')] = ' ';
    std::istringstream words(line);
    std::uint32_t from = row;
    if (what.layout == RealGraph::Layout::kCsv) words >> from;
    sources = std::max<std::uint64_t>(sources, from + 1);
    for (std::uint32_t to = 0; words >> to;) {
      if (what.layout == RealGraph::Layout::kMetis) {
        if (--to < from) continue;  // METIS names each edge twice, from 1
      }
      sources = std::max<std::uint64_t>(sources, to + 1);
      list.edges.push_back({.source = from, .destination = to});
    }
  }
  return tests::make_graph({{"vertex", sources}}, {list});
}

/// f <- (1 - c) f P until 1e-12 of the mass is left, lost mass divided out.
std::vector<double> reference(const tests::SerialGraph& graph, std::uint32_t source, double restart) {
  std::vector<double> scores(graph.slots.size());
  std::vector<double> flow(graph.slots.size());
  flow[source] = 1.0;
  for (double left = 1.0; left > 1e-12; left *= 1.0 - restart) {
    std::vector<double> next(graph.slots.size());
    for (std::size_t v = 0; v < flow.size(); ++v) {
      if (flow[v] == 0.0) continue;
      scores[v] += restart * flow[v];
      const double share = (1.0 - restart) * flow[v] / static_cast<double>(graph.slots[v].size());
      for (const std::uint32_t to : graph.slots[v]) next[to] += share;
    }
    flow = std::move(next);
  }
  double mass = 0.0;
  for (const double score : scores) mass += score;
  for (double& score : scores) score /= mass;
  return scores;
}

class PprOnRealGraphs : public ::testing::TestWithParam<RealGraph> {};

INSTANTIATE_TEST_SUITE_P(
    Shared, PprOnRealGraphs,
    ::testing::Values(RealGraph{"Gowalla", "lightgcn-gowalla/train.txt", RealGraph::Layout::kAdjacency},
                      RealGraph{"LastFm", "lightgcnpp-lastfm/train.txt", RealGraph::Layout::kAdjacency},
                      RealGraph{"MovieLens1m", "lightgcnpp-ml-1m/train.txt", RealGraph::Layout::kAdjacency},
                      RealGraph{"GitHub", "musae-edges/git_edges.csv", RealGraph::Layout::kCsv},
                      RealGraph{"Mesh", "graphs-metis/4elt.graph", RealGraph::Layout::kMetis},
                      RealGraph{"TwitchDirected", "musae-edges/DE_edges.csv", RealGraph::Layout::kCsv,
                                exec::Direction::kOut}),
    [](const auto& graph) { return graph.param.name; });

TEST_P(PprOnRealGraphs, AllMethodsAgreeWithPowerIteration) {
  const char* from_environment = std::getenv("ROVE_SHARED_DATA");
  const std::filesystem::path path =
      std::filesystem::path(from_environment != nullptr ? from_environment : ROVE_SHARED_DATA_DIR) / GetParam().file;
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not present; set ROVE_SHARED_DATA";
  const graph::GraphBlocks whole = read(path, GetParam());
  const bool is_bipartite = whole.schema.vertex_types().size() == 2;
  PprOptions options;
  options.edges.direction = GetParam().direction;
  options.targets = VertexTypeId{static_cast<std::uint16_t>(is_bipartite ? 1 : 0)};
  options.source_rows.emplace();
  const tests::SerialGraph graph = tests::serial_graph(whole, options.edges);
  const std::uint64_t num_sources = whole.schema.vertex_type(options.sources).count;
  for (std::uint64_t i = 0; i < 5; ++i) {
    std::uint64_t row = i * num_sources / 5;
    while (graph.slots[row].empty()) ++row;
    options.source_rows->push_back(row);
  }
  std::map<std::uint64_t, std::vector<double>> truth;
  for (const std::uint64_t row : *options.source_rows) {
    truth[row] = reference(graph, static_cast<std::uint32_t>(row), options.restart);
  }

  const exec::WalkGraph walk_graph = exec::WalkGraph::replicated(world(), whole, options.edges);
  const ExactPpr exact(WalkGraphSlots(walk_graph), walk_graph.num_rows(),
                       GetParam().direction == exec::Direction::kBoth, options.restart);
  for (const auto& [row, scores] : truth) {
    const WeightedSeed seed{static_cast<std::uint32_t>(row), 1.0};
    const ExactPpr::Scores found = exact.solve(std::span(&seed, 1), 1e-10);
    double error = 0.0;
    for (std::size_t v = 0; v < scores.size(); ++v) error += std::abs(found.values[v] - scores[v]);
    EXPECT_LE(error, found.error + 1e-11);
    EXPECT_LE(error, 1e-9);
  }

  const std::uint64_t first_target = whole.schema.stable_range(options.targets).begin;
  const auto expect_bounds = [&](PprMethod method, const PprResult& result) {
    EXPECT_EQ(result.method, method);
    for (const std::uint64_t row : *options.source_rows) {
      ASSERT_GT(result.lists.targets_of(row).size(), 0U);
      for (std::size_t i = 0; i < result.lists.targets_of(row).size(); ++i) {
        const double score = truth[row][first_target + result.lists.targets_of(row)[i]];
        EXPECT_LE(std::abs(static_cast<double>(result.lists.scores_of(row)[i]) - score),
                  static_cast<double>(result.error_bounds[row]) * (1.0 + 1e-6))
            << ppr_method_name(method) << " row " << row << " entry " << i;
      }
    }
  };
  for (const PprMethod method : {PprMethod::kWalks, PprMethod::kItemIndex, PprMethod::kVerd}) {
    options.method = method;
    expect_bounds(method, personalized_pagerank(world(), whole, options));
  }
  options.method = PprMethod::kPower;
  options.tolerance = 1e-12;
  const graph::DistributedGraph distributed = tests::distribute(world(), whole, tests::Spread::kBlock);
  expect_bounds(PprMethod::kPower, personalized_pagerank(world(), distributed, options));
}

}  // namespace
}  // namespace rove::algorithms
