// SPDX-License-Identifier: Apache-2.0
#include "jobs/pipeline/held_out.hpp"

#include <fmt/format.h>

#include "io/ids/resolve_interactions.hpp"
#include "jobs/pipeline/stage_options.hpp"

namespace rove::jobs {

gnn::TestItems read_test_items(Session& session, const gnn::Interactions& interactions) {
  const comm::Communicator& comm = session.comm();
  io::TextLayout layout;
  comm.agree([&] { layout = test_layout(session.config()); });
  const auto index_of = [&](VertexTypeId type) {
    const io::NodeRows& nodes = session.nodes(type);
    return io::IdIndex(comm, nodes.type, type, nodes.ids, nodes.keys, session.overrides());
  };
  const io::ResolvedInteractions test =
      io::resolve_interactions(comm, layout, index_of(interactions.user_type()), index_of(interactions.item_type()));
  if (test.unknown_sources + test.unknown_targets > 0) {
    session.warn(
        fmt::format("evaluate: {} of {} test interactions name a user or item that the graph does not have; left out",
                    test.unknown_sources + test.unknown_targets, test.rows_read));
  }
  return gnn::test_items_of_owners(comm, interactions, test.offsets, test.targets);
}

}  // namespace rove::jobs
