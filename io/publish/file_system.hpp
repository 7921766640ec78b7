// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

/// Files that survive a crash. Every function throws `IoError` with the system's own words and passes the fault points
/// io.open, io.write, io.fsync and io.rename. Thread-safe; not collective.
namespace rove::io::publish {

/// Makes a file's (or a directory's entries') present content durable.
void sync_file(const std::filesystem::path& path);
void sync_directory(const std::filesystem::path& path);

/// Moves `from` over `to` (same directory) and syncs the directory: afterwards `to` is the new file even after a crash.
void rename_durably(const std::filesystem::path& from, const std::filesystem::path& to);

/// Writes `<path>.part`, syncs it and renames it: `path` has either its old or its new content.
void write_text_durably(const std::filesystem::path& path, std::string_view text);

/// Points the symbolic link `link` at `target` (as given) by rename: readers see the old or the new target.
void replace_symlink_durably(const std::filesystem::path& link, const std::filesystem::path& target);

/// To be asked after a write failed: throws when the file system of `path` has less than a megabyte left.
void require_space(const std::filesystem::path& path);

[[nodiscard]] std::string read_text(const std::filesystem::path& path);

}  // namespace rove::io::publish
