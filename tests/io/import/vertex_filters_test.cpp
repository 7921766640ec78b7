// SPDX-License-Identifier: Apache-2.0
//
// `graph.filters`: rare and stale vertices get no row.
#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.hpp"
#include "engine/graph/distributed_graph.hpp"
#include "io/import/import_graph.hpp"
#include "tests/io/import/import_files.hpp"
#include "tests/io/import/whole_graph.hpp"
#include "tests/support/mpi.hpp"
#include "tests/support/shared_temp_directory.hpp"

namespace rove::tests {
namespace {

using testing::HasSubstr;
using testing::UnorderedElementsAre;

struct Row {
  std::string source;
  std::string target;
  std::int64_t time = 0;
};
/// Distinct pairs between `sources` and `targets` ids that begin with these letters.
std::vector<Row> random_rows(std::uint32_t seed, const char* source, const char* target, std::uint32_t sources = 50,
                             std::uint32_t targets = 40) {
  std::mt19937 random(seed);
  std::map<std::pair<std::string, std::string>, std::int64_t> rows;
  for (int i = 0; i < 200; ++i) {
    rows.emplace(
        std::pair{fmt::format("{}{}", source, random() % sources), fmt::format("{}{}", target, random() % targets)},
        random() % 1000);
  }
  std::vector<Row> result;
  for (const auto& [pair, time] : rows) result.push_back({pair.first, pair.second, time});
  return result;
}

io::EdgeOptions edges_of(const SharedTempDirectory& directory, const std::string& source, const std::string& relation,
                         const std::string& target, const std::vector<Row>& rows) {
  std::string text;
  for (const Row& row : rows) text += fmt::format("{} {} {}\n", row.source, row.target, row.time);
  io::EdgeOptions edges;
  edges.source_type = source;
  edges.relation_name = relation;
  edges.destination_type = target;
  edges.layout.files = {put(directory, relation, text)};
  edges.layout.time = "3";
  return edges;
}

/// What rows say of every vertex, counted one row at a time.
struct Seen {
  std::map<std::string, std::uint64_t> count;
  std::map<std::string, std::int64_t> last;
  std::int64_t newest = 0;

