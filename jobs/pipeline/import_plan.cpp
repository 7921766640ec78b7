// SPDX-License-Identifier: Apache-2.0
#include "jobs/pipeline/import_plan.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "io/import/expected_input.hpp"
#include "io/import/import_graph.hpp"
#include "io/text/input_files.hpp"
#include "io/text/text_source.hpp"
#include "jobs/pipeline/config_values.hpp"
#include "jobs/pipeline/forget_lists.hpp"
#include "jobs/pipeline/graph_options.hpp"
#include "jobs/pipeline/graph_plan.hpp"

namespace rove::jobs {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kEdgesPerVertex = 10;

/// A rank's share of the edges as they are read: of an undirected edge one direction.
std::uint64_t read_bytes(const graph::Schema& schema, std::int32_t ranks) {
  std::uint64_t bytes = 0;
  for (const graph::EdgeType& type : schema.edge_types()) {
    bytes += rank_share(type.count, ranks) / (type.undirected ? 2 : 1) * (8 + io::attribute_bytes(type));
  }
  return bytes;
}

std::uint64_t forget_list_bytes(const Config& config) {
  std::uint64_t bytes = 0;
  for (const char* list : {"forget.users", "forget.items", "forget.interactions"}) {
    for (const std::string& file : io::text::expand_patterns(file_names(config, list))) {
      bytes += io::text::inspect(file).bytes;
    }
  }
  return bytes;
}

/// As far as the files are there.
std::uint64_t feature_bytes(const Config& config) {
  if (config.entries("graph.nodes") == 0) return 0;
  std::uint64_t bytes = 0;
  for (const io::NodeOptions& nodes : import_options(config).nodes) {
    if (!nodes.files.empty() && fs::exists(nodes.files[0])) bytes += io::declared_feature_bytes(nodes);
  }
  return bytes;
}

/// **Collective.**
std::vector<io::ExpectedEdges> sample_inputs(const comm::Communicator& comm,
                                             std::span<const io::EdgeOptions> edge_types) {
  std::vector<io::ExpectedEdges> expected(edge_types.size());
  comm.agree([&] {
    if (!comm.is_root()) return;
    for (std::size_t e = 0; e < edge_types.size(); ++e) expected[e] = io::expect_edges(edge_types[e]);
  });
  for (io::ExpectedEdges& edges : expected) {
    // Vertices that are not declared travel as 0, others by one more.
    std::array numbers{edges.likely,
                       edges.least,
                       edges.likely_alone,
                       edges.least_alone,
                       edges.num_sources ? *edges.num_sources + 1 : 0,
                       edges.num_targets ? *edges.num_targets + 1 : 0};
    comm.broadcast(std::span<std::uint64_t>(numbers), Rank{0});
    edges = {numbers[0], numbers[1], numbers[2], numbers[3], {}, {}};
    if (numbers[4] > 0) edges.num_sources = numbers[4] - 1;
    if (numbers[5] > 0) edges.num_targets = numbers[5] - 1;
  }
  return expected;
}

/// Vertices by type, the types in the order of their first mention.
class VertexCounts {
 public:
  void raise(const std::string& type, std::uint64_t count) {
    const auto [place, is_new] = counts_.emplace(type, count);
    if (is_new) order_.push_back(type);
    place->second = std::max(place->second, count);
  }
  void add_to(graph::Schema& schema) const {
    for (const std::string& type : order_) schema.add_vertex_type(type, counts_.at(type));
  }

 private:
  std::map<std::string, std::uint64_t> counts_;
  std::vector<std::string> order_;
};

}  // namespace

