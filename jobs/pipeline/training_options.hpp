// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "gnn/models.hpp"
#include "gnn/split.hpp"
#include "io/import/import_options.hpp"
#include "jobs/config/config.hpp"
#include "jobs/pipeline/session.hpp"

/// `split`, `train` and `evaluate` as the options of models and their evaluation. All throw `ConfigError` naming the
/// key.
namespace rove::jobs {

[[nodiscard]] gnn::SplitOptions split_options(const Config& config);
/// Whether there is something to evaluate on: `evaluate.test`, or a test part of the split; never both.
[[nodiscard]] bool has_test(const Config& config);
[[nodiscard]] gnn::ModelOptions model_options(const Config& config);
/// The edge type that connects `train.users` with `train.items` (`train.relation` where there are several).
[[nodiscard]] EdgeTypeId training_edge_type(const Session& session);
/// How held-out interactions are read (`evaluate.*`).
[[nodiscard]] io::TextLayout test_layout(const Config& config);
[[nodiscard]] std::vector<std::uint32_t> cutoffs(const Config& config);
/// Of an evaluation. Throws `ConfigError` when there is none.
[[nodiscard]] std::uint32_t longest_cutoff(const Config& config);

}  // namespace rove::jobs
