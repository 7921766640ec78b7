// SPDX-License-Identifier: Apache-2.0
#include "io/ids/listed_ids.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/graph/block_distribution.hpp"
#include "io/hdf5/node_rows.hpp"
#include "io/text/utf8.hpp"

namespace rove::io {
namespace {

void require_utf8(const std::string& file, const std::string& text) {
  if (text::is_utf8(text)) return;
  std::istringstream lines(text);
  std::uint64_t number = 1;
  for (std::string line; std::getline(lines, line); ++number) {
    if (!text::is_utf8(line)) throw InputError({file, number, 1}, "bytes that are not UTF-8", "one id per line");
  }
}

std::string read_lines(const std::vector<std::string>& files) {
  std::string text;
  for (const std::string& name : files) {
    std::ifstream in(name, std::ios::binary);
    std::ostringstream read;
    read << in.rdbuf();
    if (!in) throw IoError(fmt::format("cannot read the list of ids '{}': {}", name, std::strerror(errno)));
    require_utf8(name, read.str());
    text += read.str() + "\n";
  }
  return text;
}

std::vector<std::string> ids_in(const std::string& text) {
  std::istringstream lines(text);
  std::vector<std::string> ids;
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (!line.empty()) ids.push_back(std::move(line));
  }
  return ids;
}

}  // namespace

ListedIds read_listed_ids(const comm::Communicator& comm, const std::vector<std::string>& files, const IdIndex& index) {
  const IndexRange home = graph::BlockDistribution(index.num_rows(), comm.size()).block(comm.rank());
  ListedIds listed;
  listed.is_listed.resize(home.size());
  if (files.empty()) return listed;
  std::string text;
  comm.agree([&] {
    if (comm.is_root()) text = read_lines(files);
  });
  const std::vector<std::string> ids = ids_in(comm.broadcast_text(text, Rank{0}));
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
  listed.found =
      comm.all_reduce(static_cast<std::uint64_t>(std::ranges::count(listed.is_listed, 1)), comm::ReduceOp::kSum);
  return listed;
}

}  // namespace rove::io
