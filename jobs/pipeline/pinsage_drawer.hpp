// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

#include "engine/base/memory_plan.hpp"
#include "engine/graph/schema.hpp"
#include "jobs/pipeline/batch_drawer.hpp"

namespace rove::jobs {

/// **Collective.** Neighbours by visits of random walks (`sample.method: pinsage`). The walks from all vertices of the
/// type are made once per epoch; their lists lie at home ranks and are read by all batches. Throws `DoesNotFitError`
/// when a share of the graph does not fit; that the whole fits is the caller's to know.
[[nodiscard]] std::unique_ptr<BatchDrawer> make_pinsage_drawer(Session& session, const SampleOptions& options,
                                                               bool replicated);

/// What a rank holds for it beside batches and negatives when it has the whole adjacency.
[[nodiscard]] MemoryPlan plan_pinsage_replicated(const graph::Schema& schema, std::int32_t ranks,
                                                 const SampleOptions& options);

}  // namespace rove::jobs
