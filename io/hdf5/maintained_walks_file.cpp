// SPDX-License-Identifier: Apache-2.0
#include "io/hdf5/maintained_walks_file.hpp"

#include <algorithm>
#include <functional>

#include <fmt/format.h>

#include "engine/base/checked_cast.hpp"
#include "engine/base/error.hpp"
#include "engine/parallel/parallel.hpp"

namespace rove::io {
namespace {

constexpr std::uint64_t kValuesPerRead = std::uint64_t{1} << 22U;
constexpr std::uint64_t kMaintainedWalksFileGrain = 256;
/// No vertex; no next slot, because the walk stops.
constexpr std::uint32_t kNone = 0xFFFFFFFFU;

std::string walks_group(std::string_view type) {
  return "/walks/" + hdf5::escape_name(type);
}

HugeBuffer<std::uint32_t> read_values(const hdf5::InputFile& file, const std::string& dataset, IndexRange range) {
  HugeBuffer<std::uint32_t> values(range.size());
  for (std::uint64_t begin = range.begin; begin < range.end; begin += kValuesPerRead) {
    const auto part = file.read<std::uint32_t>(dataset, {begin, std::min(begin + kValuesPerRead, range.end)});
    std::copy(part.begin(), part.end(), values.data() + (begin - range.begin));
  }
  return values;
}

}  // namespace

void write_maintained_walks(const comm::Communicator& comm, const std::filesystem::path& path,
                            const StoredWalksInfo& info, std::span<const NodeView> nodes,
                            std::span<const StoredWalksView> types, const FileProvenance& provenance) {
  hdf5::OutputFile file(comm, path);
  for (std::size_t t = 0; t < nodes.size(); ++t) write_nodes(file, nodes[t], t);
  for (const StoredWalksView& walks : types) {
    const std::string group = walks_group(walks.type);
    file.make_group(group);
    file.set_attribute(group, "source", std::string(walks.type));
    file.write_indptr(group + "/indptr", walks.offsets);
    file.write_matrix<std::uint32_t>(group + "/ends", walks.ends, info.walks);
    file.write<std::uint32_t>(group + "/vertices", walks.vertices);
    file.write<std::uint32_t>(group + "/next_slots", walks.next_slots);
  }
  file.set_attribute("/", "walks", static_cast<std::int64_t>(info.walks));
  file.set_attribute("/", "restart", info.restart);
  file.set_attribute("/", "direction", info.direction);
  file.set_attribute("/", "slots", std::string("jump"));
  file.set_attribute("/", "weighted", info.weighted);
  write_header(file, FileFormat::kMaintainedWalks, provenance);
  file.commit();
}

MaintainedWalksHeader read_maintained_walks_header(const hdf5::InputFile& file) {
  MaintainedWalksHeader result;
  result.header = read_header(file, FileFormat::kMaintainedWalks);
  result.info.walks = checked_cast<std::uint32_t>(file.attribute<std::int64_t>("/", "walks"), "attribute walks");
  result.info.restart = file.attribute<double>("/", "restart");
  result.info.direction = file.attribute<std::string>("/", "direction");
  // Files from before there were weights say nothing of them.
  if (file.find_attribute("/", "weighted")) result.info.weighted = file.attribute<bool>("/", "weighted");
  return result;
}

StoredWalks read_maintained_walks(const hdf5::InputFile& file, std::string_view type, IndexRange rows,
                                  std::uint32_t walks) {
  std::uint64_t num_vertices = 0;
  for (const NodeTypeInfo& node : node_types(file)) num_vertices += node.count;
  const std::string group = walks_group(type);
  if (!file.is_group(group)) {
    throw InputError(fmt::format("{} has no walks from '{}'; leave it out to walk anew", file.path().string(), type));
  }
  StoredWalks result;
  result.offsets = file.read<std::uint64_t>(group + "/indptr", {rows.begin, rows.end + 1});
  result.ends = file.read<std::uint32_t>(group + "/ends", rows);
  const auto fail = [&](std::string_view what) {
    throw InputError(fmt::format("{}: {} {}; the file is damaged", file.path().string(), group, what));
  };
  if (result.ends.size() != rows.size() * walks) fail("has another number of walks than it says");
  const IndexRange visits{result.offsets.front(), result.offsets.back()};
  for (std::uint64_t source = 0; source < rows.size(); ++source) {
    const auto ends = std::span(result.ends).subspan(source * walks, walks);
    if (result.offsets[source + 1] < result.offsets[source] ||
        result.offsets[source + 1] - result.offsets[source] != ends.back() || ends.front() == 0 ||
        std::ranges::adjacent_find(ends, std::ranges::greater_equal()) != ends.end()) {
      fail("has walks whose lengths do not add up");
    }
  }
  result.vertices = read_values(file, group + "/vertices", visits);
  result.next_slots = read_values(file, group + "/next_slots", visits);
  for (std::uint64_t& offset : result.offsets) offset -= visits.begin;
  parallel::for_each({0, rows.size()}, kMaintainedWalksFileGrain, [&](std::uint64_t source) {
    for (std::uint64_t walk = 0; walk < walks; ++walk) {
      const std::uint64_t last = result.offsets[source] + result.ends[source * walks + walk] - 1;
      if (result.next_slots[last] != kNone) fail("has a walk that does not stop");
    }
    for (std::uint64_t visit = result.offsets[source]; visit < result.offsets[source + 1]; ++visit) {
      if (result.vertices[visit] >= num_vertices && result.vertices[visit] != kNone) fail("visits no vertex");
    }
  });
  return result;
}

}  // namespace rove::io
