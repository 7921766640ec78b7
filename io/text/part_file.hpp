// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "engine/comm/communicator.hpp"
#include "engine/graph/assignment.hpp"
#include "engine/graph/schema.hpp"

/// Plain part files, as METIS writes them: one file per vertex type, line i the part of row i - 1, rows in the order of
/// the graph container's ids.
namespace rove::io::text {

/// `<directory>/<type>.part.<parts>`.
[[nodiscard]] std::filesystem::path part_file_path(const std::filesystem::path& directory, const std::string& type,
                                                   std::int32_t parts);

/// **Collective.** Writes a file per vertex type, every rank the lines of its home blocks. Throws `IoError`.
void write_part_files(const comm::Communicator& comm, const std::filesystem::path& directory,
                      const graph::Schema& schema, const graph::Assignment& assignment);

/// **Collective.** Reads the part of every vertex; `files` has one path per vertex type, in schema order. Every rank
/// reads an equal share of the bytes and sends the rows to their homes. Spaces around a number, CRLF and a missing last
/// line end are accepted. Throws `InputError` with file and line for what is no part in [0, parts), and for too few or
/// too many lines; `IoError` when a file cannot be read.
[[nodiscard]] graph::Assignment read_part_files(const comm::Communicator& comm, const graph::Schema& schema,
                                                const std::vector<std::filesystem::path>& files, std::int32_t parts);

}  // namespace rove::io::text
