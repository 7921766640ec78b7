// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "gnn/unlearning.hpp"
#include "jobs/pipeline/session.hpp"

namespace rove::jobs {

struct ForgetLists {
  gnn::ForgetSet set;
  // The same on all ranks; interactions of users and items that leave are not counted here:
  std::uint64_t users = 0;
  std::uint64_t items = 0;
  std::uint64_t interactions = 0;
  std::uint64_t unknown = 0;  ///< ids and pairs listed that the graph does not have
};

/// Whether the configuration names anything to forget.
[[nodiscard]] bool has_forget_lists(const Config& config);

/// **Collective.** `forget.users`, `forget.items` and `forget.interactions` among the vertices of the session's graph;
/// what it does not have is counted, since it is forgotten already. Throws `ConfigError` when no list is set.
[[nodiscard]] ForgetLists read_forget_lists(Session& session, EdgeTypeId type);

}  // namespace rove::jobs
