// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>

#include "gnn/training.hpp"
#include "jobs/pipeline/session.hpp"

namespace rove::jobs {

/// The embeddings that `train.warm_start` names, or nothing: `none`, or `latest` before the first run is published.
/// Rank 0's view counts. Throws `ConfigError` for `file` without `train.warm_start_file`, and `IoError` when there is
/// no such file.
[[nodiscard]] std::optional<std::filesystem::path> warm_start_file(const Config& config);

/// **Collective.** What `train.warm_start` asks for: the file's rows of the edge type's vertices, matched by key; every
/// rank reads the rows of its home blocks' key ranges. Empty for a cold start. What is returned throws `ConfigError`
/// when the file has another dimension.
[[nodiscard]] gnn::StartRows warm_start(Session& session, EdgeTypeId type, std::uint32_t dim);

}  // namespace rove::jobs
