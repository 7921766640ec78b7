// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/comm/communicator.hpp"
#include "engine/graph/neighbor_lists.hpp"
#include "io/hdf5/header.hpp"
#include "io/hdf5/node_rows.hpp"
#include "io/hdf5/result_files.hpp"

namespace rove::io {

/// The weights of a model that scores without vectors: `/nodes/<type>/<table>` beside the ids, ranked lists under
/// `/neighbors/<source>/<target>`, numbers as attributes of `/settings`.
struct ModelFileView {
  struct Table {
    std::string_view name;
    std::string_view type;
    std::uint64_t columns = 0;
    std::span<const float> values;  ///< my block's rows
  };
  std::string model;  ///< "bspm"
  std::map<std::string, double> settings;
  std::vector<Table> tables;
  std::vector<NeighborSetView> lists;
};

/// **Collective.** Writes `model.h5`. `nodes` names every type of the tables and lists, once.
void write_model(const comm::Communicator& comm, const std::filesystem::path& path, std::span<const NodeView> nodes,
                 const ModelFileView& model, const FileProvenance& provenance);

struct ModelFile {
  struct Table {
    std::string name;
    std::string type;
    std::uint64_t columns = 0;
    std::vector<float> values;
  };
  struct Lists {
    std::string source;
    std::string target;
    graph::NeighborLists lists;
  };
  std::string model;
  std::map<std::string, double> settings;
  std::vector<NodeRows> nodes;  ///< my block of every type
  std::vector<Table> tables;
  std::vector<Lists> lists;
  FileHeader header;
};
/// **Collective.** My home blocks of everything in the file.
[[nodiscard]] ModelFile read_model(const comm::Communicator& comm, const std::filesystem::path& path);

}  // namespace rove::io
