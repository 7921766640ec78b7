// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "io/publish/manifest.hpp"

namespace rove::jobs {

/// Recall before ndcg before the rest, each by its cut-off: "recall@5", "recall@20", "ndcg@5".
[[nodiscard]] std::vector<std::string> ordered_metric_names(const io::publish::Metrics& metrics);

/// A line per metric, a column per cut-off; metrics without one at the end.
[[nodiscard]] std::string metrics_table(const io::publish::Metrics& metrics);

}  // namespace rove::jobs
