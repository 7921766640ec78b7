// SPDX-License-Identifier: Apache-2.0
#include "io/hdf5/walks_file.hpp"

#include "engine/base/checked_cast.hpp"

namespace rove::io {

WalksWriter::WalksWriter(const comm::Communicator& comm, const std::filesystem::path& path,
                         std::span<const NodeView> nodes, const WalksInfo& info)
    : file_(comm, path), width_(info.length + 1) {
  std::uint64_t first_vertex = 0;
  for (std::size_t t = 0; t < nodes.size(); ++t) {
    write_nodes(file_, nodes[t], t);
    file_.set_attribute(node_group(nodes[t].type), "first_vertex", checked_cast<std::int64_t>(first_vertex));
    first_vertex += comm.all_reduce<std::uint64_t>(nodes[t].keys.size(), comm::ReduceOp::kSum);
  }
  file_.make_group("/walks");
  file_.set_attribute("/walks", "length", checked_cast<std::int64_t>(info.length));
  file_.set_attribute("/walks", "walks_per_source", checked_cast<std::int64_t>(info.walks_per_source));
  file_.set_attribute("/walks", "padding", static_cast<std::int64_t>(kWalkPadding));
  for (const NamedAttribute& attribute : info.attributes) {
    file_.set_attribute("/walks", attribute.name, attribute.value);
  }
  rows_.emplace(file_, "/walks/vertices", hdf5::StoredType{hdf5::ElementType::kUint32, sizeof(std::uint32_t)},
                info.walks, width_);
}

void WalksWriter::append(std::span<const std::uint32_t> vertices) {
  rows_->begin_section(vertices.size() / width_);
  rows_->write(vertices);
}

void WalksWriter::commit(const FileProvenance& provenance) {
  rows_->finish();
  write_header(file_, FileFormat::kWalks, provenance);
  file_.commit();
}

}  // namespace rove::io
