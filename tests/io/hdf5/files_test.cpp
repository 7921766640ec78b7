// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.hpp"
#include "io/export/vector_files.hpp"
#include "io/hdf5/checkpoint_directory.hpp"
#include "io/hdf5/graph_file.hpp"
#include "io/hdf5/mapped_file.hpp"
#include "io/hdf5/result_files.hpp"
#include "io/hdf5/row_join.hpp"
#include "tests/io/hdf5/sample_files.hpp"
#include "tests/support/graphs.hpp"
#include "tests/support/mpi.hpp"
#include "tests/support/shared_temp_directory.hpp"

namespace rove::tests {
namespace {

void expect_equal(const graph::AdjacencyBlock& a, const graph::AdjacencyBlock& b) {
  EXPECT_EQ(a.offsets, b.offsets);
  EXPECT_EQ(a.targets, b.targets);
  EXPECT_EQ(a.weights, b.weights);
  EXPECT_EQ(a.times, b.times);
  EXPECT_EQ(a.relations, b.relations);
}

TEST(GraphFile, ReadsBackWhatWasWritten) {
  for (const NamedGraph& sample : awkward_graphs()) {
    SCOPED_TRACE(sample.name);
    const SharedTempDirectory directory(world());
    const io::ImportedGraph graph = sample_import(sample.whole, world().rank(), world().size());

    const std::string digest = io::write_graph(world(), directory / "graph.h5", graph, sample_provenance());
    const io::GraphFile back = io::read_graph(world(), directory / "graph.h5");

    EXPECT_EQ(back.header.provenance.graph_digest, digest);
    EXPECT_EQ(back.header.provenance.config_yaml, sample_provenance().config_yaml);
    EXPECT_EQ(back.blocks.keys, graph.blocks.keys);
    ASSERT_EQ(back.blocks.edges.size(), graph.blocks.edges.size());
    for (std::size_t e = 0; e < back.blocks.edges.size(); ++e) {
      const graph::EdgeType& type = back.blocks.schema.edge_types()[e];
      const graph::EdgeType& expected = graph.blocks.schema.edge_types()[e];
      EXPECT_EQ(type.relation, expected.relation);
      EXPECT_EQ(type.count, expected.count);
      EXPECT_EQ(type.undirected, expected.undirected);
      EXPECT_EQ(type.relations, expected.relations);
      expect_equal(back.blocks.edges[e].by_source, graph.blocks.edges[e].by_source);
      expect_equal(back.blocks.edges[e].by_destination, graph.blocks.edges[e].by_destination);
      EXPECT_EQ(back.blocks.edges[e].edge_positions, graph.blocks.edges[e].edge_positions);
    }
    for (std::size_t t = 0; t < graph.ids.size(); ++t) {
      const std::string& type = graph.blocks.schema.vertex_types()[t].name;
      const io::NodeRows nodes = io::read_nodes(world(), directory / "graph.h5", type);
      EXPECT_EQ(nodes.ids.bytes, graph.ids[t].bytes);
      EXPECT_EQ(nodes.ids.offsets, graph.ids[t].offsets);
      const auto features = io::read_features(world(), directory / "graph.h5", type);
      ASSERT_EQ(features.size(), 1U);
      EXPECT_EQ(features[0].name, "age/income");
      EXPECT_EQ(features[0].values, graph.features[t][0].values);
    }
  }
}

TEST(GraphFile, DatasetBytesAreThoseOfOneRank) {
  for (const NamedGraph& sample : awkward_graphs()) {
    SCOPED_TRACE(sample.name);
    expect_same_at_one_rank(world(), [&](const comm::Communicator& comm, const std::filesystem::path& path) {
      io::write_graph(comm, path, sample_import(sample.whole, comm.rank(), comm.size()), sample_provenance());
    });
  }
}

TEST(GraphFile, KeyOverridesAreKept) {
  const SharedTempDirectory directory(world());
  io::ImportedGraph graph = sample_import(random_bipartite(5, 4, 12, 1), world().rank(), world().size());
  graph.overrides = {{VertexTypeId{1}, "item3", VertexKey{77}}};

  io::write_graph(world(), directory / "graph.h5", graph, sample_provenance());

  const io::hdf5::InputFile file(directory / "graph.h5");
  const auto back = io::read_key_overrides(file, VertexTypeId{1});
  ASSERT_EQ(back.size(), 1U);
  EXPECT_EQ(back[0].id, "item3");
  EXPECT_EQ(back[0].key, VertexKey{77});
  EXPECT_TRUE(io::read_key_overrides(file, VertexTypeId{0}).empty());
}

TEST(ResultFiles, ReadBackWhatWasWritten) {
  const SharedTempDirectory directory(world());
  const graph::GraphBlocks whole = random_typed(40, 3);
  const graph::Schema& schema = whole.schema;
  write_sample_files(world(), whole, directory.path());

  const io::PartitionFile partition = io::read_partition(world(), directory / "partition.h5", schema);
  const io::EmbeddingsBlock items = io::read_embeddings(world(), directory / "embeddings.h5", "item");
  const io::NeighborSet ppr = io::read_neighbors(world(), directory / "ppr.h5", io::FileFormat::kPpr, "user", "item");

  const graph::Assignment assignment = assign(world(), schema, Spread::kScattered);
  EXPECT_EQ(partition.assignment.parts, assignment.parts);
  EXPECT_EQ(partition.assignment.num_parts, assignment.num_parts);
  EXPECT_EQ(partition.quality_json, R"({"cut": 1})");
  EXPECT_EQ(items.vectors, sample_vectors(whole, VertexTypeId{1}, world().rank(), world().size(), 5));
  EXPECT_EQ(items.nodes.keys, cut(whole, world().rank(), world().size()).keys[1]);
  EXPECT_EQ(items.info.embedding_space, "space-1");
  EXPECT_EQ(ppr.lists, sample_lists(whole, VertexTypeId{0}, VertexTypeId{1}, world().rank(), world().size(), 4));
  EXPECT_EQ(ppr.error_bounds.size(), ppr.lists.num_rows());
}

TEST(ResultFiles, DatasetBytesAreThoseOfOneRank) {
  const graph::GraphBlocks whole = random_typed(40, 3);
  for (const char* name : {"embeddings.h5", "ppr.h5", "recommendations.h5"}) {
    expect_same_at_one_rank(world(), [&](const comm::Communicator& comm, const std::filesystem::path& path) {
      const SharedTempDirectory directory(comm);
      write_sample_files(comm, whole, directory.path());
      comm.barrier();
      if (comm.is_root()) std::filesystem::copy_file(directory / name, path);
      comm.barrier();
    });
  }
}

/// What the `InputError` says, or "no error".
std::string input_error_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

/// **Collective.** A ppr.h5 of nine users and six items with the lists that rank 0 gives, sound or not.
void write_raw_lists(const std::filesystem::path& path, std::vector<std::uint64_t> indptr,
                     std::vector<std::uint64_t> indices) {
  const io::ImportedGraph graph = sample_import(random_bipartite(9, 6, 30, 2), world().rank(), world().size());
  if (!world().is_root()) {
    indptr.clear();
    indices.clear();
  }
  io::hdf5::OutputFile file(world(), path);
  const std::string types[] = {"user", "item"};
  for (std::size_t t = 0; t < 2; ++t) io::write_nodes(file, {types[t], graph.ids[t], graph.blocks.keys[t]}, t);
  const std::string group = io::neighbor_group(io::FileFormat::kPpr, types[0], types[1]);
  file.make_group(group);
  file.set_attribute(group, "source", types[0]);
  file.set_attribute(group, "target", types[1]);
  file.write_as_int64(group + "/indptr", indptr);
  file.write_as_int64(group + "/indices", indices);
  file.write<float>(group + "/scores", std::vector<float>(indices.size(), 0.5F));
  io::write_header(file, io::FileFormat::kPpr, sample_provenance());
  file.commit();
}

TEST(ResultFiles, ListsThatPointNowhereAreRefused) {
  const SharedTempDirectory directory(world());
  const auto path = directory / "ppr.h5";
  const auto read = [&] { (void)io::read_neighbors(world(), path, io::FileFormat::kPpr, "user", "item"); };
  write_raw_lists(path, {0, 1, 2, 3, 3, 3, 3, 3, 3, 4}, {5, 0, 1, 2});
  EXPECT_EQ(input_error_of(read), "no error");
  write_raw_lists(path, {0, 1, 2, 3, 3, 3, 3, 3, 3, 4}, {5, 0, 1, 6});
  EXPECT_THAT(input_error_of(read),
              ::testing::HasSubstr("ppr.h5: /neighbors/user/item/indices holds 6, expected numbers below 6"));
  write_raw_lists(path, {0, 1, 2, 3, 3, 3, 3, 3, 3, std::uint64_t{1} << 60U}, {5, 0, 1, 2});
  EXPECT_THAT(input_error_of(read), ::testing::HasSubstr("dataset /neighbors/user/item/indices has 4 rows, but rows"));
}

TEST(ResultFiles, RowsOfListsThatDoNotExistAreRefused) {
  const SharedTempDirectory directory(world());
  write_raw_lists(directory / "ppr.h5", {0, 1, 2, 2, 2, 2, 2, 4, 3, 400}, {5, 0, 1, 2});
  const io::hdf5::MappedFile file(directory / "ppr.h5");
  io::ListReader lists(file, "/neighbors/user/item");
  EXPECT_EQ(lists.targets(0).size(), 1U);
  EXPECT_THAT(input_error_of([&] { (void)lists.targets(7); }),
              ::testing::HasSubstr("dataset /neighbors/user/item/indices has 4 rows, but rows 4 to 3 are needed"));
  EXPECT_THAT(input_error_of([&] { (void)lists.targets(8); }), ::testing::HasSubstr("but rows 3 to 400 are needed"));
  EXPECT_THAT(input_error_of([&] { (void)lists.targets(9); }), ::testing::HasSubstr("/neighbors/user/item/indptr"));
}

TEST(ResultFiles, VectorsOfAnotherLengthThanTheFileSaysAreRefused) {
  const SharedTempDirectory directory(world());
  const graph::GraphBlocks whole = random_bipartite(9, 6, 30, 2);
  const io::ImportedGraph graph = sample_import(whole, world().rank(), world().size());
  const auto path = directory / "embeddings.h5";
  io::hdf5::OutputFile file(world(), path);
  io::write_nodes(file, {"user", graph.ids[0], graph.blocks.keys[0]}, 0);
  file.write_matrix<float>("/nodes/user/vectors",
                           sample_vectors(whole, VertexTypeId{0}, world().rank(), world().size(), 3), 3);
  io::set_embeddings_info(file, "/", {"lightgcn", 5, "dot", false, "space-1"});
  io::write_header(file, io::FileFormat::kEmbeddings, sample_provenance());
  file.commit();

  const auto refused = ::testing::HasSubstr("dataset /nodes/user/vectors has 3 columns, expected 5");
  EXPECT_THAT(input_error_of([&] { (void)io::read_embeddings(world(), path, "user"); }), refused);
  EXPECT_THAT(input_error_of([&] {
                (void)io::export_vectors(world(), path, "user", io::VectorFormat::kNpy, directory / "users");
              }),
              refused);
}

TEST(Header, FilesOfOtherKindsAndNewerVersionsAreRejected) {
  const SharedTempDirectory directory(world());
  const auto write = [&](const char* name, const char* format, std::int64_t version) {
    io::hdf5::OutputFile file(world(), directory / name);
    file.set_attribute("/", "format", std::string(format));
    file.set_attribute("/", "format_version", version);
    file.set_attribute("/", "software_version", std::string("9.8.7"));
    file.commit();
  };
  const auto message_of = [&](const char* name) -> std::string {
    try {
      (void)io::read_graph(world(), directory / name);
    } catch (const InputError& error) {
      return error.what();
    }
    return "read";
  };
  write("newer.h5", "rove/graph", io::version_of(io::FileFormat::kGraph) + 1);
  write("other.h5", "rove/embeddings", 1);
  write("unknown.h5", "rove/hologram", 1);

  EXPECT_THAT(message_of("newer.h5"), ::testing::HasSubstr("has version 2 of the format 'rove/graph'"));
  EXPECT_THAT(message_of("newer.h5"), ::testing::HasSubstr("9.8.7"));
  EXPECT_THAT(message_of("other.h5"), ::testing::HasSubstr("expected 'rove/graph'"));
  EXPECT_THAT(message_of("unknown.h5"), ::testing::HasSubstr("does not know"));
}

/// A registry over a distributed graph whose state is a function of the stable ids.
struct State {
  explicit State(const comm::Communicator& comm, const graph::GraphBlocks& whole, Spread spread)
      : graph(distribute(comm, whole, spread)), rows(graph.num_owned() * 3U) {
    registry.add_value("epoch", epoch);
    registry.add_vertex_rows<float>("layer/0", graph, rows, 3);
  }
  void fill() {
    epoch = 12;
    for (std::uint32_t v = 0; v < graph.num_owned(); ++v) {
      for (std::uint32_t d = 0; d < 3; ++d) rows[3 * v + d] = value(v, d);
    }
  }
  [[nodiscard]] float value(std::uint32_t v, std::uint32_t d) const {
    return static_cast<float>(graph.index_map().stable_of(LocalVertexId{v}).value() * 10 + d);
  }

