// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "gnn/model_weights.hpp"
#include "jobs/pipeline/session.hpp"

namespace rove::jobs {

struct CarriedWeights {
  std::string model;
  gnn::ModelWeights weights;
  std::uint64_t known_items = 0;  ///< of the graph's items
  std::uint64_t dropped = 0;      ///< items of the file that the graph does not have
};

/// **Collective.** The weights of a `model.h5` that scores a user by the own items alone (item-knn, ease), for the
/// items of the session's graph, matched by key: rows and columns of items that are gone are left out, those of new
/// items are empty (item-knn) or zero (ease, and what every user gives an item). Throws `ConfigError` for other models.
/// Memory: 4 bytes per item of the file on every rank, beside the weights.
[[nodiscard]] CarriedWeights carry_weights(Session& session, VertexTypeId items, const std::filesystem::path& path);

}  // namespace rove::jobs
