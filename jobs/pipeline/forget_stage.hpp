// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "gnn/unlearning.hpp"
#include "jobs/pipeline/session.hpp"

namespace rove::jobs {

/// What a rank holds for it that has so many edges, vertices, and columns of vectors.
[[nodiscard]] MemoryPlan plan_forget(std::uint64_t edges, std::uint64_t rows, std::uint64_t dim);

/// **Collective.** Unlearns the lists of `forget:` in `embeddings.h5`, trained on the session's graph, which still has
/// them: the vectors of what stays to `out`, the verification under `forget` of the JSON file `report_file`, whose
/// other contents stay. Plans its memory.
gnn::UnlearningReport forget_stage(Session& session, const std::filesystem::path& model_file,
                                   const std::filesystem::path& out, const std::filesystem::path& report_file);

}  // namespace rove::jobs
