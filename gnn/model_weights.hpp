// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "engine/base/ids.hpp"
#include "engine/graph/neighbor_lists.hpp"

namespace rove::gnn {

/// What a model without vectors has learnt, as `model.h5` holds it: rows lie in home blocks, so nothing here depends on
/// the partition.
struct ModelWeights {
  /// A row of numbers per vertex of a type.
  struct Table {
    std::string name;
    VertexTypeId type;
    std::uint64_t columns = 0;
    std::vector<float> values;  ///< my home block's rows
  };
  /// A ranked list per vertex of a type.
  struct Lists {
    VertexTypeId source;
    VertexTypeId target;
    graph::NeighborLists lists;  ///< my home block's rows
  };

  std::map<std::string, double> settings;  ///< what scoring needs beside the tables
  std::vector<Table> tables;
  std::vector<Lists> lists;
};

}  // namespace rove::gnn