  graph::DistributedGraph graph;
  std::uint64_t epoch = 0;
  std::vector<float> rows;
  exec::CheckpointRegistry registry;
};

TEST(CheckpointDirectory, RestoresAtAnotherNumberOfRanksAndPartition) {
  const SharedTempDirectory directory(world());
  const graph::GraphBlocks whole = random_typed(30, 5);
  const comm::Communicator alone = world().split(world().is_root() ? 0 : 1);
  if (world().is_root()) {
    State writer(alone, whole, Spread::kBlock);
    const io::CheckpointDirectory checkpoints(alone, directory.path());
    EXPECT_FALSE(checkpoints.latest().has_value());
    checkpoints.save(writer.registry, 11, "stage-a", sample_provenance());
    writer.fill();
    checkpoints.save(writer.registry, 12, "stage-a", sample_provenance());
  }
  world().barrier();

  State reader(world(), whole, Spread::kScattered);
  const io::CheckpointDirectory checkpoints(world(), directory.path());
  EXPECT_FALSE(checkpoints.restore(reader.registry, "stage-b").has_value());
  const auto info = checkpoints.restore(reader.registry, "stage-a");

  ASSERT_TRUE(info.has_value());
  EXPECT_EQ(info->progress, 12U);
  EXPECT_EQ(info->serial, 2U);
  EXPECT_EQ(reader.epoch, 12U);
  for (std::uint32_t v = 0; v < reader.graph.num_owned(); ++v) {
    for (std::uint32_t d = 0; d < 3; ++d) EXPECT_EQ(reader.rows[3 * v + d], reader.value(v, d));
  }
  world().barrier();
  checkpoints.clear();
  EXPECT_FALSE(checkpoints.latest().has_value());
}

TEST(CheckpointDirectory, DamageIsFound) {
  const SharedTempDirectory directory(world());
  State state(world(), random_typed(30, 5), Spread::kBlock);
  state.fill();
  const io::CheckpointDirectory checkpoints(world(), directory.path());
  checkpoints.save(state.registry, 1, "stage", sample_provenance());
  if (world().is_root()) {
    // A value that occurs once: component 2 of stable vertex 17.
    std::string bytes(std::filesystem::file_size(directory / "generation-0.h5"), '\0');
    std::FILE* file = std::fopen((directory / "generation-0.h5").c_str(), "r+b");
    ASSERT_EQ(std::fread(bytes.data(), 1, bytes.size(), file), bytes.size());
    const float needle = 172;
    const std::size_t at = bytes.find(std::string_view(reinterpret_cast<const char*>(&needle), sizeof needle));
    ASSERT_NE(at, std::string::npos);
    std::fseek(file, static_cast<long>(at), SEEK_SET);
    std::fputc(1, file);
    std::fclose(file);
  }
  world().barrier();

  EXPECT_THROW((void)checkpoints.restore(state.registry, "stage"), InputError);
}

}  // namespace
}  // namespace rove::tests
