// SPDX-License-Identifier: Apache-2.0
#include "io/import/node_reader.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstddef>
#include <functional>
#include <iterator>
#include <limits>
#include <memory>
#include <mutex>
#include <numeric>
#include <span>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "io/ids/id_index.hpp"
#include "io/import/matrix_file.hpp"
#include "io/text/input_files.hpp"
#include "io/text/row_reader.hpp"

namespace rove::io {
namespace {

struct VertexBlock {
  std::vector<std::uint32_t> vertices;
  std::vector<float> features;
};

class VertexConsumer final : public text::RowConsumer {
 public:
  VertexConsumer(IdTable& table, std::mutex& mutex, std::vector<VertexBlock>& blocks, std::uint64_t number)
      : table_(table), mutex_(mutex), blocks_(blocks), number_(number) {}

  void consume(const text::RowBatch& batch) override {
    const std::size_t begin = block_.vertices.size();
    block_.vertices.resize(begin + batch.vertices.size());
    table_.number(batch.vertices, std::span(block_.vertices).subspan(begin), true);
    block_.features.insert(block_.features.end(), batch.features.begin(), batch.features.end());
  }
  void finish() override {
    const std::lock_guard lock(mutex_);
    if (blocks_.size() <= number_) blocks_.resize(number_ + 1);
    blocks_[number_] = std::move(block_);
  }

 private:
  IdTable& table_;
  std::mutex& mutex_;
  std::vector<VertexBlock>& blocks_;
  std::uint64_t number_;
  VertexBlock block_;
};

/// **Collective.** A text list of vertices, with features where the files have some.
void read_list(const comm::Communicator& comm, const std::vector<std::string>& paths, bool recbole, IdTable& table,
               ProgressSink& progress, NodeRead& result) {
  const auto files = text::open_inputs(comm, paths, [&](const std::string& path, std::string_view head) {
    return text::recognise_vertex_list(path, head, recbole);
  });
  comm.agree([&] {
    for (const text::InputFile& file : files) {
      const auto width = static_cast<std::uint64_t>(std::popcount(file.layout.feature_columns));
      if (&file == &files[0]) result.width = width;
      if (width != result.width) {
        throw InputError(fmt::format("{} has {} float columns, but {} has {}; files of one entry must agree",
                                     file.info.path.string(), width, files[0].info.path.string(), result.width));
      }
    }
    std::mutex mutex;
    std::vector<VertexBlock> blocks;
    result.bytes_read += text::read_share(
        files, comm.rank(), comm.size(), text::kBlockBytes,
        [&](const text::InputFile&, std::uint64_t number) {
          return std::make_unique<VertexConsumer>(table, mutex, blocks, number);
        },
        progress);
    for (const VertexBlock& block : blocks) {
      result.vertices.insert(result.vertices.end(), block.vertices.begin(), block.vertices.end());
      result.values.insert(result.values.end(), block.features.begin(), block.features.end());
      result.block_ends.push_back(result.vertices.size());
    }
  });
  result.files = files;
}

/// Vertices called "0", "1", ...: my share of `count`.
IndexRange declare_positions(const comm::Communicator& comm, std::uint64_t count, IdTable& table,
                             std::vector<std::uint32_t>& vertices) {
  const IndexRange mine = graph::BlockDistribution(count, comm.size()).block(comm.rank());
  vertices.resize(mine.size());
  std::array<char, 20> digits{};
  for (std::uint64_t i = 0; i < mine.size(); ++i) {
    const char* end = std::to_chars(digits.data(), digits.data() + digits.size(), mine.begin + i).ptr;
    const std::string_view name(digits.data(), static_cast<std::size_t>(end - digits.data()));
    table.number(std::span(&name, 1), std::span(vertices).subspan(i, 1), true);
  }
  return mine;
}

/// **Collective.** Rows of one matrix file.
void read_matrix(const comm::Communicator& comm, const NodeOptions& options, IdTable& table, ProgressSink& progress,
                 NodeRead& result) {
  if (options.files.size() != 1) {
    throw ConfigError(fmt::format("graph.nodes [{}]: {} feature files, expected one; give each its own entry and name",
                                  options.type, options.files.size()));
  }
  result.matrix = options.files[0];
  IndexRange mine;
  std::unique_ptr<MatrixFile> matrix;
  comm.agree([&] { matrix = open_matrix(options.files[0], options.format, options.dataset); });
  if (options.ids.empty()) {
    comm.agree([&] { mine = declare_positions(comm, matrix->rows(), table, result.vertices); });
  } else {
    read_list(comm, options.ids, false, table, progress, result);
    mine.begin = comm.exclusive_scan(result.vertices.size());
    mine.end = mine.begin + result.vertices.size();
    const std::uint64_t count = comm.all_reduce(std::uint64_t{result.vertices.size()}, comm::ReduceOp::kSum);
    if (count != matrix->rows()) {
      throw InputError(fmt::format("{} has {} rows, but {} names {} ids; expected one id per row", options.files[0],
                                   matrix->rows(), options.ids[0], count));
    }
  }
  comm.agree([&] { result.values = matrix->read(mine); });
  result.width = matrix->columns();
  result.bytes_read += result.values.size() * sizeof(float);
}

/// Throws at one row of a block.
class RowFinder final : public text::RowConsumer {
 public:
  RowFinder(std::uint64_t index, const std::function<text::ParseError(std::string_view id)>& describe)
      : index_(index), describe_(describe) {}
  void consume(const text::RowBatch& batch) override {
    if (index_ < batch.vertices.size()) throw describe_(batch.vertices[index_]);
    index_ -= batch.vertices.size();
  }

