// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "gnn/fold_in.hpp"
#include "gnn/knn_embed.hpp"
#include "gnn/unlearning.hpp"
#include "jobs/config/config.hpp"

namespace rove::jobs {

/// Options of what is done with trained models, as `training_options.hpp`.

/// `fold_in.*` for rows that `model` was trained for under the configuration `trained`, whose settings count.
[[nodiscard]] gnn::FoldInOptions fold_in_options(const Config& config, const Config& trained, const std::string& model);
/// `forget.*` but for the lists.
[[nodiscard]] gnn::UnlearningOptions unlearning_options(const Config& config);
/// `recommend.interests` and what goes with it; nothing when lists come from one vector per user.
[[nodiscard]] std::optional<gnn::InterestOptions> interest_options(const Config& config);

}  // namespace rove::jobs
