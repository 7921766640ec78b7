// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "gnn/training.hpp"
#include "jobs/pipeline/session.hpp"

namespace rove::jobs {

/// The embeddings that `train.warm_start` names, or nothing: `none`, or `latest` before the first run is published.
/// Rank 0's view counts. Throws `ConfigError` for `file` without `train.warm_start_file`, and `IoError` when there is
/// no such file.
[[nodiscard]] std::optional<std::filesystem::path> warm_start_file(const Config& config);

/// **Collective.** The same, the same on all ranks.
[[nodiscard]] std::optional<std::filesystem::path> agreed_warm_start_file(Session& session);

/// A start from `file`: its rows of the edge type's vertices, matched by key; every rank reads the rows of its home
/// blocks' key ranges. Empty without a file. What is returned is **Collective** and throws `ConfigError` when the file
/// has another dimension.
[[nodiscard]] gnn::StartRows warm_start(Session& session, EdgeTypeId type, std::uint32_t dim,
                                        const std::optional<std::filesystem::path>& file);

/// **Collective.** Per owned vertex, 1 where it is of a type in `train.freeze` and `file` knows it; nothing when no
/// type is named, or without a file. Throws `ConfigError` when a type is not one of the edge type's, or when
/// `train.freeze` names one but `train.warm_start` is none.
[[nodiscard]] std::optional<std::vector<std::uint8_t>> frozen_rows(Session& session, EdgeTypeId type,
                                                                   const std::optional<std::filesystem::path>& file);

}  // namespace rove::jobs
