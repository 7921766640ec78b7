// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "io/hdf5/input_file.hpp"
#include "io/hdf5/output_file.hpp"

namespace rove::io {

/// Kinds of HDF5 files Rove writes; the root attribute `format` holds the name ("rove/graph").
enum class FileFormat : std::uint8_t {
  kGraph,
  kPartition,
  kEmbeddings,
  kPpr,
  kRecommendations,
  kCheckpoint,
  kModel,
  kIndex,
  kWalks,
  kSamples,
  kDelta,
  kMaintainedWalks,
};
[[nodiscard]] std::string_view name_of(FileFormat format);
/// The version this software writes; it reads all versions from 1 to this.
[[nodiscard]] std::int64_t version_of(FileFormat format);

/// Where a file comes from: the same for all outputs of one run, given by the job.
struct FileProvenance {
  std::int64_t numerics_version = 2;  ///< rises when results may change in their bits
  std::string software_version;
  std::string commit;
  std::uint64_t seed = 0;
  std::string graph_digest;  ///< of the graph the results were computed on; `write_graph` replaces it by its own
  std::string created_utc;   ///< "2026-01-31T02:00:00Z"; rank 0's counts
  std::string config_yaml;   ///< the effective configuration, in full
};

struct FileHeader {
  FileFormat format = FileFormat::kGraph;
  std::int64_t version = 0;
  FileProvenance provenance;
};

/// **Collective.** Writes the root attributes and `/config`.
void write_header(hdf5::OutputFile& file, FileFormat format, const FileProvenance& provenance);

/// Throws `InputError` when the file is none of Rove's, of another format than `expected`, or of a newer version.
[[nodiscard]] FileHeader read_header(const hdf5::InputFile& file, std::optional<FileFormat> expected = std::nullopt);

}  // namespace rove::io
