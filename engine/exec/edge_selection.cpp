// SPDX-License-Identifier: Apache-2.0
#include "engine/exec/edge_selection.hpp"

#include <algorithm>

namespace rove::exec {

bool EdgeSelection::selects(EdgeTypeId type) const {
  return types.empty() || std::ranges::find(types, type) != types.end();
}

std::vector<AdjacencySide> selected_sides(const graph::Schema& schema, const EdgeSelection& selection) {
  std::vector<AdjacencySide> sides;
  for (std::size_t e = 0; e < schema.edge_types().size(); ++e) {
    const EdgeTypeId id{static_cast<std::uint16_t>(e)};
    if (!selection.selects(id)) continue;
    const graph::EdgeType& type = schema.edge_type(id);
    const bool both = selection.direction == Direction::kBoth;
    if (selection.direction == Direction::kIn || (both && !type.undirected)) {
      sides.push_back({id, false, type.destination, type.source});
    }
    if (selection.direction == Direction::kOut || both) sides.push_back({id, true, type.source, type.destination});
  }
  return sides;
}

}  // namespace rove::exec
