// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/comm/communicator.hpp"
#include "io/hdf5/header.hpp"

namespace rove::io {

/// Outcome of a verification. Each problem names the dataset and says what was found and expected.
struct VerifyReport {
  std::vector<std::string> problems;
  std::optional<FileFormat> format;  ///< nothing when the header cannot be read
  std::uint64_t datasets = 0;
  std::uint64_t bytes = 0;  ///< of all datasets
  [[nodiscard]] bool ok() const { return problems.empty(); }
};

/// Checks a file that Rove wrote: header and version; every dataset's digest; ids, keys and vectors equally long; keys
/// ascending and equal to the hash of their ids; `indptr` from 0, ascending and as long as its rows; indices in range;
/// ranked lists in order; floats finite; parts below the number of parts; both directions of an edge type with the same
/// edges. Never throws for what is wrong with the file. Reads every byte once or twice in bounded memory. Not
/// collective.
[[nodiscard]] VerifyReport verify_file(const std::filesystem::path& path);
/// **Collective.** The same with the rows shared over the ranks; the same report on all of them.
[[nodiscard]] VerifyReport verify_file(const comm::Communicator& comm, const std::filesystem::path& path);

namespace detail {

/// One share of the work: what it found, and the sums that only all shares together can judge.
struct VerifyShare {
  VerifyReport report;
  std::map<std::string, std::uint64_t> sums;  ///< label to sum modulo 2^64
};
[[nodiscard]] VerifyShare verify_share(const std::filesystem::path& path, std::int32_t share, std::int32_t shares);
/// Adds the problems that the summed sums show.
[[nodiscard]] VerifyReport judge(const std::filesystem::path& path, VerifyShare all);

}  // namespace detail
}  // namespace rove::io
