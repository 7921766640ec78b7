// SPDX-License-Identifier: Apache-2.0
#include "io/text/walk_writer.hpp"

#include <algorithm>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/parallel/parallel.hpp"
#include "io/hdf5/walks_file.hpp"
#include "io/ids/ids_of_rows.hpp"

namespace rove::io::text {

namespace {

constexpr std::uint64_t kRowsPerPiece = 1U << 10U;
constexpr std::uint64_t kRowsPerRound = 1U << 14U;  ///< as text in memory at a time

}  // namespace

WalkWriter::WalkWriter(const comm::Communicator& comm, const std::filesystem::path& path, const graph::Schema& schema,
                       std::span<const NodeView> nodes, std::uint64_t columns)
    : comm_(comm), schema_(schema), nodes_(nodes), columns_(columns), writer_(comm, path) {}

void WalkWriter::append(std::span<const std::uint32_t> vertices) {
  const bool several = schema_.vertex_types().size() > 1;
  std::vector<std::vector<std::uint32_t>> rows(schema_.vertex_types().size());
  comm_.agree([&] {
    std::vector<std::uint32_t> distinct(vertices.begin(), vertices.end());
    parallel::sort(std::span(distinct), std::less<>());
    distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
    for (const std::uint32_t vertex : distinct) {
      if (vertex == kWalkPadding) continue;
      const StableVertexId stable{vertex};
      rows[schema_.type_of(stable).index()].push_back(static_cast<std::uint32_t>(schema_.row_of(stable)));
    }
  });
  std::vector<IdsOfRows> ids;
  for (std::size_t t = 0; t < rows.size(); ++t) {
    ids.emplace_back(comm_, schema_.vertex_types()[t].count, nodes_[t].ids, rows[t]);
    comm_.agree([&] {
      for (const std::uint32_t row : rows[t]) {
        const std::string_view id = ids[t][row];
        if (!id.empty() && id.find_first_of(" \t\n\r\v\f") == std::string_view::npos) continue;
        throw InputError(fmt::format(
            "the id '{}' is empty or holds white space, which lines of ids cannot hold; set walk.format to hdf5", id));
      }
    });
  }

  const std::uint64_t num_rows = vertices.size() / columns_;
  const auto line_of = [&](std::uint64_t row, std::string& text) {
    for (std::uint64_t step = 0; step < columns_; ++step) {
      const std::uint32_t vertex = vertices[row * columns_ + step];
      if (vertex == kWalkPadding) break;
      const StableVertexId stable{vertex};
      const VertexTypeId type = schema_.type_of(stable);
      if (step > 0) text += ' ';
      if (several) text += schema_.vertex_type(type).name + ":";
      text += ids[type.index()][schema_.row_of(stable)];
    }
    text += '\n';
  };
  const std::uint64_t rounds = comm_.all_reduce((num_rows + kRowsPerRound - 1) / kRowsPerRound, comm::ReduceOp::kMax);
  writer_.append_rounds(rounds, [&](std::uint64_t round) {
    const IndexRange part{std::min(num_rows, round * kRowsPerRound), std::min(num_rows, (round + 1) * kRowsPerRound)};
    std::vector<std::string> pieces((part.size() + kRowsPerPiece - 1) / kRowsPerPiece);
    parallel::for_chunks(part, kRowsPerPiece, [&](IndexRange chunk) {
      std::string& text = pieces[(chunk.begin - part.begin) / kRowsPerPiece];
      for (std::uint64_t row = chunk.begin; row < chunk.end; ++row) line_of(row, text);
    });
    return pieces;
  });
}

}  // namespace rove::io::text
