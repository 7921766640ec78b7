// SPDX-License-Identifier: Apache-2.0
#include "io/hdf5/model_file.hpp"

#include <algorithm>
#include <array>

#include "engine/graph/block_distribution.hpp"

namespace rove::io {
namespace {

constexpr const char* kSettings = "/settings";
/// What a type's group holds beside tables.
constexpr std::array kIdentity{"ids", "ids_bytes", "ids_offsets", "keys"};

}  // namespace

void write_model(const comm::Communicator& comm, const std::filesystem::path& path, std::span<const NodeView> nodes,
                 const ModelFileView& model, const FileProvenance& provenance) {
  hdf5::OutputFile file(comm, path);
  for (std::size_t t = 0; t < nodes.size(); ++t) write_nodes(file, nodes[t], t);
  for (const ModelFileView::Table& table : model.tables) {
    file.write_matrix<float>(node_group(table.type) + "/" + std::string(table.name), table.values, table.columns);
  }
  for (const NeighborSetView& set : model.lists) write_neighbor_set(file, FileFormat::kModel, set);
  file.make_group(kSettings);
  for (const auto& [name, value] : model.settings) file.set_attribute(kSettings, name, value);
  file.set_attribute("/", "model", model.model);
  write_header(file, FileFormat::kModel, provenance);
  file.commit();
}

ModelFile read_model(const comm::Communicator& comm, const std::filesystem::path& path) {
  ModelFile result;
  comm.agree([&] {
    const hdf5::InputFile file(path);
    result.header = read_header(file, FileFormat::kModel);
    result.model = file.attribute<std::string>("/", "model");
    for (const std::string& name : file.attribute_names(kSettings)) {
      result.settings[name] = file.attribute<double>(kSettings, name);
    }
    for (const NodeTypeInfo& type : node_types(file)) {
      const IndexRange rows = graph::BlockDistribution(type.count, comm.size()).block(comm.rank());
      result.nodes.push_back(read_nodes(file, type.name, rows));
      for (const std::string& name : file.members(type.group)) {
        if (std::ranges::find(kIdentity, name) != kIdentity.end()) continue;
        const std::string dataset = type.group + "/" + name;
        result.tables.push_back({name, type.name, file.info(dataset).width(), file.read<float>(dataset, rows)});
      }
    }
    for (const std::string& source : file.members("/neighbors")) {
      for (const std::string& target : file.members("/neighbors/" + source)) {
        const std::string group = "/neighbors/" + source + "/" + target;
        auto source_type = file.attribute<std::string>(group, "source");
        auto target_type = file.attribute<std::string>(group, "target");
        const IndexRange rows =
            graph::BlockDistribution(node_type(file, source_type).count, comm.size()).block(comm.rank());
        result.lists.push_back(
            {std::move(source_type), std::move(target_type), read_neighbor_set(file, group, rows).lists});
      }
    }
  });
  return result;
}

}  // namespace rove::io
