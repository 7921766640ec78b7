// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/base/ids.hpp"

namespace rove::graph {

/// Which part every vertex belongs to, as partitioners produce it and part files store it: per vertex type, the parts
/// of this rank's home block (`BlockDistribution`) of rows.
struct Assignment {
  std::int32_t num_parts = 1;
  std::string method;
  std::vector<std::vector<std::int32_t>> parts;  ///< [type][row - block begin]
};

}  // namespace rove::graph
