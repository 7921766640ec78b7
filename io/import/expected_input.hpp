// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "io/import/import_options.hpp"

/// What the input files tell of their size before they are read.
namespace rove::io {

/// How many edges the files of one type will give, judged before they are read; stored directed edges, before any rule.
struct ExpectedEdges {
  std::uint64_t likely = 0;
  std::uint64_t least = 0;         ///< half of what the longest rows seen allow; of a packed file a quarter
  std::uint64_t likely_alone = 0;  ///< of the largest file that one rank reads alone; each row counts once
  std::uint64_t least_alone = 0;
  std::optional<std::uint64_t> num_sources;  ///< vertices, where the files declare them
  std::optional<std::uint64_t> num_targets;
};

/// Matrix-market and metis files declare their edges. Of others some text is read: a small file whole, else a MiB at
/// the beginning, in the middle and at the end, and of a compressed file 8 MiB of its beginning; of more than 64 files
/// some. What is no row is not noticed. Throws `IoError`, and `InputError` for a bad header. Not collective.
[[nodiscard]] ExpectedEdges expect_edges(const EdgeOptions& edges);

/// Bytes of the features in a matrix file, as its header declares them; 0 for a list of vertices. Throws as
/// `open_matrix`. Not collective.
[[nodiscard]] std::uint64_t declared_feature_bytes(const NodeOptions& nodes);

}  // namespace rove::io