  void add(const std::vector<Row>& rows) {
    for (const Row& row : rows) {
      for (const std::string& id : {row.source, row.target}) {
        ++count[id];
        last[id] = std::max(last[id], row.time);
      }
      newest = std::max(newest, row.time);
    }
  }
};

TEST(VertexFilters, TakeOutRareAndStaleVerticesOnce) {
  const SharedTempDirectory directory(world());
  const std::vector<Row> rows = random_rows(4, "u", "i");
  // A second edge type, whose sightings count as well.
  const std::vector<Row> views = random_rows(5, "s", "i", 9);
  Seen seen;
  seen.add(rows);
  seen.add(views);
  io::ImportOptions options;
  options.edges = {edges_of(directory, "user", "rates", "item", rows),
                   edges_of(directory, "shop", "sells", "item", views)};
  options.filters = {{"item", 6, {}}, {"user", 2, 250}};
  const auto reason = [&](const std::string& id) {
    if (id[0] == 'i') return seen.count[id] < 6 ? 1 : 0;
    if (id[0] == 's') return 0;
    return seen.count[id] < 2 ? 1 : seen.newest - seen.last[id] > 250 ? 2 : 0;
  };
  const io::ImportedGraph graph = io::import_graph(world(), options);
  const WholeGraph found = whole(world(), graph);

  std::map<char, std::set<std::string>> stay;
  std::map<char, std::array<std::uint64_t, 3>> vertices;
  for (const auto& [id, times] : seen.count) {
    ++vertices[id[0]][static_cast<std::size_t>(reason(id))];
    if (reason(id) == 0) stay[id[0]].insert(id);
  }
  EXPECT_EQ(ids_of(found, "user"), stay['u']);
  EXPECT_EQ(ids_of(found, "item"), stay['i']);
  EXPECT_EQ(ids_of(found, "shop"), stay['s']);
  ASSERT_EQ(graph.report.filters.size(), 2U);
  EXPECT_EQ(graph.report.filters[0].type, "item");
  EXPECT_EQ(graph.report.filters[0].rare, vertices['i'][1]);
  EXPECT_EQ(graph.report.filters[0].expired, 0U);
  EXPECT_EQ(graph.report.filters[1].rare, vertices['u'][1]);
  EXPECT_EQ(graph.report.filters[1].expired, vertices['u'][2]);
  EXPECT_GT(vertices['i'][1], 0U);
  EXPECT_GT(vertices['u'][1], 0U);
  EXPECT_GT(vertices['u'][2], 0U);
  for (const auto& [e, log] : {std::pair{0U, &rows}, std::pair{1U, &views}}) {
    Pairs kept;
    std::array<std::uint64_t, 3> edges{};
    for (const Row& row : *log) {
      const int ends[] = {reason(row.source), reason(row.target)};
      const bool is_rare = ends[0] == 1 || ends[1] == 1;
      ++edges[is_rare ? 1 : static_cast<std::size_t>(std::max(ends[0], ends[1]))];
      if (ends[0] == 0 && ends[1] == 0) kept.emplace(row.source, row.target);
    }
    EXPECT_EQ(pairs_of(found.edges[e]), kept);
    EXPECT_EQ(graph.report.edge_types[e].rare, edges[1]);
    EXPECT_EQ(graph.report.edge_types[e].expired, edges[2]);
    EXPECT_EQ(graph.report.edge_types[e].edges_kept, kept.size());
  }
}

TEST(VertexFilters, CountAnUndirectedEdgeOnceAtEachEnd) {
  const SharedTempDirectory directory(world());
  io::ImportOptions options;
  options.edges = {
      edges_of(directory, "user", "knows", "user", {{"a", "b", 1}, {"a", "c", 2}, {"b", "c", 3}, {"d", "a", 4}})};
  options.edges[0].directed = false;
  options.filters = {{"user", 2, {}}};
  const io::ImportedGraph graph = io::import_graph(world(), options);
  EXPECT_THAT(whole(world(), graph).ids.at("user"), UnorderedElementsAre("a", "b", "c"));
  EXPECT_EQ(graph.report.edge_types[0].rare, 1U);
  EXPECT_EQ(graph.report.edge_types[0].edges_kept, 6U);  // stored in both directions
  options.edges[0].directed = true;
  EXPECT_THAT(whole(world(), io::import_graph(world(), options)).ids.at("user"), UnorderedElementsAre("a", "b", "c"));
}

TEST(VertexFilters, NeverExpireWhatHasNoTimeAndSpareNoListedVertex) {
  const SharedTempDirectory directory(world());
  io::ImportOptions options;
  options.edges = {edges_of(directory, "user", "rates", "item", {{"u1", "i1", 100}, {"u2", "i1", 900}})};
  io::NodeOptions nodes;
  nodes.type = "item";
  nodes.files = {put(directory, "items", "i1\nunseen\n")};
  options.nodes.push_back(nodes);
  options.filters = {{"item", 0, 0}, {"user", 0, 799}};
  const io::ImportedGraph stale = io::import_graph(world(), options);
  EXPECT_THAT(whole(world(), stale).ids.at("item"), UnorderedElementsAre("i1", "unseen"));
  EXPECT_THAT(whole(world(), stale).ids.at("user"), UnorderedElementsAre("u2"));
  options.filters = {{"item", 1, {}}, {"user", 0, 800}};
  const io::ImportedGraph rare = io::import_graph(world(), options);
  EXPECT_THAT(whole(world(), rare).ids.at("item"), UnorderedElementsAre("i1"));
  EXPECT_THAT(whole(world(), rare).ids.at("user"), UnorderedElementsAre("u1", "u2"));
}

/// A vertex keeps its link when others, before it in key order, have gone.
TEST(VertexFilters, AndCoresLeaveLinksAtTheirVertices) {
  const SharedTempDirectory directory(world());
  std::vector<Row> rows;
  std::vector<Row> facts;
  std::string links;
  Pairs expected;
  for (int i = 0; i < 30; ++i) {
    // Every second item is rated once only.
    for (int u = 0; u < (i % 2 == 0 ? 3 : 1); ++u) rows.push_back({fmt::format("u{}", u), fmt::format("i{}", i), 1});
    facts.push_back({fmt::format("e{}", i), "genre", 1});
    links += fmt::format("i{} e{}\n", i, i);
    if (i % 2 == 0) expected.emplace(fmt::format("i{}", i), "genre");
  }
  for (const bool by_core : {false, true}) {
    io::ImportOptions options;
    options.edges = {edges_of(directory, "user", "rates", "item", rows),
                     edges_of(directory, "entity", "is", "entity", facts)};
    io::LinkOptions link;
    link.type = "item";
    link.alias_type = "entity";
    link.layout.files = {put(directory, "links", links)};
    options.links.push_back(link);
    if (by_core) {
      options.edges[0].k_core = 2;
    } else {
      options.filters = {{"item", 2, {}}};
    }
    const WholeGraph found = whole(world(), io::import_graph(world(), options));
    std::map<std::string, Pairs> edges;
    for (const WholeEdges& type : found.edges) edges[type.type] = pairs_of(type);
    EXPECT_EQ(edges["item,is,entity"], expected) << by_core;
    EXPECT_EQ(edges["entity,is,entity"].size(), 15U) << by_core;
  }
}

TEST(VertexFilters, RefuseWhatTheyCannotMean) {
  const SharedTempDirectory directory(world());
  io::ImportOptions options;
  options.edges = {edges_of(directory, "user", "rates", "item", {{"a", "b", 1}})};
  options.filters = {{"book", 2, {}}};
  EXPECT_THAT(message_of(options), HasSubstr("names the type 'book', but the graph has the vertex types user, item"));
  options.filters = {{"user", 0, {}}};
  EXPECT_THAT(message_of(options), HasSubstr("graph.filters [user] has no rule"));
  options.filters = {{"user", 2, {}}, {"user", 0, 3}};
  EXPECT_THAT(message_of(options), HasSubstr("graph.filters [user] stands twice"));
  options.filters = {{"user", 0, 10}};
  options.edges[0].layout.time.clear();
  EXPECT_THAT(message_of(options), HasSubstr("needs the times of its edges"));
}

}  // namespace
}  // namespace rove::tests
