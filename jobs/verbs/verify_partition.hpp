// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "engine/comm/communicator.hpp"

namespace rove::jobs {

/// **Collective.** What is wrong with a `partition.h5` as a cut of the `graph.h5` beside it, found by
/// `partition::verify`: vertices without one part in range, parts of METIS out of balance, another number of cut edges
/// than the quality report says, another graph. Empty when all is well or when there is no graph beside it; the same on
/// all ranks. What is wrong with the files is never thrown; what keeps them from being checked is, such as too little
/// memory. Holds the graph, cut over the ranks.
[[nodiscard]] std::vector<std::string> partition_problems(const comm::Communicator& comm,
                                                          const std::filesystem::path& file);

}  // namespace rove::jobs
