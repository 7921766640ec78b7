// SPDX-License-Identifier: Apache-2.0
#include "io/hdf5/result_files.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "engine/base/checked_cast.hpp"
#include "engine/graph/block_distribution.hpp"

namespace rove::io {

namespace {

IndexRange home_block(const comm::Communicator& comm, std::uint64_t rows) {
  return graph::BlockDistribution(rows, comm.size()).block(comm.rank());
}

}  // namespace

void write_partition(const comm::Communicator& comm, const std::filesystem::path& path, std::span<const NodeView> nodes,
                     const graph::Assignment& assignment, std::string_view quality_json, const PartitionCost& cost,
                     const FileProvenance& provenance) {
  hdf5::OutputFile file(comm, path);
  for (std::size_t t = 0; t < nodes.size(); ++t) {
    write_nodes(file, nodes[t], t);
    file.write<std::int32_t>(node_group(nodes[t].type) + "/part", assignment.parts[t]);
  }
  file.set_attribute("/", "num_parts", static_cast<std::int64_t>(assignment.num_parts));
  file.set_attribute("/", "method", assignment.method);
  file.set_attribute("/", "seconds", cost.seconds);
  file.set_attribute("/", "peak_resident_bytes", checked_cast<std::int64_t>(cost.peak_resident_bytes));
  file.write_text("/quality", comm.broadcast_text(quality_json, Rank{0}));
  write_header(file, FileFormat::kPartition, provenance);
  file.commit();
}

PartitionFile read_partition(const comm::Communicator& comm, const std::filesystem::path& path,
                             const graph::Schema& schema) {
  PartitionFile result;
  comm.agree([&] {
    const hdf5::InputFile file(path);
    result.header = read_header(file, FileFormat::kPartition);
    result.assignment.num_parts = checked_cast<std::int32_t>(file.attribute<std::int64_t>("/", "num_parts"));
    result.assignment.method = file.attribute<std::string>("/", "method");
    result.quality_json = file.read_text("/quality");
    for (const graph::VertexType& type : schema.vertex_types()) {
      const NodeTypeInfo found = node_type(file, type.name);
      if (found.count != type.count) {
        throw InputError(
            fmt::format("{} has parts for {} vertices of type '{}', but the graph has {}; partition the "
                        "graph again",
                        path.string(), found.count, type.name, type.count));
      }
      result.assignment.parts.push_back(file.read<std::int32_t>(found.group + "/part", home_block(comm, type.count)));
    }
  });
  return result;
}

void set_embeddings_info(hdf5::OutputFile& file, const std::string& object, const EmbeddingsInfo& info) {
  file.set_attribute(object, "model", info.model);
  file.set_attribute(object, "dim", checked_cast<std::int64_t>(info.dim));
  file.set_attribute(object, "metric", info.metric);
  file.set_attribute(object, "normalized", info.normalized);
  file.set_attribute(object, "embedding_space", info.embedding_space);
}

EmbeddingsInfo embeddings_info(const hdf5::InputFile& file) {
  return {file.attribute<std::string>("/", "model"),
          checked_cast<std::uint64_t>(file.attribute<std::int64_t>("/", "dim")),
          file.attribute<std::string>("/", "metric"), file.attribute<bool>("/", "normalized"),
          file.attribute<std::string>("/", "embedding_space")};
}

std::optional<std::string> first_not_finite(const NodeRows& nodes, std::span<const float> vectors, std::uint64_t dim) {
  const auto bad = std::ranges::find_if(vectors, [](float x) { return !std::isfinite(x); });
  if (bad == vectors.end()) return std::nullopt;
  const auto row = static_cast<std::uint64_t>(bad - vectors.begin()) / dim;
  return fmt::format("{} '{}'", nodes.type, nodes.ids[row]);
}

void require_finite(const std::filesystem::path& file, const NodeRows& nodes, std::span<const float> vectors,
                    std::uint64_t dim) {
  if (const auto id = first_not_finite(nodes, vectors, dim)) {
    throw InputError(fmt::format("'{}': the vector of {} is not finite; train again", file.string(), *id));
  }
}

void write_embeddings(const comm::Communicator& comm, const std::filesystem::path& path, const EmbeddingsInfo& info,
                      std::span<const EmbeddingsView> types, const FileProvenance& provenance) {
  hdf5::OutputFile file(comm, path);
  for (std::size_t t = 0; t < types.size(); ++t) {
    write_nodes(file, types[t].nodes, t);
    file.write_matrix<float>(node_group(types[t].nodes.type) + "/vectors", types[t].vectors, info.dim);
  }
  set_embeddings_info(file, "/", info);
  write_header(file, FileFormat::kEmbeddings, provenance);
  file.commit();
}

EmbeddingsBlock read_embeddings(const comm::Communicator& comm, const std::filesystem::path& path,
                                const std::string& type) {
  EmbeddingsBlock result;
  comm.agree([&] {
    const hdf5::InputFile file(path);
    result.header = read_header(file, FileFormat::kEmbeddings);
    result.info = embeddings_info(file);
    const NodeTypeInfo found = node_type(file, type);
    const IndexRange rows = home_block(comm, found.count);
    result.nodes = read_nodes(file, type, rows);
    file.require_columns(found.group + "/vectors", result.info.dim);
    result.vectors = file.read<float>(found.group + "/vectors", rows);
    require_finite(path, result.nodes, result.vectors, result.info.dim);
  });
  return result;
}

std::string neighbor_group(FileFormat format, std::string_view source, std::string_view target) {
  return fmt::format("/{}/{}/{}", format == FileFormat::kRecommendations ? "recommendations" : "neighbors",
                     hdf5::escape_name(source), hdf5::escape_name(target));
}

void write_neighbor_set(hdf5::OutputFile& file, FileFormat format, const NeighborSetView& set) {
  const std::string group = neighbor_group(format, set.source, set.target);
  file.make_group(group);
  file.set_attribute(group, "source", std::string(set.source));
  file.set_attribute(group, "target", std::string(set.target));
  for (const NamedAttribute& attribute : set.attributes) file.set_attribute(group, attribute.name, attribute.value);
  file.write_indptr(group + "/indptr", set.lists.offsets);
  file.write_as_int64(group + "/indices", set.lists.targets);
  file.write<float>(group + "/scores", set.lists.scores);
  const bool has_bounds = file.comm().all_reduce<std::uint64_t>(set.error_bounds.size(), comm::ReduceOp::kMax) > 0;
  if (has_bounds) file.write<float>(group + "/error_bounds", set.error_bounds);
}

NeighborSet read_neighbor_set(const hdf5::InputFile& file, const std::string& group, IndexRange rows) {
  NeighborSet result;
  for (const char* dataset : {"/indptr", "/indices", "/scores"}) file.require_columns(group + dataset, 1);
  result.lists.offsets = file.read<std::uint64_t>(group + "/indptr", {rows.begin, rows.end + 1});
  std::vector<std::uint64_t>& offsets = result.lists.offsets;
  if (!std::is_sorted(offsets.begin(), offsets.end())) {
    throw InputError(fmt::format("{}: {}/indptr does not ascend; the file is damaged", file.path().string(), group));
  }
  const IndexRange slots{offsets.front(), offsets.back()};
  result.lists.targets = file.read<std::uint64_t>(group + "/indices", slots);
  require_all_below(file, group + "/indices", result.lists.targets,
                    node_type(file, file.attribute<std::string>(group, "target")).count);
  result.lists.scores = file.read<float>(group + "/scores", slots);
  if (file.contains(group + "/error_bounds")) result.error_bounds = file.read<float>(group + "/error_bounds", rows);
  for (std::uint64_t& offset : offsets) offset -= slots.begin;
  return result;
}

void write_neighbors(const comm::Communicator& comm, const std::filesystem::path& path, FileFormat format,
                     std::span<const NodeView> nodes, std::span<const NeighborSetView> sets,
                     const FileProvenance& provenance) {
  hdf5::OutputFile file(comm, path);
  for (std::size_t t = 0; t < nodes.size(); ++t) write_nodes(file, nodes[t], t);
  for (const NeighborSetView& set : sets) write_neighbor_set(file, format, set);
  write_header(file, format, provenance);
  file.commit();
}

NeighborSet read_neighbors(const comm::Communicator& comm, const std::filesystem::path& path, FileFormat format,
                           const std::string& source, const std::string& target) {
  NeighborSet result;
  comm.agree([&] {
    const hdf5::InputFile file(path);
    FileHeader header = read_header(file, format);
    const IndexRange rows = home_block(comm, node_type(file, source).count);
    result = read_neighbor_set(file, neighbor_group(format, source, target), rows);
    result.header = std::move(header);
  });
  return result;
}

}  // namespace rove::io
