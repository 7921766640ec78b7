// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/memory_plan.hpp"
#include "engine/comm/communicator.hpp"
#include "io/hdf5/header.hpp"

namespace rove::io {

inline constexpr const char* kDeltaFile = "delta.h5";

/// `delta.h5`: what tonight's `embeddings.h5`, `ppr.h5` and `recommendations.h5` change of last night's. Whoever
/// removes the ids that are gone and takes over the rows that are new or moved has tonight's vectors and lists.
struct DeltaOptions {
  /// Smaller moves are left out: vectors whose cosine, and lists whose overlap with last night's is at least 1 -
  /// `tolerance`. At 0 every row with another byte is a move.
  double tolerance = 0;
};

struct DeltaSummary {
  struct Type {
    std::string name;
    std::uint64_t rows = 0;
    std::uint64_t added = 0;
    std::uint64_t removed = 0;
  };
  struct Changes {
    std::string what;           ///< "embeddings/user", "neighbors/user/item"
    std::uint64_t rows = 0;     ///< tonight's
    std::uint64_t changed = 0;  ///< of those: new or moved
  };
  std::vector<Type> types;
  std::vector<Changes> changes;
};

/// **Collective.** Compares two run directories by key and writes the delta. Files that only one of them has are left
/// out; nothing is written, and nothing returned, when they share none. Each rank reads its home block of tonight's
/// rows and last night's rows with keys in that range, so the bytes do not depend on the ranks. The graph digest is
/// that of tonight's files, whatever `provenance` has. Throws `InputError` when a file is not what its name says, or
/// cannot be read while the nights are compared. Which files there are is what rank 0 sees.
[[nodiscard]] std::optional<DeltaSummary> write_delta(const comm::Communicator& comm, const std::filesystem::path& path,
                                                      const std::filesystem::path& run,
                                                      const std::filesystem::path& previous_run,
                                                      const DeltaOptions& options, const FileProvenance& provenance);

/// What `write_delta` holds on one of `num_ranks` ranks, for types of at most `rows` rows: numbers of changed rows, and
/// pieces of datasets.
[[nodiscard]] MemoryPlan plan_delta(std::uint64_t rows, std::int32_t num_ranks);

/// Group of the changed vectors, by type.
inline constexpr const char* kDeltaVectors = "/embeddings";

}  // namespace rove::io