ExpectedGraph expected_graph(const comm::Communicator& comm, const Config& config) {
  io::ImportOptions options;
  comm.agree([&] { options = import_options(config); });
  const std::vector<io::ExpectedEdges> expected = sample_inputs(comm, options.edges);
  ExpectedGraph result;
  VertexCounts likely;
  VertexCounts least;
  for (std::size_t e = 0; e < expected.size(); ++e) {
    const io::EdgeOptions& edges = options.edges[e];
    likely.raise(edges.source_type, expected[e].num_sources.value_or(expected[e].likely / kEdgesPerVertex));
    likely.raise(edges.destination_type, expected[e].num_targets.value_or(expected[e].likely / kEdgesPerVertex));
    least.raise(edges.source_type, expected[e].num_sources.value_or(0));
    least.raise(edges.destination_type, expected[e].num_targets.value_or(0));
  }
  likely.add_to(result.likely);
  least.add_to(result.least);
  for (std::size_t e = 0; e < expected.size(); ++e) {
    const io::EdgeOptions& edges = options.edges[e];
    graph::EdgeType type;
    type.source = *result.likely.find_vertex_type(edges.source_type);
    type.relation = edges.relation_name;
    type.destination = *result.likely.find_vertex_type(edges.destination_type);
    type.undirected = !edges.directed;
    type.has_weights = !edges.layout.weight.empty();
    type.has_times = !edges.layout.time.empty();
    if (edges.layout.format == io::TextFormat::kTriples) type.relations = {"relation"};
    type.count = expected[e].likely;
    result.likely.add_edge_type(type);
    result.likely_alone_bytes += expected[e].likely_alone * (8 + io::attribute_bytes(type));
    // What these rules drop is never held.
    const bool may_drop = edges.time_from || edges.time_to || edges.min_weight;
    type.count = may_drop ? 0 : expected[e].least;
    const std::uint64_t alone_bytes = may_drop ? 0 : expected[e].least_alone * (8 + io::attribute_bytes(type));
    result.least_alone_bytes = std::max(result.least_alone_bytes, alone_bytes);
    result.least.add_edge_type(std::move(type));
  }
  return result;
}

MemoryPlan plan_import_stage(const Config& config, const graph::Schema& schema, std::uint64_t alone_bytes,
                             std::int32_t ranks, std::uint32_t threads) {
  MemoryPlan plan = io::plan_import(schema, ranks, threads, kTypicalIdBytes);
  if (const std::uint64_t bytes = read_bytes(schema, ranks); alone_bytes > bytes) {
    plan.hold("edges that one rank reads alone, beyond its share", alone_bytes - bytes);
  }
  plan.hold("graph in home blocks", plan_home_blocks(schema, ranks).total_bytes());
  if (const std::uint64_t bytes = feature_bytes(config); bytes > 0) {
    plan.hold("features as read, sent, received and stored", 4 * rank_share(bytes, ranks));
  }
  if (config.entries("graph.filters") > 0) {
    plan.hold("occurrences and last times of filtered vertices", 17 * rank_share(schema.num_vertices(), ranks));
  }
  if (has_forget_lists(config))
    plan.hold("what is to be forgotten, whole on every rank", 4 * forget_list_bytes(config));
  if (config.path("graph.previous")) {
    plan.hold("the previous graph: rows, and slots a round at a time",
              32 * rank_share(schema.num_vertices(), ranks) + (std::uint64_t{64} << 20U));
  }
  return plan;
}

MemoryPlan plan_least_import(const Config& config, const ExpectedGraph& expected, std::int32_t ranks,
                             std::uint32_t threads) {
  MemoryPlan plan("import");
  plan.hold("blocks of text", io::plan_text_blocks(threads));
  plan.hold("edges as they are read, at the least",
            std::max(read_bytes(expected.least, ranks), expected.least_alone_bytes));
  if (const std::uint64_t declared = rank_share(expected.least.num_vertices(), ranks); declared > 0) {
    plan.hold("dictionary of declared vertices", 32 * declared);
  }
  if (const std::uint64_t features = rank_share(feature_bytes(config), ranks); features > 0) {
    plan.hold("features as read and stored", 2 * features);
  }
  return plan;
}

}  // namespace rove::jobs
