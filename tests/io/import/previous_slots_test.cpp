// SPDX-License-Identifier: Apache-2.0
//
// Night after night of changed interactions: slots against a slow twin that changes one slot at a time.
#include "io/import/previous_slots.hpp"

#include <algorithm>
#include <fstream>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.hpp"
#include "io/hdf5/graph_file.hpp"
#include "io/import/import_graph.hpp"
#include "tests/io/import/import_files.hpp"
#include "tests/io/import/whole_graph.hpp"
#include "tests/support/mpi.hpp"
#include "tests/support/shared_temp_directory.hpp"

namespace rove::tests {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::uint32_t kGone = io::kGoneEdge;

TEST(KeptSlots, AppendsThenFillsHolesFromTheEnd) {
  const auto slots = [](std::vector<std::uint32_t> match, std::uint32_t edges) { return io::kept_slots(match, edges); };
  EXPECT_THAT(slots({0, kGone, 1, 2}, 5), ElementsAre(0, 4, 1, 2, 3)) << "the example of the header";
  EXPECT_THAT(slots({}, 3), ElementsAre(0, 1, 2));
  EXPECT_THAT(slots({1, 0}, 2), ElementsAre(1, 0));
  EXPECT_THAT(slots({kGone, kGone}, 0), ElementsAre());
  EXPECT_THAT(slots({kGone, 0, kGone, 1}, 2), ElementsAre(1, 0));
  EXPECT_THAT(slots({kGone, 0}, 3), ElementsAre(2, 0, 1));
}

/// Lists of one direction: the row's own end, then its edges slot by slot.
using Rows = std::map<std::string, std::vector<NamedEdge>>;

Rows rows_of(const std::vector<NamedEdge>& edges, bool by_source) {
  Rows rows;
  for (const NamedEdge& edge : edges) rows[by_source ? edge.source : edge.target].push_back(edge);
  return rows;
}

bool same_edge(const NamedEdge& a, const NamedEdge& b) {
  return a.source == b.source && a.target == b.target && a.relation == b.relation;
}

/// One slot at a time: first every edge that is new, then every edge that is gone, from the last slot on.
std::vector<NamedEdge> changed_row(std::vector<NamedEdge> slots, std::vector<NamedEdge> today) {
  const std::size_t num_before = slots.size();
  const auto by_attributes = [](const NamedEdge* a, const NamedEdge* b) {
    return std::tie(a->time, a->weight) < std::tie(b->time, b->weight);
  };
  std::vector<bool> taken(today.size());
  std::vector<bool> stays(num_before);
  // The n-th of yesterday's parallel edges, by time and weight, is the n-th of today's.
  std::vector<NamedEdge*> before;
  for (NamedEdge& edge : slots) before.push_back(&edge);
  std::ranges::stable_sort(before, by_attributes);
  std::vector<const NamedEdge*> candidates;
  for (const NamedEdge& edge : today) candidates.push_back(&edge);
  std::ranges::stable_sort(candidates, by_attributes);
  for (NamedEdge* edge : before) {
    for (const NamedEdge* candidate : candidates) {
      const auto place = static_cast<std::size_t>(candidate - today.data());
      if (taken[place] || !same_edge(*edge, *candidate)) continue;
      taken[place] = true;
      stays[static_cast<std::size_t>(edge - slots.data())] = true;
      *edge = *candidate;
      break;
    }
  }
  for (std::size_t i = 0; i < today.size(); ++i) {
    if (!taken[i]) slots.push_back(today[i]);
  }
  for (std::size_t slot = num_before; slot-- > 0;) {
    if (stays[slot]) continue;
    slots[slot] = slots.back();
    slots.pop_back();
  }
  return slots;
}

std::vector<NamedEdge> changed(const std::vector<NamedEdge>& before, const std::vector<NamedEdge>& today,
                               const std::vector<std::string>& row_ids, bool by_source) {
  Rows old_rows = rows_of(before, by_source);
  Rows new_rows = rows_of(today, by_source);
  std::vector<NamedEdge> result;
  for (const std::string& id : row_ids) {
    for (const NamedEdge& edge : changed_row(old_rows[id], new_rows[id])) result.push_back(edge);
  }
  return result;
}

struct Kind {
  const char* name;
  bool same_type;
  bool directed;
  bool relations;
  bool attributes;
  io::Duplicates duplicates;
};

class Nights : public testing::TestWithParam<Kind> {
 protected:
  [[nodiscard]] io::EdgeOptions options(const std::string& file) const {
    io::EdgeOptions edges;
    edges.source_type = "user";
    edges.relation_name = "rates";
    edges.destination_type = GetParam().same_type ? "user" : "item";
    edges.layout.files = {file};
    edges.layout.format = io::TextFormat::kCsv;
    edges.layout.source = "s";
    edges.layout.target = "t";
    if (GetParam().relations) edges.layout.relation = "r";
    if (GetParam().attributes) {
      edges.layout.weight = "w";
      edges.layout.time = "when";
    }
    edges.directed = GetParam().directed;
    edges.duplicates = GetParam().duplicates;
    return edges;
  }

