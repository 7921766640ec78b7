// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/ids.hpp"
#include "io/hdf5/input_file.hpp"
#include "io/hdf5/output_file.hpp"
#include "io/imported_graph.hpp"

namespace rove::io {

/// Identity of the rows of one vertex type: this rank's home block of original ids and keys (ascending).
struct NodeRows {
  std::string type;
  IdBlock ids;
  std::vector<VertexKey> keys;
};

/// The same, without owning it.
struct NodeView {
  std::string_view type;
  const IdBlock& ids;
  std::span<const VertexKey> keys;

  NodeView(std::string_view type_name, const IdBlock& id_rows, std::span<const VertexKey> key_rows)
      : type(type_name), ids(id_rows), keys(key_rows) {}
  NodeView(const NodeRows& nodes) : NodeView(nodes.type, nodes.ids, nodes.keys) {}
};

/// Appends one text.
void append(IdBlock& texts, std::string_view text);

/// Ids up to this many bytes are stored as fixed-width text, longer ones as `ids_bytes` and `ids_offsets`.
inline constexpr std::uint64_t kMaxFixedIdBytes = 256;

/// "/nodes/<type>", "/edges/<source>__<relation>__<destination>" with names escaped.
[[nodiscard]] std::string node_group(std::string_view type);
[[nodiscard]] std::string edge_group(std::string_view source, std::string_view relation, std::string_view destination);

/// **Collective.** Writes `<group>/<name>` as fixed-width UTF-8 text, or `<group>/<name>_bytes` and `<name>_offsets`
/// when a text is longer than 256 bytes or holds a zero byte.
void write_texts(hdf5::OutputFile& file, const std::string& group, const std::string& name, const IdBlock& texts);
[[nodiscard]] IdBlock read_texts(const hdf5::InputFile& file, const std::string& group, const std::string& name,
                                 IndexRange rows);

/// **Collective.** Writes ids and keys of a type and its row count. `index` is the type's position in the file.
void write_nodes(hdf5::OutputFile& file, const NodeView& nodes, std::uint64_t index);
/// Ids and keys of the rows.
[[nodiscard]] NodeRows read_nodes(const hdf5::InputFile& file, const std::string& type, IndexRange rows);

/// Vertex types of a file in the order they were written, with their row counts.
struct NodeTypeInfo {
  std::string name;
  std::string group;
  std::uint64_t count = 0;
};
[[nodiscard]] std::vector<NodeTypeInfo> node_types(const hdf5::InputFile& file);
/// Throws `InputError` naming the types the file has.
[[nodiscard]] NodeTypeInfo node_type(const hdf5::InputFile& file, const std::string& name);

/// Throws `InputError` when a value of the dataset is not below `end`. Whoever reads such values takes them for rows of
/// arrays.
void require_below(const hdf5::InputFile& file, const std::string& dataset, std::uint64_t found, std::uint64_t end);
template <class Number>
void require_all_below(const hdf5::InputFile& file, const std::string& dataset, const std::vector<Number>& values,
                       std::uint64_t end) {
  if (!values.empty()) require_below(file, dataset, *std::ranges::max_element(values), end);
}

}  // namespace rove::io
