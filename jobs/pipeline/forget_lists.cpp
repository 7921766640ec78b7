// SPDX-License-Identifier: Apache-2.0
#include "jobs/pipeline/forget_lists.hpp"

#include <algorithm>
#include <utility>

#include "engine/base/error.hpp"
#include "io/ids/id_index.hpp"
#include "io/ids/listed_ids.hpp"
#include "io/ids/resolve_interactions.hpp"
#include "jobs/pipeline/graph_options.hpp"

namespace rove::jobs {

namespace {

/// Listed pairs that the graph has, in home blocks.
std::uint64_t count_pairs(const graph::AdjacencyBlock& rows, const gnn::HeldOutItems& pairs) {
  std::uint64_t count = 0;
  for (std::size_t row = 0; row + 1 < pairs.offsets.size(); ++row) {
    const auto begin = rows.targets.begin() + static_cast<std::ptrdiff_t>(rows.offsets[row]);
    const auto end = rows.targets.begin() + static_cast<std::ptrdiff_t>(rows.offsets[row + 1]);
    for (std::uint64_t i = pairs.offsets[row]; i < pairs.offsets[row + 1]; ++i) {
      count += std::find(begin, end, pairs.values[i]) != end ? 1U : 0U;
    }
  }
  return count;
}

}  // namespace

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
    const std::uint64_t known_ids = comm.all_reduce<std::uint64_t>(lists.set.pairs.values.size(), comm::ReduceOp::kSum);
    lists.interactions = comm.all_reduce(count_pairs(session.blocks().edges[type.index()].by_source, lists.set.pairs),
                                         comm::ReduceOp::kSum);
    lists.unknown += pairs.unknown_sources + pairs.unknown_targets + known_ids - lists.interactions;
  }
  return lists;
}

}  // namespace rove::jobs