  std::string write(const std::string& name, const std::vector<ReferenceRow>& rows) const {
    const std::string path = (directory_ / name).string();
    if (world().is_root()) {
      std::ofstream file(path);
      file << "s,t,r,w,when\n";
      for (const ReferenceRow& row : rows) {
        file << fmt::format("{},{},{},{},{}\n", row.source, row.target, row.relation, row.weight, row.time);
      }
    }
    world().barrier();
    return path;
  }

  SharedTempDirectory directory_{world()};
};

TEST_P(Nights, KeepSlotsAsTheSlowTwinDoes) {
  std::mt19937 random(7);  // NOLINT(cert-msc51-cpp): the same rows on every rank and in every run
  const auto below = [&](std::uint32_t n) { return static_cast<std::uint32_t>(random() % n); };
  std::vector<ReferenceRow> rows;
  WholeGraph before;
  std::string previous;
  for (int night = 0; night < 6; ++night) {
    // Ids drift, so that vertices come and go; a hub keeps most of its many edges.
    std::erase_if(rows, [&](const ReferenceRow&) { return below(5) == 0; });
    if (night == 4) std::erase_if(rows, [&](const ReferenceRow& row) { return row.source != "hub"; });
    for (std::uint32_t i = 0; i < 120; ++i) {
      const auto drift = static_cast<std::uint32_t>(3 * night);
      rows.push_back({below(3) == 0 ? "hub" : fmt::format("{}", drift + below(20)),
                      fmt::format("{}", drift + below(25)),
                      GetParam().relations ? fmt::format("rel{}", (below(3) + drift) % 4) : "",
                      static_cast<float>(below(4)), below(5)});
    }
    std::ranges::shuffle(rows, random);
    io::ImportOptions import;
    import.edges = {options(write(fmt::format("{}.csv", night), rows))};
    import.previous = previous;
    const io::ImportedGraph imported = io::import_graph(world(), import);
    const WholeGraph found = whole(world(), imported);

    const WholeGraph canonical = reference_import(rows, import.edges[0]);
    WholeGraph expected = canonical;
    WholeEdges& edges = expected.edges[0];
    const std::vector<std::string>& sources = expected.ids["user"];
    const std::vector<std::string>& targets = expected.ids[GetParam().same_type ? "user" : "item"];
    if (night > 0) {
      edges.by_source = changed(before.edges[0].by_source, edges.by_source, sources, true);
      edges.by_destination = changed(before.edges[0].by_destination, edges.by_destination, targets, false);
    }
    EXPECT_EQ(found.ids, expected.ids);
    EXPECT_EQ(found.edges[0].offsets, edges.offsets);
    EXPECT_EQ(found.edges[0].by_source, edges.by_source) << "night " << night;
    EXPECT_EQ(found.edges[0].by_destination, edges.by_destination) << "night " << night;
    std::vector<std::uint64_t> positions = found.edges[0].positions;
    std::ranges::sort(positions);
    for (std::size_t i = 0; i < positions.size(); ++i) EXPECT_EQ(positions[i], i);
    if (night > 0) {
      ASSERT_EQ(imported.report.slot_changes.size(), 1U);
      const io::SlotChanges& changes = imported.report.slot_changes[0];
      EXPECT_EQ(changes.kept + changes.added, edges.by_source.size());
      EXPECT_EQ(changes.kept + changes.removed, before.edges[0].by_source.size());
      EXPECT_GT(changes.kept, 0U);
      EXPECT_NE(edges.by_source, canonical.edges[0].by_source) << "the test sees no order but by key";
    }

    previous = (directory_ / fmt::format("graph{}.h5", night)).string();
    const std::string digest = io::write_graph(world(), previous, imported, {});
    import.previous = previous;
    const io::ImportedGraph again = io::import_graph(world(), import);
    EXPECT_EQ(whole(world(), again).edges[0].by_source, found.edges[0].by_source) << "unchanged rows change nothing";
    EXPECT_EQ(whole(world(), again).edges[0].by_destination, found.edges[0].by_destination);
    if (!GetParam().attributes && GetParam().duplicates != io::Duplicates::kKeep) {
      EXPECT_EQ(io::write_graph(world(), directory_ / "again.h5", again, {}), digest);
    }
    before = found;
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, Nights,
                         testing::Values(Kind{"bipartite", false, true, false, false, io::Duplicates::kFirst},
                                         Kind{"parallel", false, true, false, true, io::Duplicates::kKeep},
                                         Kind{"undirected", true, false, false, false, io::Duplicates::kFirst},
                                         Kind{"relations", true, true, true, true, io::Duplicates::kLast}),
                         [](const testing::TestParamInfo<Kind>& kind) { return std::string(kind.param.name); });

TEST(PreviousGraph, OfOtherTypesIsRefused) {
  const SharedTempDirectory directory(world());
  const auto put = [&](const std::string& name, const std::string& text) {
    const std::string path = (directory / name).string();
    if (world().is_root()) std::ofstream(path) << text;
    world().barrier();
    return path;
  };
  const std::string file = put("edges.txt", "1 2\n2 3\n");
  const auto job = [&](const std::string& source, const std::string& relation, const std::string& target) {
    io::ImportOptions options;
    io::EdgeOptions& edges = options.edges.emplace_back();
    edges.source_type = source;
    edges.relation_name = relation;
    edges.destination_type = target;
    edges.layout.files = {file};
    return options;
  };
  const std::string previous = (directory / "graph.h5").string();
  (void)io::write_graph(world(), previous, io::import_graph(world(), job("user", "rates", "item")), {});
  io::ImportOptions same = job("user", "rates", "item");
  same.previous = previous;
  EXPECT_EQ(message_of(same), "no error");

  io::ImportOptions types = job("user", "rates", "book");
  types.previous = previous;
  EXPECT_THAT(message_of(types), HasSubstr("has the vertex types user, item; expected today's user, book"));
  io::ImportOptions relations = job("user", "likes", "item");
  relations.previous = previous;
  EXPECT_THAT(message_of(relations), HasSubstr("user,rates,item; expected today's user,likes,item"));

  (void)io::write_graph(world(), previous, io::import_graph(world(), job("user", "knows", "user")), {});
  io::ImportOptions undirected = job("user", "knows", "user");
  undirected.edges[0].directed = false;
  undirected.previous = previous;
  EXPECT_THAT(message_of(undirected), HasSubstr("directed and have no relations"));

  io::ImportOptions two = job("user", "rates", "item");
  two.edges.push_back(job("user", "knows", "user").edges[0]);
  (void)io::write_graph(world(), previous, io::import_graph(world(), two), {});
  std::swap(two.edges[0], two.edges[1]);
  two.edges[0].directed = false;
  two.previous = previous;
  EXPECT_THAT(message_of(two), HasSubstr("has edges of user,knows,user that are directed and have no relations"));

  io::ImportOptions missing = same;
  missing.previous = (directory / "nowhere.h5").string();
  EXPECT_THAT(message_of(missing), HasSubstr("nowhere.h5"));
  missing.previous = file;
  EXPECT_THAT(message_of(missing), HasSubstr("edges.txt"));
}

}  // namespace
}  // namespace rove::tests
