// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "jobs/pipeline/session.hpp"

namespace rove::jobs {

/// What `ppr.pixie_bias` makes of `ppr.pixie_features`, as `algorithms::PixieOptions` has it. Empty: no bias is set.
struct PixieBias {
  std::vector<std::uint8_t> features;  ///< by stable id, the same on all ranks; 0: none that has a factor
  std::vector<double> factors;
};

/// **Collective.** Ids that the graph does not have, and features of the bias that no vertex has, are counted in
/// warnings. Throws `InputError` for lines that are no pair and for vertices of several features.
[[nodiscard]] PixieBias read_pixie_bias(Session& session);

}  // namespace rove::jobs
