// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/huge_buffer.hpp"
#include "engine/comm/communicator.hpp"
#include "io/hdf5/header.hpp"
#include "io/hdf5/node_rows.hpp"

namespace rove::io {

/// What walks were made with; all of it must be the same for them to be refreshed.
struct StoredWalksInfo {
  std::uint32_t walks = 0;  ///< per source
  double restart = 0;
  std::string direction;  ///< which edges walks move along, in words
  bool weighted = false;  ///< slots were chosen in proportion to their weights
};

/// Walks from consecutive sources of one type (`algorithms::MaintainedWalks` without its row numbers).
struct StoredWalksView {
  std::string_view type;
  std::span<const std::uint64_t> offsets;  ///< sources + 1, from 0
  std::span<const std::uint32_t> ends;     ///< sources x walks
  std::span<const std::uint32_t> vertices;
  std::span<const std::uint32_t> next_slots;
};

/// **Collective.** Writes `maintained_walks.h5`: the walks of this rank's home blocks of the source types. `nodes`: all
/// vertex types of the graph, since visits name vertices of any of them.
void write_maintained_walks(const comm::Communicator& comm, const std::filesystem::path& path,
                            const StoredWalksInfo& info, std::span<const NodeView> nodes,
                            std::span<const StoredWalksView> types, const FileProvenance& provenance);

struct StoredWalks {
  std::vector<std::uint64_t> offsets{0};
  std::vector<std::uint32_t> ends;
  HugeBuffer<std::uint32_t> vertices;
  HugeBuffer<std::uint32_t> next_slots;
};

struct MaintainedWalksHeader {
  FileHeader header;
  StoredWalksInfo info;
};
[[nodiscard]] MaintainedWalksHeader read_maintained_walks_header(const hdf5::InputFile& file);

/// The walks of these rows of a source type, read a few MiB at a time. Throws `InputError` when the file has none for
/// the type, or does not hold what its lengths say.
[[nodiscard]] StoredWalks read_maintained_walks(const hdf5::InputFile& file, std::string_view type, IndexRange rows,
                                                std::uint32_t walks);

}  // namespace rove::io
