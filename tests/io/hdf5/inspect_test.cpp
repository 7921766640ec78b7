// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "io/hdf5/describe.hpp"
#include "io/hdf5/diff.hpp"
#include "io/hdf5/graph_file.hpp"
#include "io/hdf5/input_file.hpp"
#include "io/hdf5/lookup.hpp"
#include "io/hdf5/result_files.hpp"
#include "io/publish/manifest.hpp"
#include "tests/io/hdf5/sample_files.hpp"
#include "tests/support/graphs.hpp"
#include "tests/support/mpi.hpp"
#include "tests/support/shared_temp_directory.hpp"

namespace rove::tests {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(Describe, NamesEverythingAFileHolds) {
  const SharedTempDirectory directory(world());
  write_sample_files(world(), random_typed(40, 3), directory.path());

  const io::FileDescription description = io::describe_file(directory / "ppr.h5");

  EXPECT_EQ(description.header.format, io::FileFormat::kPpr);
  EXPECT_EQ(description.types.size(), 2U);
  const auto json = nlohmann::json::parse(io::to_json(description));
  EXPECT_EQ(json.at("groups").at("/neighbors/user/item").at("restart"), 0.15);
  EXPECT_EQ(json.at("groups").at("/neighbors/user/item").at("exclude_linked"), true);
  EXPECT_EQ(json.at("config"), sample_provenance().config_yaml);
  const std::string text = io::to_text(description);
  EXPECT_THAT(text, HasSubstr("rove/ppr version 1"));
  EXPECT_THAT(text, HasSubstr("/neighbors/user/item/scores"));
}

TEST(Lookup, FindsEveryRowByItsId) {
  const SharedTempDirectory directory(world());
  const graph::GraphBlocks whole = random_typed(40, 3);
  write_sample_files(world(), whole, directory.path());
  const io::ImportedGraph all = sample_import(whole, Rank{0}, 1);
  const graph::AdjacencyBlock& rated = whole.edges[0].by_source;
  const std::vector<float> vectors = sample_vectors(whole, VertexTypeId{0}, Rank{0}, 1, 5);
  const graph::NeighborLists lists = sample_lists(whole, VertexTypeId{0}, VertexTypeId{1}, Rank{0}, 1, 4);
  const auto parts = io::hdf5::InputFile(directory / "partition.h5")
                         .read<std::int32_t>("/nodes/user/part", {0, whole.schema.vertex_types()[0].count});

  for (std::uint64_t row = 0; row < all.ids[0].size(); row += 7) {
    const std::string id(all.ids[0][row]);
    const auto in_embeddings = io::lookup(directory / "embeddings.h5", id, std::nullopt, 10);
    ASSERT_EQ(in_embeddings.size(), 1U) << id;
    EXPECT_EQ(in_embeddings[0].row.row, row);
    EXPECT_EQ(in_embeddings[0].row.key, whole.keys[0][row]);
    EXPECT_TRUE(std::equal(in_embeddings[0].vector.begin(), in_embeddings[0].vector.end(),
                           vectors.begin() + static_cast<std::ptrdiff_t>(5 * row)));

    const auto in_ppr = io::lookup(directory / "ppr.h5", id, "user", 10);
    ASSERT_EQ(in_ppr.at(0).lists.size(), 1U);
    const io::LookupList& list = in_ppr[0].lists[0];
    ASSERT_EQ(list.length, lists.targets_of(row).size());
    for (std::size_t i = 0; i < list.entries.size(); ++i) {
      EXPECT_EQ(list.entries[i].id, all.ids[1][lists.targets_of(row)[i]]);
      EXPECT_EQ(list.entries[i].score, lists.scores_of(row)[i]);
    }

    const auto in_partition = io::lookup(directory / "partition.h5", id, std::nullopt, 10);
    EXPECT_EQ(in_partition.at(0).part, parts[row]);
    EXPECT_THAT(io::to_text(in_partition[0]), HasSubstr(fmt::format("part {}\n", parts[row])));

    const auto in_graph = io::lookup(directory / "graph.h5", id, "user", 1);
    const io::LookupList& edges = in_graph.at(0).lists.at(0);
    EXPECT_EQ(edges.name, "/edges/user__rates__item/by_source");
    EXPECT_EQ(edges.length, rated.offsets[row + 1] - rated.offsets[row]);
    EXPECT_EQ(edges.entries.size(), std::min<std::uint64_t>(1, edges.length));
    if (edges.length > 0) {
      EXPECT_EQ(edges.entries[0].id, all.ids[1][rated.targets[rated.offsets[row]]]);
      EXPECT_EQ(edges.entries[0].weight, rated.weights[rated.offsets[row]]);
    }
    EXPECT_THAT(io::to_text(in_graph[0]), HasSubstr("user " + id));
    EXPECT_EQ(nlohmann::json::parse(io::to_json(in_graph))[0].at("key"), std::to_string(whole.keys[0][row].value()));
  }
  EXPECT_THAT(io::lookup(directory / "embeddings.h5", "nobody", std::nullopt, 10), IsEmpty());
  EXPECT_THROW((void)io::lookup(directory / "embeddings.h5", "user1", "song", 10), InputError);
}

TEST(Diff, EqualRunsHaveTheSameBytes) {
  const SharedTempDirectory first(world());
  const SharedTempDirectory second(world());
  const graph::GraphBlocks whole = random_typed(40, 3);
  write_sample_files(world(), whole, first.path());
  write_sample_files(world(), whole, second.path());

  const io::RunDiff diff = io::diff_runs(first.path(), second.path());

  EXPECT_TRUE(diff.same_bytes()) << io::to_text(diff);
  EXPECT_EQ(diff.files.size(), 5U);
  EXPECT_TRUE(nlohmann::json::parse(io::to_json(diff)).at("same_bytes"));
}

TEST(Diff, RowsVectorsListsAndMetricsAreCompared) {
  const SharedTempDirectory first(world());
  const SharedTempDirectory second(world());
  write_sample_files(world(), random_bipartite(9, 6, 30, 2), first.path());
  write_sample_files(world(), random_bipartite(11, 6, 30, 2), second.path());
  if (world().is_root()) {
    io::publish::write_metrics(first / "metrics.json", {{"recall@20", 0.1}, {"same", 1}});
    io::publish::write_metrics(second / "metrics.json", {{"recall@20", 0.2}, {"same", 1}});
  }
  world().barrier();

  const io::RunDiff diff = io::diff_runs(first.path(), second.path());

  EXPECT_FALSE(diff.same_bytes());
  ASSERT_EQ(diff.metrics.size(), 1U);
  EXPECT_EQ(diff.metrics.at("recall@20").second, 0.2);
  const io::FileDiff& embeddings = diff.files.at(0);
  EXPECT_EQ(embeddings.rows.at(0).type, "user");
  EXPECT_EQ(embeddings.rows.at(0).shared, 9U);
  EXPECT_EQ(embeddings.rows.at(0).added, 2U);
  EXPECT_THAT(embeddings.rows.at(0).added_ids, ::testing::UnorderedElementsAre("user9", "user10"));
  EXPECT_EQ(embeddings.drift.at(0).type, "user");
  EXPECT_LT(embeddings.drift.at(0).min_cosine, 1.0);
  // Items are the same in both: their vectors are functions of the row.
  EXPECT_EQ(embeddings.drift.at(1).identical, 6U);
  EXPECT_EQ(embeddings.drift.at(1).mean_cosine, 1.0);
  const io::FileDiff& ppr = diff.files.at(3);
  EXPECT_EQ(ppr.lists.at(0).rows, 9U);
  EXPECT_LT(ppr.lists.at(0).mean_overlap, 1.0);
  EXPECT_THAT(io::to_text(diff), HasSubstr("recall@20: 0.1 and 0.2"));
}

}  // namespace
}  // namespace rove::tests
