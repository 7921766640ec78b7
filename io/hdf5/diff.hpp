// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace rove::io {

/// What differs between two files of one format. Not collective, without MPI; reads both files once in bounded memory.
struct FileDiff {
  enum class Status : std::uint8_t { kEqual, kDifferent, kOnlyFirst, kOnlySecond };
  struct Dataset {
    std::string name;
    Status status = Status::kEqual;
    std::string detail;  ///< "float32 [5, 8] and float32 [6, 8]", "first differs at byte 4096"
  };
  /// Rows are matched by key.
  struct Rows {
    std::string type;
    std::uint64_t shared = 0;
    std::uint64_t added = 0;             ///< in the second file only
    std::uint64_t removed = 0;           ///< in the first file only
    std::vector<std::string> added_ids;  ///< a few of them
    std::vector<std::string> removed_ids;
  };
  /// Vectors of the shared rows.
  struct Drift {
    std::string type;
    std::uint64_t identical = 0;
    double mean_cosine = 0;
    double min_cosine = 0;
    std::string min_id;
  };
  /// Lists of the shared source rows; overlap = shared targets / longer list.
  struct Lists {
    std::string name;
    std::uint64_t rows = 0;
    std::uint64_t identical = 0;  ///< the same targets in the same order
    double mean_overlap = 1;
  };

  std::filesystem::path first;
  std::filesystem::path second;
  std::vector<std::string> header;  ///< "seed: 1 and 2"
  std::vector<Dataset> datasets;
  std::vector<Rows> rows;
  std::vector<Drift> drift;
  std::vector<Lists> lists;

  /// Whether all datasets but `/config` have the same bytes.
  [[nodiscard]] bool same_bytes() const;
};
[[nodiscard]] FileDiff diff_files(const std::filesystem::path& first, const std::filesystem::path& second);

struct RunDiff {
  std::vector<FileDiff> files;
  std::vector<std::string> only_first;
  std::vector<std::string> only_second;
  std::map<std::string, std::pair<std::optional<double>, std::optional<double>>> metrics;  ///< those that differ

  [[nodiscard]] bool same_bytes() const;
};
/// Compares the HDF5 files of the same name, `delta.h5` apart, and the metrics of two run directories.
[[nodiscard]] RunDiff diff_runs(const std::filesystem::path& first, const std::filesystem::path& second);

[[nodiscard]] std::string to_text(const FileDiff& diff);
[[nodiscard]] std::string to_text(const RunDiff& diff);
[[nodiscard]] std::string to_json(const FileDiff& diff);
[[nodiscard]] std::string to_json(const RunDiff& diff);

}  // namespace rove::io
