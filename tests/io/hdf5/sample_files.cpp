// SPDX-License-Identifier: Apache-2.0
#include "tests/io/hdf5/sample_files.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/base/hash.hpp"
#include "engine/base/top_k.hpp"
#include "io/hdf5/graph_file.hpp"
#include "io/hdf5/node_rows.hpp"
#include "io/hdf5/result_files.hpp"
#include "tests/support/graphs.hpp"
#include "tests/support/shared_temp_directory.hpp"

namespace rove::tests {

io::FileProvenance sample_provenance() {
  io::FileProvenance provenance;
  provenance.software_version = "0.0.1-test";
  provenance.commit = "0123456";
  provenance.seed = 42;
  provenance.graph_digest = "00112233445566778899aabbccddeeff";
  provenance.created_utc = "2026-01-31T02:00:00Z";
  provenance.config_yaml = "name: sample\nseed: 42\n";
  return provenance;
}

io::ImportedGraph sample_import(const graph::GraphBlocks& whole, Rank rank, std::int32_t ranks) {
  io::ImportedGraph result;
  result.blocks = cut(whole, rank, ranks);
  for (std::size_t t = 0; t < whole.keys.size(); ++t) {
    const graph::VertexType& type = whole.schema.vertex_types()[t];
    std::map<VertexKey, std::string> id_of;
    for (std::uint64_t row = 0; row < type.count; ++row) {
      const std::string id = fmt::format("{}{}", type.name, row);
      id_of[vertex_key(type.name, id)] = id;
    }
    io::IdBlock& ids = result.ids.emplace_back();
    for (const VertexKey key : result.blocks.keys[t]) io::append(ids, id_of.at(key));
    io::FeatureBlock feature{"age/income", 2, {}};
    for (const VertexKey key : result.blocks.keys[t]) {
      feature.values.push_back(static_cast<float>(key.value() % 97));
      feature.values.push_back(static_cast<float>(key.value() % 89));
    }
    result.features.push_back({std::move(feature)});
  }
  for (std::size_t e = 0; e < whole.schema.edge_types().size(); ++e) {
    io::ImportCounts& counts = result.report.edge_types.emplace_back();
    counts.edge_type = whole.schema.name_of(EdgeTypeId{static_cast<std::uint16_t>(e)});
    counts.rows_read = 7;
    counts.rules = "duplicates: keep";
  }
  return result;
}

std::vector<float> sample_vectors(const graph::GraphBlocks& blocks, VertexTypeId type, Rank rank, std::int32_t ranks,
                                  std::uint64_t dim) {
  const IndexRange rows = blocks.distribution(type, ranks).block(rank);
  std::vector<float> vectors;
  for (std::uint64_t row = rows.begin; row < rows.end; ++row) {
    for (std::uint64_t d = 0; d < dim; ++d) {
      vectors.push_back(static_cast<float>(mix64(row * 16 + type.value(), d) % 1000) / 500.0F - 1.0F);
    }
  }
  return vectors;
}

graph::NeighborLists sample_lists(const graph::GraphBlocks& blocks, VertexTypeId source, VertexTypeId target, Rank rank,
                                  std::int32_t ranks, std::uint64_t length) {
  const IndexRange rows = blocks.distribution(source, ranks).block(rank);
  const std::uint64_t targets = blocks.schema.vertex_type(target).count;
  graph::NeighborLists lists;
  for (std::uint64_t row = rows.begin; row < rows.end; ++row) {
    std::vector<Scored> list;
    for (std::uint64_t t = row % 2; t < targets && row % 3 != 0 && list.size() < length; t += 2) {
      list.push_back({static_cast<float>(mix64(row, t) % 4) / 8.0F, t});
    }
    std::sort(list.begin(), list.end(), ranks_before);
    for (const Scored& entry : list) {
      lists.targets.push_back(entry.id);
      lists.scores.push_back(entry.score);
    }
    lists.offsets.push_back(lists.targets.size());
  }
  return lists;
}

void expect_same_at_one_rank(
    const comm::Communicator& comm,
    const std::function<void(const comm::Communicator&, const std::filesystem::path&)>& write) {
  const SharedTempDirectory directory(comm);
  const comm::Communicator alone = comm.split(comm.is_root() ? 0 : 1);
  if (comm.is_root()) write(alone, directory / "serial.h5");
  write(comm, directory / "parallel.h5");
  const io::hdf5::InputFile serial(directory / "serial.h5");
  const io::hdf5::InputFile parallel(directory / "parallel.h5");
  ASSERT_EQ(serial.datasets(), parallel.datasets());
  for (const std::string& name : serial.datasets()) {
    const io::hdf5::DatasetInfo info = serial.info(name);
    EXPECT_EQ(info.text(), parallel.info(name).text()) << name;
    EXPECT_EQ(serial.read_bytes(name, {0, info.rows()}), parallel.read_bytes(name, {0, info.rows()})) << name;
    EXPECT_EQ(serial.find_attribute(name, "xxh3"), parallel.find_attribute(name, "xxh3")) << name;
  }
  EXPECT_EQ(serial.find_attribute("/", "graph_digest"), parallel.find_attribute("/", "graph_digest"));
}

void write_sample_files(const comm::Communicator& comm, const graph::GraphBlocks& whole,
                        const std::filesystem::path& directory) {
  constexpr std::uint64_t kDim = 5;
  const io::ImportedGraph graph = sample_import(whole, comm.rank(), comm.size());
  const graph::Schema& schema = whole.schema;
  io::FileProvenance provenance = sample_provenance();
  provenance.graph_digest = io::write_graph(comm, directory / "graph.h5", graph, provenance);
  std::vector<std::vector<float>> vectors;
  std::vector<io::NodeView> nodes;
  for (std::size_t t = 0; t < schema.vertex_types().size(); ++t) {
    const VertexTypeId type{static_cast<std::uint16_t>(t)};
    vectors.push_back(sample_vectors(whole, type, comm.rank(), comm.size(), kDim));
    nodes.emplace_back(schema.vertex_types()[t].name, graph.ids[t], graph.blocks.keys[t]);
  }
  io::write_partition(comm, directory / "partition.h5", nodes, assign(comm, schema, Spread::kScattered),
                      R"({"cut": 1})", {0.5, 1U << 20U}, provenance);
  std::vector<io::EmbeddingsView> embeddings;
  for (std::size_t t = 0; t < nodes.size(); ++t) embeddings.push_back({nodes[t], vectors[t]});
  io::write_embeddings(comm, directory / "embeddings.h5", {"lightgcn", kDim, "dot", false, "space-1"}, embeddings,
                       provenance);

  const VertexTypeId source{0};
  const VertexTypeId target{static_cast<std::uint16_t>(nodes.size() > 1 ? 1 : 0)};
  const graph::NeighborLists lists = sample_lists(whole, source, target, comm.rank(), comm.size(), 4);
  const std::vector<float> bounds(lists.num_rows(), 0.25F);
  const io::NeighborSetView set{schema.vertex_type(source).name,
                                schema.vertex_type(target).name,
                                lists,
                                bounds,
                                {{"restart", 0.15}, {"method", std::string("power")}, {"exclude_linked", true}}};
  const auto listed = std::span(nodes).first(target.index() + 1);
  io::write_neighbors(comm, directory / "ppr.h5", io::FileFormat::kPpr, listed, std::span(&set, 1), provenance);
  io::write_neighbors(comm, directory / "recommendations.h5", io::FileFormat::kRecommendations, listed,
                      std::span(&set, 1), provenance);
}

}  // namespace rove::tests
