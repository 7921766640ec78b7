// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "engine/comm/communicator.hpp"
#include "engine/graph/graph_blocks.hpp"
#include "io/hdf5/header.hpp"
#include "io/hdf5/node_rows.hpp"

namespace rove::io {

/// **Collective.** Writes `graph.h5`. Returns the graph's digest (which is also written): it depends on the graph
/// alone, not on ranks. Nothing is gathered.
std::string write_graph(const comm::Communicator& comm, const std::filesystem::path& path, const ImportedGraph& graph,
                        const FileProvenance& provenance);

/// The types and edge types of `graph.h5`.
[[nodiscard]] graph::Schema read_schema(const hdf5::InputFile& file);

struct GraphFile {
  graph::GraphBlocks blocks;
  FileHeader header;
};

/// **Collective.** This rank's home blocks, at any number of ranks.
[[nodiscard]] GraphFile read_graph(const comm::Communicator& comm, const std::filesystem::path& path);

/// **Collective.** Features of my home block of one vertex type, ordered by name.
[[nodiscard]] std::vector<FeatureBlock> read_features(const comm::Communicator& comm, const std::filesystem::path& path,
                                                      const std::string& type);

/// Key overrides of the vertex type with this position in the file; few.
[[nodiscard]] std::vector<KeyOverride> read_key_overrides(const hdf5::InputFile& file, VertexTypeId type);

/// **Collective.** Ids and keys of my home block of one vertex type: from any file that has it.
[[nodiscard]] NodeRows read_nodes(const comm::Communicator& comm, const std::filesystem::path& path,
                                  const std::string& type);

}  // namespace rove::io
