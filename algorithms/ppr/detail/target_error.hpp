// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>

#include "algorithms/ppr/ppr.hpp"

namespace rove::algorithms::detail {

/// How often the bound of a source may be looked at: what `bernstein_bound` must allow for.
[[nodiscard]] std::uint32_t num_looks(const PprOptions& options);

/// **Collective.** What `run` returns for `options`, which it reads at each call; with a target error, `run` is called
/// again with twice the walks for the sources whose bound is above it, until none is or a source would pass 2^30
/// visits. Which sources these are depends on their own walks alone. Moves and cold sources are those `run` has counted
/// over all its calls and in the first one.
[[nodiscard]] PprResult until_target_error(const comm::Communicator& comm, PprOptions& options,
                                           const std::function<PprResult()>& run);

}  // namespace rove::algorithms::detail
