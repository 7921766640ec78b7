// SPDX-License-Identifier: Apache-2.0
#include "jobs/pipeline/forget_lists.hpp"

#include <utility>

#include "engine/base/error.hpp"
#include "io/ids/id_index.hpp"
#include "io/ids/listed_ids.hpp"
#include "io/ids/resolve_interactions.hpp"
#include "jobs/pipeline/graph_options.hpp"

namespace rove::jobs {

bool has_forget_lists(const Config& config) {
  return !forget_options(config).empty();
}

ForgetLists read_forget_lists(Session& session, EdgeTypeId type) {
  const comm::Communicator& comm = session.comm();
  const graph::EdgeType& edge_type = session.schema().edge_type(type);
  io::ForgetOptions options;
  comm.agree([&] {
    options = forget_options(session.config());
    if (options.empty()) {
      throw ConfigError(
          "there is nothing to forget; name files of ids in forget.users or forget.items, or of pairs in "
          "forget.interactions");
    }
  });
  const io::IdIndex users = session.id_index(edge_type.source);
  const io::IdIndex items = session.id_index(edge_type.destination);
  ForgetLists lists;
  const io::ListedIds listed_users = io::read_listed_ids(comm, options.users, users);
  const io::ListedIds listed_items = io::read_listed_ids(comm, options.items, items);
  lists.set.users = listed_users.is_listed;
  lists.set.items = listed_items.is_listed;
  lists.users = listed_users.found;
  lists.items = listed_items.found;
  lists.unknown = listed_users.unknown + listed_items.unknown;
  lists.set.pairs.offsets.assign(session.nodes(edge_type.source).keys.size() + 1, 0);
  if (!options.interactions.files.empty()) {
    io::ResolvedInteractions pairs = io::resolve_interactions(comm, options.interactions, users, items);
    lists.set.pairs = {std::move(pairs.offsets), std::move(pairs.targets)};
    lists.interactions = pairs.kept;
    lists.unknown += pairs.unknown_sources + pairs.unknown_targets;
  }
  return lists;
}

}  // namespace rove::jobs
