// SPDX-License-Identifier: Apache-2.0
//
// `forget` lists at import: the graph is that of a log without the rows that name what is listed.
#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.hpp"
#include "io/import/import_graph.hpp"
#include "tests/io/import/import_files.hpp"
#include "tests/io/import/whole_graph.hpp"
#include "tests/support/mpi.hpp"
#include "tests/support/shared_temp_directory.hpp"

namespace rove::tests {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

struct Row {
  std::string source;
  std::string target;
  float weight = 1;
  std::int64_t time = 0;
};
using Rows = std::vector<Row>;

Rows random_rows(std::uint32_t seed, const char* source, const char* target, int count) {
  std::mt19937 random(seed);
  Rows rows;
  for (int i = 0; i < count; ++i) {
    rows.push_back({fmt::format("{}{}", source, random() % 20), fmt::format("{}{}", target, random() % 15),
                    static_cast<float>(1 + random() % 5), static_cast<std::int64_t>(random() % 100)});
  }
  return rows;
}

std::string text_of(const Rows& rows) {
  std::string text;
  for (const Row& row : rows) text += fmt::format("{} {} {} {}\n", row.source, row.target, row.weight, row.time);
  return text;
}

io::EdgeOptions edges(const std::string& source, const std::string& relation, const std::string& target,
                      std::string file) {
  io::EdgeOptions edges;
  edges.source_type = source;
  edges.relation_name = relation;
  edges.destination_type = target;
  edges.layout.files = {std::move(file)};
  edges.layout.weight = "3";
  edges.layout.time = "4";
  return edges;
}

/// A list of vertices `letter`0 to `letter`(count - 1) of a type.
io::NodeOptions vertices(const SharedTempDirectory& directory, const std::string& type, int count,
                         const std::set<std::string>& without = {}) {
  std::string text;
  for (int i = 0; i < count; ++i) {
    const std::string id = fmt::format("{}{}", type[0], i);
    if (!without.contains(id)) text += id + "\n";
  }
  io::NodeOptions nodes;
  nodes.type = type;
  nodes.files = {put(directory, type + std::to_string(without.size()), text)};
  return nodes;
}

std::string lines(const std::set<std::string>& ids) {
  std::string text;
  for (const std::string& id : ids) text += id + "\n";
  return text;
}

/// What is asked for, as a slow import would leave it out: one row at a time.
struct Request {
  std::set<std::string> users;
  std::set<std::string> items;
  Pairs pairs;

