// SPDX-License-Identifier: Apache-2.0
#include "io/hdf5/index_file.hpp"

#include <sstream>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "engine/base/checked_cast.hpp"
#include "engine/base/error.hpp"

namespace rove::io {

std::string fingerprint_group(std::string_view type, std::string_view target) {
  return fmt::format("/fingerprints/{}/{}", hdf5::escape_name(type), hdf5::escape_name(target));
}

void write_index(const comm::Communicator& comm, const std::filesystem::path& path, const IndexInfo& info,
                 std::span<const NodeView> nodes, std::span<const FingerprintSetView> sets,
                 const FileProvenance& provenance) {
  hdf5::OutputFile file(comm, path);
  for (std::size_t t = 0; t < nodes.size(); ++t) write_nodes(file, nodes[t], t);
  for (const FingerprintSetView& set : sets) {
    const std::string group = fingerprint_group(set.type, set.target);
    file.make_group(group);
    file.set_attribute(group, "source", std::string(set.type));
    file.set_attribute(group, "target", std::string(set.target));
    file.write_indptr(group + "/indptr", set.offsets);
    file.write_matrix<std::uint32_t>(group + "/entries", set.entries, 2);
    file.write<std::uint32_t>(group + "/lost", set.lost);
    file.write<std::uint32_t>(group + "/cut", set.cut);
  }
  file.set_attribute("/", "restart", info.restart);
  file.set_attribute("/", "walks", static_cast<std::int64_t>(info.walks));
  file.set_attribute("/", "entries", static_cast<std::int64_t>(info.entries));
  file.set_attribute("/", "edges", info.edges);
  file.set_attribute("/", "direction", info.direction);
  file.set_attribute("/", "relations", fmt::format("{}", fmt::join(info.relations, "\n")));
  file.set_attribute("/", "weighted", info.weighted);
  file.set_attribute("/", "dangling", std::string("walks that leave a dangling vertex are lost and counted"));
  write_header(file, FileFormat::kIndex, provenance);
  file.commit();
}

IndexInfo read_index_info(const hdf5::InputFile& file) {
  IndexInfo info;
  info.restart = file.attribute<double>("/", "restart");
  info.walks = checked_cast<std::uint32_t>(file.attribute<std::int64_t>("/", "walks"));
  info.entries = checked_cast<std::uint32_t>(file.attribute<std::int64_t>("/", "entries"));
  info.edges = file.attribute<std::string>("/", "edges");
  // Older files lack what they could not be without.
  if (file.find_attribute("/", "direction")) {
    info.direction = file.attribute<std::string>("/", "direction");
    std::istringstream relations(file.attribute<std::string>("/", "relations"));
    for (std::string name; std::getline(relations, name);) info.relations.push_back(std::move(name));
  }
  if (file.find_attribute("/", "weighted")) info.weighted = file.attribute<bool>("/", "weighted");
  if (info.direction != "both" && info.direction != "out" && info.direction != "in") {
    throw InputError(fmt::format("{}: the direction '{}' is none of both, out and in; the file is damaged",
                                 file.path().string(), info.direction));
  }
  if (!(info.restart > 0.0 && info.restart < 1.0) || info.walks == 0) {
    throw InputError(fmt::format("{}: restart {} and walks {} cannot be; the file is damaged", file.path().string(),
                                 info.restart, info.walks));
  }
  return info;
}

std::optional<FingerprintSetView> map_fingerprints(const hdf5::MappedFile& file, std::string_view type,
                                                   std::string_view target) {
  const std::string group = fingerprint_group(type, target);
  if (!file.file().is_group(group)) return std::nullopt;
  const std::uint64_t rows = node_type(file.file(), std::string(type)).count;
  FingerprintSetView set;
  set.type = type;
  set.target = target;
  set.offsets = file.values<std::uint64_t>(group + "/indptr");
  set.entries = file.values<std::uint32_t>(group + "/entries");
  set.lost = file.values<std::uint32_t>(group + "/lost");
  set.cut = file.values<std::uint32_t>(group + "/cut");
  const bool ends_meet = set.offsets.size() == rows + 1 && set.offsets.front() == 0 &&
                         2 * set.offsets.back() == set.entries.size() && set.lost.size() == rows &&
                         set.cut.size() == rows;
  if (!ends_meet) {
    throw InputError(fmt::format("{}: the datasets of {} do not fit its {} rows; `rove verify` says more",
                                 file.file().path().string(), group, rows));
  }
  return set;
}

}  // namespace rove::io
