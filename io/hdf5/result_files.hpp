// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/comm/communicator.hpp"
#include "engine/graph/assignment.hpp"
#include "engine/graph/neighbor_lists.hpp"
#include "engine/graph/schema.hpp"
#include "io/hdf5/header.hpp"
#include "io/hdf5/node_rows.hpp"

namespace rove::io {

// --- partition.h5
// -------------------------------------------------------------------------------------------------------

/// What making it took: differs from run to run, so it lies in attributes.
struct PartitionCost {
  double seconds = 0;                     ///< of the slowest rank
  std::uint64_t peak_resident_bytes = 0;  ///< of the rank with most
};

/// **Collective.** Writes the part of every vertex, by id, and the partitioner's report (JSON text). `nodes` are the
/// assignment's types in their order.
void write_partition(const comm::Communicator& comm, const std::filesystem::path& path, std::span<const NodeView> nodes,
                     const graph::Assignment& assignment, std::string_view quality_json, const PartitionCost& cost,
                     const FileProvenance& provenance);

struct PartitionFile {
  graph::Assignment assignment;
  std::string quality_json;
  FileHeader header;
};
/// **Collective.** The parts of my home blocks. Throws `InputError` when the file is for another graph than one of
/// `schema` (types and counts).
[[nodiscard]] PartitionFile read_partition(const comm::Communicator& comm, const std::filesystem::path& path,
                                           const graph::Schema& schema);

// --- embeddings.h5
// ------------------------------------------------------------------------------------------------------

struct EmbeddingsInfo {
  std::string model;  ///< "lightgcn"
  std::uint64_t dim = 0;
  std::string metric = "dot";   ///< dot | cosine | l2: what the vectors were trained to be compared by
  bool normalized = false;      ///< every vector has length one
  std::string embedding_space;  ///< equal for all types that may be compared with each other
};

/// **Collective.** The attributes of vectors, on a group or dataset that exists.
void set_embeddings_info(hdf5::OutputFile& file, const std::string& object, const EmbeddingsInfo& info);
/// Those of `embeddings.h5`.
[[nodiscard]] EmbeddingsInfo embeddings_info(const hdf5::InputFile& file);

/// Names the first vertex whose vector is not finite: "user 'u7'".
[[nodiscard]] std::optional<std::string> first_not_finite(const NodeRows& nodes, std::span<const float> vectors,
                                                          std::uint64_t dim);
/// Throws `InputError` naming it and the file that the vectors come from.
void require_finite(const std::filesystem::path& file, const NodeRows& nodes, std::span<const float> vectors,
                    std::uint64_t dim);

struct EmbeddingsView {
  NodeView nodes;
  std::span<const float> vectors;  ///< my block's rows x dim
};

/// **Collective.** Writes vectors beside ids and keys.
void write_embeddings(const comm::Communicator& comm, const std::filesystem::path& path, const EmbeddingsInfo& info,
                      std::span<const EmbeddingsView> types, const FileProvenance& provenance);

struct EmbeddingsBlock {
  EmbeddingsInfo info;
  NodeRows nodes;
  std::vector<float> vectors;
  FileHeader header;
};
/// **Collective.** My home block of one type. Throws `InputError` when a vector is not finite, or not `dim` long.
[[nodiscard]] EmbeddingsBlock read_embeddings(const comm::Communicator& comm, const std::filesystem::path& path,
                                              const std::string& type);

// --- ppr.h5, recommendations.h5
// -----------------------------------------------------------------------------------------

struct NamedAttribute {
  std::string name;
  hdf5::AttributeValue value;
};

/// Ranked lists of all rows of the source type; rows without results have empty lists.
struct NeighborSetView {
  std::string_view source;
  std::string_view target;
  const graph::NeighborLists& lists;       ///< my home block of the source type
  std::span<const float> error_bounds;     ///< per row of my block, or empty
  std::vector<NamedAttribute> attributes;  ///< restart, method, dangling, exclusions, ...
};

/// **Collective.** Writes `ppr.h5` (`FileFormat::kPpr`) or `recommendations.h5`. `nodes` names every type the sets use,
/// once.
void write_neighbors(const comm::Communicator& comm, const std::filesystem::path& path, FileFormat format,
                     std::span<const NodeView> nodes, std::span<const NeighborSetView> sets,
                     const FileProvenance& provenance);

struct NeighborSet {
  graph::NeighborLists lists;
  std::vector<float> error_bounds;
  FileHeader header;
};
/// **Collective.** The lists of my home block of `source`. Throws `InputError` for a target that is no row of its type.
[[nodiscard]] NeighborSet read_neighbors(const comm::Communicator& comm, const std::filesystem::path& path,
                                         FileFormat format, const std::string& source, const std::string& target);

/// **Collective.** One set into a file that is being written.
void write_neighbor_set(hdf5::OutputFile& file, FileFormat format, const NeighborSetView& set);
/// Rows of one from a file that is open, checked as by `read_neighbors`.
[[nodiscard]] NeighborSet read_neighbor_set(const hdf5::InputFile& file, const std::string& group, IndexRange rows);

/// "/neighbors/<source>/<target>" or "/recommendations/<source>/<target>".
[[nodiscard]] std::string neighbor_group(FileFormat format, std::string_view source, std::string_view target);

}  // namespace rove::io
