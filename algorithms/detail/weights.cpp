// SPDX-License-Identifier: Apache-2.0
#include "algorithms/detail/weights.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "engine/base/error.hpp"

namespace rove::algorithms::detail {

void require_nonnegative_weights(const comm::Communicator& comm, const graph::DistributedGraph& graph,
                                 std::span<const EdgeTypeId> types) {
  const graph::Schema& schema = graph.schema();
  comm.agree([&] {
    for (std::size_t e = 0; e < schema.edge_types().size(); ++e) {
      const EdgeTypeId type{static_cast<std::uint16_t>(e)};
      if (!types.empty() && std::find(types.begin(), types.end(), type) == types.end()) continue;
      const std::vector<float>& weights = graph.by_source(type).weights;
      const auto bad = std::find_if(weights.begin(), weights.end(),
                                    [](float weight) { return !(weight >= 0.0F) || std::isinf(weight); });
      if (bad != weights.end()) {
        throw InputError(
            fmt::format("an edge of type '{}' has the weight {}, expected a finite number of at least 0; "
                        "filter or shift the weights at import",
                        schema.name_of(type), *bad));
      }
    }
  });
}

}  // namespace rove::algorithms::detail
