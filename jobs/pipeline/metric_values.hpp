// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "gnn/metrics.hpp"
#include "gnn/metrics/item_exposure.hpp"
#include "io/publish/manifest.hpp"

namespace rove::jobs {

/// What was measured by the names that `metrics.json` and `history.json` have (docs/evaluation.md): "recall@20".
[[nodiscard]] io::publish::Metrics metric_values(const gnn::Evaluation& evaluation);
[[nodiscard]] io::publish::Metrics metric_values(std::span<const gnn::ItemExposure> exposure);

}  // namespace rove::jobs
