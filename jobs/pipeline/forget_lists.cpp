// SPDX-License-Identifier: Apache-2.0
#include "jobs/pipeline/forget_lists.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "engine/base/error.hpp"
#include "io/ids/id_index.hpp"
#include "io/ids/listed_ids.hpp"
#include "io/ids/resolve_interactions.hpp"

namespace rove::jobs {
namespace {

io::IdIndex index_of(const Session& session, VertexTypeId type) {
  const io::NodeRows& nodes = session.nodes(type);
  return {session.comm(), nodes.type, type, nodes.ids, nodes.keys, session.overrides()};
}

std::vector<std::string> file_names(const Config& config, const char* key) {
  std::vector<std::string> names;
  for (const auto& file : config.paths(key)) names.push_back(file.string());
  return names;
}

}  // namespace

bool has_forget_lists(const Config& config) {
  return std::ranges::any_of(std::array{"forget.users", "forget.items", "forget.interactions"},
                             [&](const char* key) { return !config.texts(key).empty(); });
}

ForgetLists read_forget_lists(Session& session, EdgeTypeId type) {
  const comm::Communicator& comm = session.comm();
  const graph::EdgeType& edge_type = session.schema().edge_type(type);
  const Config& config = session.config();
  io::TextLayout pair_files;
  comm.agree([&] {
    pair_files.files = file_names(config, "forget.interactions");
    pair_files.format = io::text_format_of(config.text("forget.format"));
    if (!has_forget_lists(config)) {
      throw ConfigError(
          "there is nothing to forget; name files of ids in forget.users or forget.items, or of pairs in "
          "forget.interactions");
    }
  });
  const io::IdIndex users = index_of(session, edge_type.source);
  const io::IdIndex items = index_of(session, edge_type.destination);
  ForgetLists lists;
  const io::ListedIds listed_users = io::read_listed_ids(comm, file_names(config, "forget.users"), users);
  const io::ListedIds listed_items = io::read_listed_ids(comm, file_names(config, "forget.items"), items);
  lists.set.users = listed_users.is_listed;
  lists.set.items = listed_items.is_listed;
  lists.users = listed_users.found;
  lists.items = listed_items.found;
  lists.unknown = listed_users.unknown + listed_items.unknown;
  lists.set.pairs.offsets.assign(session.nodes(edge_type.source).keys.size() + 1, 0);
  if (!pair_files.files.empty()) {
    io::ResolvedInteractions pairs = io::resolve_interactions(comm, pair_files, users, items);
    lists.set.pairs = {std::move(pairs.offsets), std::move(pairs.targets)};
    lists.interactions = pairs.kept;
    lists.unknown += pairs.unknown_sources + pairs.unknown_targets;
  }
  return lists;
}

}  // namespace rove::jobs
