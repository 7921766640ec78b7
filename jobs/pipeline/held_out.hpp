// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gnn/interactions.hpp"
#include "gnn/metrics.hpp"
#include "jobs/pipeline/session.hpp"

namespace rove::jobs {

/// **Collective.** The interactions of `evaluate.test` at the users' owners. Warns of users and items that the graph
/// does not have.
[[nodiscard]] gnn::TestItems read_test_items(Session& session, const gnn::Interactions& interactions);

}  // namespace rove::jobs
