// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "io/hdf5/header.hpp"
#include "io/hdf5/node_rows.hpp"

namespace rove::io {

using AttributeList = std::vector<std::pair<std::string, hdf5::AttributeValue>>;

/// What a file holds, without its values: for `rove info` and the report. Filled without MPI by reading metadata alone.
struct FileDescription {
  struct Dataset {
    std::string name;
    hdf5::DatasetInfo info;
    std::string digest;  ///< attribute `xxh3`; empty for scalar texts
  };
  struct Group {
    std::string name;
    AttributeList attributes;
  };

  std::filesystem::path path;
  std::uint64_t bytes = 0;
  FileHeader header;
  AttributeList root_attributes;  ///< those beyond the header's
  std::vector<NodeTypeInfo> types;
  std::vector<Group> groups;  ///< with attributes, in order of name
  std::vector<Dataset> datasets;
};

/// Throws `InputError` when the file is none of Rove's and `IoError` when it cannot be read.
[[nodiscard]] FileDescription describe_file(const std::filesystem::path& path);

/// A few aligned lines for people.
[[nodiscard]] std::string to_text(const FileDescription& description);
/// Everything, the configuration included, for programs.
[[nodiscard]] std::string to_json(const FileDescription& description);

}  // namespace rove::io
