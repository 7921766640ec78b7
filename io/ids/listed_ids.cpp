// SPDX-License-Identifier: Apache-2.0
#include "io/ids/listed_ids.hpp"

#include <algorithm>

#include "engine/graph/block_distribution.hpp"
#include "io/hdf5/node_rows.hpp"
#include "io/import/node_reader.hpp"

namespace rove::io {

std::vector<std::string> gather_ids(const comm::Communicator& comm, const IdBlock& ids) {
  std::string packed;
  for (std::uint64_t i = 0; i < ids.size(); ++i) {
    packed += ids[i];
    packed += '\n';
  }
  std::vector<std::string> all;
  for (const std::string& texts : comm.all_gather_text(packed)) {
    for (std::size_t at = 0; at < texts.size();) {
      const std::size_t end = texts.find('\n', at);
      all.push_back(texts.substr(at, end - at));
      at = end + 1;
    }
  }
  std::ranges::sort(all);
  all.erase(std::ranges::unique(all).begin(), all.end());
  return all;
}

std::vector<std::string> read_id_lists(const comm::Communicator& comm, const std::vector<std::string>& files) {
  if (files.empty()) return {};
  NodeOptions list;
  list.type = "listed";
  list.files = files;
  IdTable table(list.type);
  static_cast<void>(read_nodes(comm, list, table, no_progress()));
  return gather_ids(comm, table.take().ids);
}

ListedIds read_listed_ids(const comm::Communicator& comm, const std::vector<std::string>& files, const IdIndex& index) {
  const IndexRange home = graph::BlockDistribution(index.num_rows(), comm.size()).block(comm.rank());
  ListedIds listed;
  listed.is_listed.resize(home.size());
  const std::vector<std::string> ids = read_id_lists(comm, files);
  if (ids.empty()) return listed;
  const IndexRange share = graph::BlockDistribution(ids.size(), comm.size()).block(comm.rank());
  IdBlock mine;
  for (std::uint64_t i = share.begin; i < share.end; ++i) append(mine, ids[i]);
  for (const std::uint32_t row : comm.all_gather_v<std::uint32_t>(index.rows_of(comm, mine)).data) {
    if (row == kUnknownRow) {
      ++listed.unknown;
    } else if (row >= home.begin && row < home.end) {
      listed.is_listed[row - home.begin] = 1;
    }
  }
  listed.found = ids.size() - listed.unknown;
  return listed;
}

}  // namespace rove::io
