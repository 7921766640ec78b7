// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include <nlohmann/json_fwd.hpp>

#include "gnn/metrics.hpp"
#include "gnn/metrics/item_exposure.hpp"
#include "gnn/metrics/paired_bootstrap.hpp"
#include "gnn/metrics/segments.hpp"

namespace rove::jobs {

/// What was measured, as `metrics.json` and `history.json` hold it (docs/evaluation.md).
[[nodiscard]] nlohmann::json to_json(const gnn::Evaluation& evaluation);
[[nodiscard]] nlohmann::json to_json(std::span<const gnn::ItemExposure> exposure);
[[nodiscard]] nlohmann::json to_json(const gnn::Segments& segments);
[[nodiscard]] nlohmann::json to_json(std::span<const gnn::MetricDifference> differences);

}  // namespace rove::jobs
