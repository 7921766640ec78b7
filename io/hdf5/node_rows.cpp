// SPDX-License-Identifier: Apache-2.0
#include "io/hdf5/node_rows.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>

#include <fmt/format.h>

#include "engine/base/checked_cast.hpp"

namespace rove::io {

namespace {

std::vector<std::uint64_t> raw_values(std::span<const VertexKey> keys) {
  std::vector<std::uint64_t> values(keys.size());
  std::transform(keys.begin(), keys.end(), values.begin(), [](VertexKey key) { return key.value(); });
  return values;
}

}  // namespace

void append(IdBlock& texts, std::string_view text) {
  texts.bytes += text;
  texts.offsets.push_back(texts.bytes.size());
}

std::string node_group(std::string_view type) {
  return "/nodes/" + hdf5::escape_name(type);
}

std::string edge_group(std::string_view source, std::string_view relation, std::string_view destination) {
  return fmt::format("/edges/{}__{}__{}", hdf5::escape_name(source), hdf5::escape_name(relation),
                     hdf5::escape_name(destination));
}

void write_texts(hdf5::OutputFile& file, const std::string& group, const std::string& name, const IdBlock& texts) {
  std::array<std::uint64_t, 2> largest{1, 0};  // bytes of the longest text; whether any holds a zero byte
  for (std::uint64_t row = 0; row < texts.size(); ++row) {
    largest[0] = std::max<std::uint64_t>(largest[0], texts[row].size());
    if (texts[row].find('\0') != std::string_view::npos) largest[1] = 1;
  }
  file.comm().all_reduce(std::span<std::uint64_t>(largest), comm::ReduceOp::kMax);
  const std::string base = group + "/" + name;
  if (largest[0] > kMaxFixedIdBytes || largest[1] != 0) {
    file.write<std::uint8_t>(base + "_bytes",
                             {reinterpret_cast<const std::uint8_t*>(texts.bytes.data()), texts.bytes.size()});
    file.write_indptr(base + "_offsets", texts.offsets);
    return;
  }
  const std::uint64_t width = largest[0];
  std::vector<char> padded(texts.size() * width, '\0');
  for (std::uint64_t row = 0; row < texts.size(); ++row) {
    const std::string_view text = texts[row];
    std::copy(text.begin(), text.end(), padded.begin() + static_cast<std::ptrdiff_t>(row * width));
  }
  file.write_fixed_text(base, padded, width);
}

IdBlock read_texts(const hdf5::InputFile& file, const std::string& group, const std::string& name, IndexRange rows) {
  const std::string base = group + "/" + name;
  IdBlock texts;
  if (!file.contains(base + "_offsets")) {
    const std::uint64_t width = file.info(base).row_bytes();
    const std::vector<std::byte> padded = file.read_bytes(base, rows);
    texts.offsets.reserve(rows.size() + 1);
    for (std::uint64_t row = 0; row < rows.size(); ++row) {
      const auto* text = reinterpret_cast<const char*>(padded.data()) + row * width;
      append(texts, {text, ::strnlen(text, width)});
    }
    return texts;
  }
  file.require_columns(base + "_offsets", 1);
  texts.offsets = file.read<std::uint64_t>(base + "_offsets", {rows.begin, rows.end + 1});
  const std::uint64_t first = texts.offsets.front();
  if (!std::is_sorted(texts.offsets.begin(), texts.offsets.end())) {
    throw InputError(fmt::format("{}: {}_offsets do not ascend", file.path().string(), base));
  }
  const auto bytes = file.read<std::uint8_t>(base + "_bytes", {first, texts.offsets.back()});
  texts.bytes.assign(bytes.begin(), bytes.end());
  for (std::uint64_t& offset : texts.offsets) offset -= first;
  return texts;
}

void write_nodes(hdf5::OutputFile& file, const NodeView& nodes, std::uint64_t index) {
  const std::string group = node_group(nodes.type);
  const std::uint64_t count = file.comm().all_reduce<std::uint64_t>(nodes.keys.size(), comm::ReduceOp::kSum);
  file.make_group(group);
  file.set_attribute(group, "name", std::string(nodes.type));
  file.set_attribute(group, "index", checked_cast<std::int64_t>(index));
  file.set_attribute(group, "count", checked_cast<std::int64_t>(count));
  write_texts(file, group, "ids", nodes.ids);
  file.write_as_int64(group + "/keys", raw_values(nodes.keys));
}

NodeRows read_nodes(const hdf5::InputFile& file, const std::string& type, IndexRange rows) {
  const std::string group = node_type(file, type).group;
  NodeRows nodes;
  nodes.type = type;
  nodes.ids = read_texts(file, group, "ids", rows);
  file.require_columns(group + "/keys", 1);
  const std::vector<std::uint64_t> keys = file.read<std::uint64_t>(group + "/keys", rows);
  nodes.keys.reserve(keys.size());
  for (const std::uint64_t key : keys) nodes.keys.emplace_back(key);
  if (!std::ranges::is_sorted(keys, std::less_equal<>())) {
    throw InputError(
        fmt::format("{}: {}/keys does not ascend; the file is damaged (see rove verify)", file.path().string(), group));
  }
  return nodes;
}

std::vector<NodeTypeInfo> node_types(const hdf5::InputFile& file) {
  const std::vector<std::string> members = file.members("/nodes");
  std::vector<NodeTypeInfo> types(members.size());
  for (const std::string& member : members) {
    const std::string group = "/nodes/" + member;
    const auto index = static_cast<std::uint64_t>(file.attribute<std::int64_t>(group, "index"));
    if (index >= types.size() || !types[index].group.empty()) {
      throw InputError(fmt::format("{}: vertex type {} has the position {}, which is taken or beyond the {} types",
                                   file.path().string(), member, index, types.size()));
    }
    types[index] = {file.attribute<std::string>(group, "name"), group,
                    checked_cast<std::uint64_t>(file.attribute<std::int64_t>(group, "count"))};
  }
  return types;
}

NodeTypeInfo node_type(const hdf5::InputFile& file, const std::string& name) {
  std::string known;
  for (NodeTypeInfo& type : node_types(file)) {
    if (type.name == name) return std::move(type);
    known += (known.empty() ? "" : ", ") + type.name;
  }
  throw InputError(fmt::format("{} has no vertex type '{}', only: {}", file.path().string(), name, known));
}

void require_below(const hdf5::InputFile& file, const std::string& dataset, std::uint64_t found, std::uint64_t end) {
  if (found >= end) {
    throw InputError(fmt::format("{}: {} holds {}, expected numbers below {}; the file is damaged (see rove verify)",
                                 file.path().string(), dataset, found, end));
  }
}

}  // namespace rove::io
