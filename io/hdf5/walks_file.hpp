// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <vector>

#include "engine/comm/communicator.hpp"
#include "io/hdf5/header.hpp"
#include "io/hdf5/node_rows.hpp"
#include "io/hdf5/result_files.hpp"
#include "io/hdf5/row_stream.hpp"

namespace rove::io {

/// What `walks.h5` says of its walks.
struct WalksInfo {
  std::uint64_t walks = 0;             ///< rows
  std::uint64_t length = 0;            ///< moves at most: columns - 1
  std::uint64_t walks_per_source = 1;  ///< consecutive rows with the same first vertex
  std::vector<NamedAttribute> attributes;
};

/// Ends a row: no vertex.
inline constexpr std::uint32_t kWalkPadding = 0xFFFFFFFFU;

/// Writes `walks.h5` batch by batch. Vertices are numbered over the types of `nodes` in order: `first_vertex` of the
/// type + row. Every function is **Collective**.
class WalksWriter {
 public:
  WalksWriter(const comm::Communicator& comm, const std::filesystem::path& path, std::span<const NodeView> nodes,
              const WalksInfo& info);
  /// This rank's rows of a batch, after those of the lower ranks.
  void append(std::span<const std::uint32_t> vertices);
  /// Moves the file to its name.
  void commit(const FileProvenance& provenance);

 private:
  hdf5::OutputFile file_;
  std::uint64_t width_;
  std::optional<hdf5::RowStream> rows_;
};

}  // namespace rove::io
