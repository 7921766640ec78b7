// SPDX-License-Identifier: Apache-2.0
#include "gnn/models.hpp"

#include <fmt/format.h>

#include "engine/base/error.hpp"

namespace rove::gnn {

const Model& find_model(std::string_view name) {
  const auto* const found = std::ranges::find(kModels, name, &Model::name);
  if (found == kModels.end()) {
    throw ConfigError(fmt::format("there is no model '{}', expected one of {}", name, kModelChoices));
  }
  return *found;
}

}  // namespace rove::gnn