 private:
  std::uint64_t index_;
  const std::function<text::ParseError(std::string_view id)>& describe_;
};

/// Two rows of one vertex, by their positions in the input.
struct RepeatedRow {
  std::uint64_t second = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t first = 0;
};

/// The earliest second row among rows of vertices that came with their positions in the input.
RepeatedRow first_repeated(std::span<const std::uint32_t> rows, std::span<const std::uint64_t> positions) {
  std::vector<std::size_t> order(rows.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t i) { return std::pair(rows[i], positions[i]); });
  RepeatedRow found;
  for (std::size_t i = 1; i < order.size(); ++i) {
    if (rows[order[i]] == rows[order[i - 1]] && positions[order[i]] < found.second) {
      found = {positions[order[i]], positions[order[i - 1]]};
    }
  }
  return found;
}

/// **Collective.** Some vertex has two rows. `order`: of the rows that were sent, `counts` of them to each rank;
/// `my_rows`: what came of them.
[[noreturn]] void refuse_second_row(const comm::Communicator& comm, const NodeRead& nodes,
                                    std::span<const std::uint64_t> order, std::span<const std::uint64_t> counts,
                                    std::span<const std::uint32_t> my_rows) {
  const std::uint64_t begin = comm.exclusive_scan(nodes.vertices.size());
  std::vector<std::uint64_t> positions;
  for (const std::uint64_t i : order) positions.push_back(begin + i);
  positions = comm.exchange<std::uint64_t>(std::span<const std::uint64_t>(positions), counts).data;
  RepeatedRow repeated = first_repeated(my_rows, positions);
  const std::uint64_t second = comm.all_reduce(repeated.second, comm::ReduceOp::kMin);
  const std::uint64_t first =
      comm.all_reduce(second == repeated.second ? repeated.first : second, comm::ReduceOp::kMin);
  comm.agree([&] {
    if (second < begin || second - begin >= nodes.vertices.size()) return;
    const auto block = std::ranges::upper_bound(nodes.block_ends, second - begin);
    const std::uint64_t block_begin = block == nodes.block_ends.begin() ? 0 : *std::prev(block);
    const std::function<text::ParseError(std::string_view)> describe = [&](std::string_view id) {
      return text::ParseError(
          id.data(),
          fmt::format("a second row of '{}' for the {} '{}' (rows {} and {} of {}, from 0)", nodes.name, nodes.type, id,
                      first, second, nodes.matrix.empty() ? "the input" : nodes.matrix),
          "one row per vertex");
    };
    text::reread_block(nodes.files, comm.rank(), comm.size(), text::kBlockBytes,
                       static_cast<std::uint64_t>(block - nodes.block_ends.begin()),
                       [&](const text::InputFile&, std::uint64_t) {
                         return std::make_unique<RowFinder>(second - begin - block_begin, describe);
                       });
  });
  throw InputError(
      fmt::format("graph.nodes [{}]: a vertex has two rows of '{}', expected one", nodes.type, nodes.name));
}

}  // namespace