  [[nodiscard]] bool names(const std::string& a, const std::string& b) const {
    const auto is_listed = [&](const std::string& id) { return users.contains(id) || items.contains(id); };
    return is_listed(a) || is_listed(b) || pairs.contains({a, b}) || pairs.contains({b, a});
  }
  [[nodiscard]] Rows left(const Rows& rows) const {
    Rows result;
    std::ranges::copy_if(rows, std::back_inserter(result),
                         [&](const Row& row) { return !names(row.source, row.target); });
    return result;
  }
  [[nodiscard]] io::ForgetOptions options(const SharedTempDirectory& directory, const std::string& user_type,
                                          const std::string& item_type, const std::string& more_users = "",
                                          const std::string& more_pairs = "") const {
    std::string listed_pairs;
    for (const auto& [user, item] : pairs) listed_pairs += fmt::format("{}\t{}\n", user, item);
    io::ForgetOptions forget;
    forget.user_type = user_type;
    forget.item_type = item_type;
    if (!users.empty()) forget.users = {put(directory, "gone_users", lines(users) + more_users)};
    if (!items.empty()) forget.items = {put(directory, "gone_items", lines(items))};
    if (!pairs.empty()) forget.interactions.files = {put(directory, "gone_pairs", listed_pairs + more_pairs)};
    return forget;
  }
};

TEST(Forgotten, LeaveTheGraphOfALogWithoutThem) {
  const SharedTempDirectory directory(world());
  const Rows rates = random_rows(1, "u", "i", 300);
  const Rows shown = random_rows(2, "i", "u", 120);
  const Rows sells = random_rows(3, "s", "i", 60);
  Request request{{rates[0].source, rates[50].source}, {rates[20].target}, {}};
  for (std::size_t i = 5; i < rates.size(); i += 9) {
    const Row& row = rates[i];
    if (!request.users.contains(row.source) && !request.items.contains(row.target)) {
      request.pairs.emplace(row.source, row.target);
    }
  }
  for (const io::Duplicates rule : {io::Duplicates::kSum, io::Duplicates::kKeep, io::Duplicates::kLast}) {
    io::ImportOptions options;
    const auto set_edges = [&](const Rows& a, const Rows& b, const Rows& c) {
      options.edges = {edges("user", "rates", "item", put(directory, "a", text_of(a))),
                       edges("item", "shown", "user", put(directory, "b", text_of(b))),
                       edges("shop", "sells", "item", put(directory, "c", text_of(c)))};
      for (io::EdgeOptions& type : options.edges) type.duplicates = rule;
      // A cap lets other edges move up in the place of those that go.
      options.edges[0].max_degree = 6;
    };
    set_edges(request.left(rates), request.left(shown), request.left(sells));
    options.nodes = {vertices(directory, "user", 20, request.users), vertices(directory, "item", 20, request.items)};
    const io::ImportedGraph expected = io::import_graph(world(), options);

    set_edges(rates, shown, sells);
    options.nodes = {vertices(directory, "user", 20), vertices(directory, "item", 20)};
    options.forget = request.options(directory, "user", "item", "nobody\r\n\r\n",
                                     "nobody nothing\nsomebody nothing\n" + *request.users.begin() + " i1\n");
    const io::ImportedGraph found = io::import_graph(world(), options);
    EXPECT_EQ(whole(world(), found), whole(world(), expected));

    std::size_t e = 0;
    for (const Rows* rows : {&rates, &shown, &sells}) {
      EXPECT_EQ(found.report.edge_types[e].rows_read, rows->size());
      EXPECT_EQ(found.report.edge_types[e].forgotten, rows->size() - request.left(*rows).size());
      EXPECT_EQ(found.report.edge_types[e].dangling_endpoints, 0U);
      EXPECT_EQ(found.report.edge_types[e].duplicates, expected.report.edge_types[e].duplicates);
      ++e;
    }
    ASSERT_TRUE(found.report.forgotten.has_value());
    EXPECT_EQ(found.report.forgotten->users, 2U);
    EXPECT_EQ(found.report.forgotten->items, 1U);
    EXPECT_EQ(found.report.forgotten->interactions, request.pairs.size());
    EXPECT_EQ(found.report.forgotten->unknown, 2U);  // pairs of listed users go with them, unknown or not
    EXPECT_FALSE(expected.report.forgotten.has_value());
  }
}

TEST(Forgotten, PairsOfOneTypeGoBothWays) {
  const SharedTempDirectory directory(world());
  io::ImportOptions options;
  options.edges = {
      edges("user", "knows", "user", put(directory, "e", "a b 1 1\nb c 1 1\nc a 1 1\nd a 1 1\nb b 1 1\n"))};
  const Request request{{"d"}, {}, {{"a", "c"}, {"c", "d"}, {"b", "a"}, {"c", "c"}}};
  options.forget = request.options(directory, "user", "user");
  for (const bool directed : {true, false}) {
    options.edges[0].directed = directed;
    const io::ImportedGraph graph = io::import_graph(world(), options);
    const WholeGraph found = whole(world(), graph);
    EXPECT_THAT(found.ids.at("user"), UnorderedElementsAre("a", "b", "c"));
    EXPECT_EQ(pairs_of(found.edges[0]),
              directed ? (Pairs{{"b", "c"}, {"b", "b"}}) : (Pairs{{"b", "c"}, {"c", "b"}, {"b", "b"}}));
    EXPECT_EQ(graph.report.edge_types[0].forgotten, 3U);
    EXPECT_EQ(graph.report.forgotten->users, 1U);
    EXPECT_EQ(graph.report.forgotten->interactions, 2U);
    EXPECT_EQ(graph.report.forgotten->unknown, 1U);
  }
}

TEST(Forgotten, AliasesGoWithTheirVertex) {
  const SharedTempDirectory directory(world());
  io::ImportOptions options;
  options.edges = {edges("user", "rates", "item", put(directory, "e", "1 a 1 1\n2 b 1 1\n")),
                   edges("entity", "is", "entity", put(directory, "k", "m1 x 1 1\nm2 x 1 1\nalso_m1 x 1 1\n"))};
  io::LinkOptions link;
  link.type = "item";
  link.alias_type = "entity";
  link.layout.files = {put(directory, "l", "a m1\na also_m1\nb m2\n")};
  options.links.push_back(link);
  options.forget = Request{{}, {"a"}, {}}.options(directory, "user", "item");
  const io::ImportedGraph graph = io::import_graph(world(), options);
  const WholeGraph found = whole(world(), graph);
  EXPECT_THAT(found.ids.at("item"), UnorderedElementsAre("b"));
  EXPECT_THAT(found.ids.at("entity"), UnorderedElementsAre("x"));
  EXPECT_EQ(graph.report.forgotten->items, 1U);
  EXPECT_EQ(graph.report.edge_types[1].forgotten, 2U);
}

TEST(Forgotten, PairsGoBetweenAliasesToo) {
  const SharedTempDirectory directory(world());
  io::ImportOptions options;
  options.edges = {
      edges("user", "buys", "item", put(directory, "b", "u1 i1 1 1\nu2 i1 1 1\nu1 i2 1 1\n")),
      edges("user", "views", "entity", put(directory, "v", "u1 e1 1 1\nu2 e1 1 1\nu1 e2 1 1\nu2 e2 1 1\n")),
      edges("wiki", "read_by", "member", put(directory, "w", "w1 m1 1 1\nw1 m2 1 1\n"))};
  const auto link = [&](const std::string& type, const std::string& alias_type, const std::string& text) {
    io::LinkOptions& links = options.links.emplace_back();
    links.type = type;
    links.alias_type = alias_type;
    links.layout.files = {put(directory, type + "_links", text)};
  };
  link("entity", "wiki", "e1 w1\n");
  link("item", "entity", "i1 e1\ni2 e2\n");
  link("user", "member", "u1 m1\nu2 m2\n");
  // Of the second pair the files have an alias alone.
  options.forget = Request{{}, {}, {{"u1", "i1"}, {"u2", "i2"}}}.options(directory, "user", "item");
  const io::ImportedGraph graph = io::import_graph(world(), options);
  std::map<std::string, Pairs> found;
  for (const WholeEdges& type : whole(world(), graph).edges) found[type.type] = pairs_of(type);
  const std::map<std::string, Pairs> expected{{"user,buys,item", {{"u2", "i1"}, {"u1", "i2"}}},
                                              {"user,views,item", {{"u2", "i1"}, {"u1", "i2"}}},
                                              {"item,read_by,user", {{"i1", "u2"}}}};
  EXPECT_EQ(found, expected);
  EXPECT_EQ(graph.report.edge_types[0].forgotten, 1U);
  EXPECT_EQ(graph.report.edge_types[1].forgotten, 2U);
  EXPECT_EQ(graph.report.edge_types[2].forgotten, 1U);
  EXPECT_EQ(graph.report.forgotten->interactions, 2U);
  EXPECT_EQ(graph.report.forgotten->unknown, 0U);
}

TEST(Forgotten, TakeAlongTheRelationsOfNoOtherRow) {
  const SharedTempDirectory directory(world());
  io::ImportOptions options;
  options.edges = {edges("user", "did", "item",
                         put(directory, "e", "u1 i1 1 1 hid\nu2 i1 1 1 saw\nu1 i2 1 1 saw\nu2 i2 1 1 bought\n"))};
  options.edges[0].layout.relation = "5";
  options.forget = Request{{"u1"}, {}, {}}.options(directory, "user", "item");
  const io::ImportedGraph graph = io::import_graph(world(), options);
  EXPECT_THAT(graph.blocks.schema.edge_types()[0].relations, ElementsAre("bought", "saw"));
  EXPECT_EQ(whole(world(), graph).sorted_edges(),
            (std::vector<NamedEdge>{{"u2", "i1", "saw", 1, 1}, {"u2", "i2", "bought", 1, 1}}));
}

TEST(Forgotten, HaveNoFeaturesAndDangleNowhere) {
  const SharedTempDirectory directory(world());
  io::ImportOptions options;
  options.edges = {edges("user", "rates", "item", put(directory, "e", "1 a 1 1\n2 b 1 1\n7 a 1 1\n"))};
  io::NodeOptions nodes;
  nodes.type = "user";
  nodes.files = {std::string(ROVE_TEST_DATA) + "/people.user"};
  nodes.format = io::NodeFormat::kRecBole;
  nodes.dangling = io::Dangling::kError;
  options.nodes.push_back(nodes);
  options.forget = Request{{"1"}, {}, {}}.options(directory, "user", "item");
  EXPECT_THAT(message_of(options),
              HasSubstr("e:3:1: found the user '7', which the vertex lists do not have, and 1 such row"))
      << "user 7";
  options.forget = Request{{"1", "7"}, {}, {}}.options(directory, "user", "item");
  const io::ImportedGraph graph = io::import_graph(world(), options);
  EXPECT_FALSE(ids_of(whole(world(), graph), "user").contains("1"));
  EXPECT_EQ(graph.features[0][0].values.size(), graph.ids[0].size() * 2);
  EXPECT_EQ(graph.report.edge_types[0].forgotten, 2U);
}

TEST(Forgotten, BadListsAreRefused) {
  const SharedTempDirectory directory(world());
  io::ImportOptions options;
  options.edges = {edges("user", "rates", "item", put(directory, "e", "1 a 1 1\n"))};
  io::ForgetOptions& forget = options.forget;
  forget.user_type = "user";
  forget.item_type = "item";
  forget.users = {put(directory, "users", "1\n\xff\xfe\n")};
  EXPECT_THAT(message_of(options), AllOf(HasSubstr("users:2:1"), HasSubstr("an id that is not UTF-8")));
  forget.users = {(directory / "nowhere").string()};
  EXPECT_THAT(message_of(options), HasSubstr("nowhere"));
  forget.users = {};
  forget.interactions.files = {put(directory, "pairs", "1 a\n1\n")};
  EXPECT_THAT(message_of(options), AllOf(HasSubstr("pairs:2:1"), HasSubstr("expected at least 2 columns")));
  forget.item_type = "book";
  EXPECT_THAT(message_of(options), HasSubstr("forget: the graph has no vertex type 'book', but the types user, item"));
}

}  // namespace
}  // namespace rove::tests
