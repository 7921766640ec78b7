// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "jobs/pipeline/session.hpp"

namespace rove::jobs {

/// What a run with `forget` lists makes of the vectors that it would go on from.
enum class UnlearntStart {
  kUnchanged,  ///< they know nothing that is listed
  kUnlearnt,   ///< others, without it
  kCold,       ///< `forget.warm_start: cold`: training starts at random, which is exact
};

/// The graph that vectors were trained on, expected beside them. Throws `IoError` when there is none: which
/// interactions they know is not in the vectors.
[[nodiscard]] std::filesystem::path graph_beside(const std::filesystem::path& vectors);

/// **Collective.** Looks for what is listed in the graph beside `vectors`, and unlearns it where there is something:
/// the vectors of what stays to `unlearnt`. What was found and done goes to `report_file`, a JSON file. The session has
/// no graph afterwards. Plans its memory.
UnlearntStart unlearn_start(Session& session, const std::filesystem::path& vectors,
                            const std::filesystem::path& unlearnt, const std::filesystem::path& report_file);

/// What an earlier `unlearn_start` wrote that it did. Not collective.
[[nodiscard]] UnlearntStart read_unlearnt_start(const std::filesystem::path& report_file);

}  // namespace rove::jobs
