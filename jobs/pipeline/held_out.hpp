// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "gnn/interactions.hpp"
#include "gnn/metrics.hpp"
#include "jobs/pipeline/session.hpp"

namespace rove::jobs {

/// **Collective.** What is tested, at the users' owners: the split's test part, or the interactions of `evaluate.test`;
/// warns of users and items there that the graph does not have. Precondition: `has_test`.
[[nodiscard]] gnn::TestItems test_items(Session& session, const gnn::Interactions& interactions);

/// **Collective.** What training may be stopped by: the split's validation part, or else what is tested, with a warning
/// when `train.patience` selects by it. Nothing when there is neither.
[[nodiscard]] std::optional<gnn::TestItems> items_to_watch(Session& session, const gnn::Interactions& interactions);

/// **Collective.** What is known of the users when the test part is asked for: training and validation items.
[[nodiscard]] gnn::Interactions known_interactions(Session& session, EdgeTypeId type);

}  // namespace rove::jobs
