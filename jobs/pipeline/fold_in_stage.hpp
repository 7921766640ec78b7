// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "jobs/pipeline/session.hpp"

namespace rove::jobs {

/// **Collective.** The trained model of either file, for the session's graph, which may have vertices that the model
/// has not seen and lack others, to `out`: known rows as they are, others from their neighbours by `fold_in.method`
/// with the settings that the file was trained with. Plans its memory. Throws `ConfigError` for a model that scores
/// through its own graph.
void fold_in_stage(Session& session, const std::filesystem::path& model_file, const std::filesystem::path& out);

}  // namespace rove::jobs