NodeRead read_nodes(const comm::Communicator& comm, const NodeOptions& options, IdTable& table,
                    ProgressSink& progress) {
  if (options.type.empty() || options.files.empty()) {
    throw ConfigError(fmt::format("graph.nodes [{}]: expected a type and files", options.type));
  }
  NodeRead result;
  result.type = options.type;
  result.name = options.name;
  if (options.format == NodeFormat::kIds || options.format == NodeFormat::kRecBole) {
    read_list(comm, options.files, options.format == NodeFormat::kRecBole, table, progress, result);
  } else {
    read_matrix(comm, options, table, progress, result);
  }
  return result;
}

FeatureBlock place_features(const comm::Communicator& comm, const NodeRead& nodes, std::span<const std::uint32_t> rows,
                            const graph::BlockDistribution& homes) {
  std::vector<std::uint64_t> order;
  for (std::uint64_t i = 0; i < nodes.vertices.size(); ++i) {
    if (rows[nodes.vertices[i]] != kUnknownRow) order.push_back(i);
  }
  std::ranges::stable_sort(order, {}, [&](std::uint64_t i) { return rows[nodes.vertices[i]]; });
  std::vector<std::uint64_t> counts(static_cast<std::size_t>(comm.size()));
  std::vector<std::uint32_t> sent_rows;
  std::vector<float> values;
  for (const std::uint64_t i : order) {
    sent_rows.push_back(rows[nodes.vertices[i]]);
    ++counts[homes.home_of(sent_rows.back()).index()];
    const auto begin = nodes.values.begin() + static_cast<std::ptrdiff_t>(i * nodes.width);
    values.insert(values.end(), begin, begin + static_cast<std::ptrdiff_t>(nodes.width));
  }
  const auto my_rows = comm.exchange<std::uint32_t>(std::span<const std::uint32_t>(sent_rows), counts);
  const IndexRange mine = homes.block(comm.rank());
  std::vector<std::uint8_t> seen(mine.size());
  std::uint32_t repeats = 0;
  for (const std::uint32_t row : my_rows.data) repeats |= std::exchange(seen[row - mine.begin], std::uint8_t{1});
  if (comm.all_reduce(repeats, comm::ReduceOp::kMax) != 0) {
    refuse_second_row(comm, nodes, order, counts, my_rows.data);
  }
  for (std::uint64_t& count : counts) count *= nodes.width;
  const auto my_values = comm.exchange<float>(std::span<const float>(values), counts);
  FeatureBlock block{nodes.name, nodes.width, std::vector<float>(mine.size() * nodes.width)};
  for (std::size_t i = 0; i < my_rows.data.size(); ++i) {
    const std::uint64_t row = my_rows.data[i] - mine.begin;
    std::copy_n(my_values.data.begin() + static_cast<std::ptrdiff_t>(i * nodes.width), nodes.width,
                block.values.begin() + static_cast<std::ptrdiff_t>(row * nodes.width));
  }
  return block;
}

}  // namespace rove::io
