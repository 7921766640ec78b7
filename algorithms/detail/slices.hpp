// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "engine/base/ids.hpp"
#include "engine/base/progress.hpp"
#include "engine/comm/communicator.hpp"

namespace rove::algorithms::detail {

inline constexpr std::uint64_t kSliceRows = 4096;

/// **Collective.** Calls `work(rows)` for consecutive slices of my block, as many slices on every rank: as the largest
/// block of any takes. Between two slices errors are agreed on, a stop request ends all ranks with `Interrupted`, and
/// rank 0 reports progress.
void for_slices(const comm::Communicator& comm, IndexRange block, std::uint64_t largest_block, const std::string& stage,
                ProgressSink& progress, const std::function<void(IndexRange)>& work,
                std::uint64_t slice_rows = kSliceRows);

}  // namespace rove::algorithms::detail
