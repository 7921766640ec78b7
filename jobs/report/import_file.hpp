// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "io/imported_graph.hpp"

namespace rove::jobs {

/// `import.json` of a run: the rows of each edge type that import read, kept and dropped, so that a run that is
/// continued can still report them. Without seconds and bytes: the same for any ranks. Not collective.
void write_import_file(const std::filesystem::path& path, const io::ImportReport& report);
/// Throws `InputError` when the file is damaged.
[[nodiscard]] io::ImportReport read_import_file(const std::filesystem::path& path);

}  // namespace rove::jobs
