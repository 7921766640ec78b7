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
#include "io/hdf5/header.hpp"
#include "io/hdf5/mapped_file.hpp"
#include "io/hdf5/node_rows.hpp"

/// `index.h5`: PPR fingerprints (docs/formats.md).
namespace rove::io {

struct IndexInfo {
  double restart = 0.15;
  std::uint32_t walks = 0;             ///< behind every fingerprint
  std::uint32_t entries = 0;           ///< kept at most
  std::string edges;                   ///< the edges that walks move along, in words
  std::string direction = "both";      ///< both | out | in: along edges, against them, or both ways
  std::vector<std::string> relations;  ///< of those edges; none: all edge types
  bool weighted = false;               ///< walks move in proportion to the weights of edges
};

/// Fingerprints of my home block of `type`, counted on `target`.
struct FingerprintSetView {
  std::string_view type;
  std::string_view target;
  std::span<const std::uint64_t> offsets;  ///< rows + 1, from 0
  std::span<const std::uint32_t> entries;  ///< target row, visits, target row, visits, ...; rows ascending
  std::span<const std::uint32_t> lost;     ///< per row: walks that were lost
  std::span<const std::uint32_t> cut;      ///< per row: the largest count that was not kept
};

/// **Collective.** `nodes` names every vertex type of the graph, in schema order.
void write_index(const comm::Communicator& comm, const std::filesystem::path& path, const IndexInfo& info,
                 std::span<const NodeView> nodes, std::span<const FingerprintSetView> sets,
                 const FileProvenance& provenance);

[[nodiscard]] IndexInfo read_index_info(const hdf5::InputFile& file);

/// "/fingerprints/<type>/<target>".
[[nodiscard]] std::string fingerprint_group(std::string_view type, std::string_view target);

/// The fingerprints of a whole type where they lie in the file, or nothing when the index has none. Lengths are checked
/// (`InputError`), values are not: pages are read when a query touches them. The names are those given.
[[nodiscard]] std::optional<FingerprintSetView> map_fingerprints(const hdf5::MappedFile& file, std::string_view type,
                                                                 std::string_view target);

}  // namespace rove::io
