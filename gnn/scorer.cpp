// SPDX-License-Identifier: Apache-2.0
#include "gnn/scorer.hpp"

namespace rove::gnn {

graph::NeighborLists recommend(const comm::Communicator& comm, const Interactions& interactions, const Scorer& scorer,
                               const RetrievalOptions& options) {
  const auto everybody = [](std::uint64_t) { return true; };
  return interactions.graph()
      .home(interactions.user_type())
      .to_home(comm, scorer.top_items(comm, interactions, options, everybody));
}

}  // namespace rove::gnn
