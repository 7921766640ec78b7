// SPDX-License-Identifier: Apache-2.0
#include "jobs/pipeline/carry_weights.hpp"

#include <algorithm>
#include <span>
#include <vector>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "gnn/item_knn.hpp"
#include "io/hdf5/model_file.hpp"
#include "io/hdf5/row_join.hpp"
#include "io/ids/id_index.hpp"
#include "jobs/pipeline/model_files.hpp"

namespace rove::jobs {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kKeysPerRead = 1U << 16U;
constexpr std::uint64_t kFloatsPerRead = 1U << 22U;

/// The first row of the type in the file whose key is not below `key`.
std::uint64_t first_row_of(const io::hdf5::InputFile& file, const io::NodeTypeInfo& info, std::uint64_t key) {
  return io::rows_with_keys(file, info.group, key, key).rows.begin;
}

/// Which row of the graph every row of the file is.
class RowMap {
 public:
  /// **Collective.** Ranks share the file's rows by the key ranges of their home blocks, which lie in order.
  RowMap(Session& session, VertexTypeId type, const fs::path& path) {
    const comm::Communicator& comm = session.comm();
    const io::NodeRows& nodes = session.nodes(type);
    const std::uint64_t count = session.schema().vertex_type(type).count;
    home_ = session.blocks().distribution(type, comm.size()).block(comm.rank());
    std::uint64_t begin = 0;
    std::uint64_t rows = 0;
    comm.agree([&] {
      const io::hdf5::InputFile file(path);
      const io::NodeTypeInfo info = io::node_type(file, nodes.type);
      rows = info.count;
      begin = home_.begin == count || nodes.keys.empty() ? rows : first_row_of(file, info, nodes.keys.front().value());
    });
    if (comm.is_root()) begin = 0;
    std::vector<std::uint64_t> begins = comm.all_gather(begin);
    begins.push_back(rows);
    mine_ = {begin, begins[comm.rank().index() + 1]};
    std::vector<std::uint32_t> graph_rows(mine_.size(), io::kUnknownRow);
    comm.agree([&] { match(path, nodes, graph_rows); });
    graph_rows_ = comm.all_gather_v(std::span<const std::uint32_t>(graph_rows)).data;
  }

  [[nodiscard]] std::uint64_t num_file_rows() const { return graph_rows_.size(); }
  /// `io::kUnknownRow` where the graph does not have it.
  [[nodiscard]] std::span<const std::uint32_t> graph_rows() const { return graph_rows_; }
  /// Rows of the file among which those of my home block lie.
  [[nodiscard]] IndexRange mine() const { return mine_; }
  [[nodiscard]] IndexRange home() const { return home_; }
  [[nodiscard]] std::uint64_t num_known() const {
    return graph_rows_.size() - static_cast<std::uint64_t>(std::ranges::count(graph_rows_, io::kUnknownRow));
  }

 private:
  void match(const fs::path& path, const io::NodeRows& nodes, std::span<std::uint32_t> graph_rows) const {
    const io::hdf5::InputFile file(path);
    const io::NodeTypeInfo info = io::node_type(file, nodes.type);
    std::size_t next = 0;
    for (std::uint64_t first = mine_.begin; first < mine_.end; first += kKeysPerRead) {
      const IndexRange rows{first, std::min(first + kKeysPerRead, mine_.end)};
      const auto keys = file.read<std::uint64_t>(info.group + "/keys", rows);
      for (std::size_t i = 0; i < keys.size(); ++i) {
        while (next < nodes.keys.size() && nodes.keys[next].value() < keys[i]) ++next;
        if (next == nodes.keys.size()) return;
        if (nodes.keys[next].value() != keys[i]) continue;
        graph_rows[first - mine_.begin + i] = static_cast<std::uint32_t>(home_.begin + next);
      }
    }
  }

  IndexRange home_;
  IndexRange mine_;
  std::vector<std::uint32_t> graph_rows_;
};

/// My home block of a square table of items.
std::vector<float> read_square(const io::hdf5::InputFile& file, const std::string& dataset, const RowMap& map,
                               std::uint64_t items) {
  std::vector<float> values(map.home().size() * items);
  const std::uint64_t columns = map.num_file_rows();
  file.require_columns(dataset, columns);
  const std::uint64_t step = std::max<std::uint64_t>(1, kFloatsPerRead / std::max<std::uint64_t>(1, columns));
  for (std::uint64_t first = map.mine().begin; first < map.mine().end; first += step) {
    const IndexRange rows{first, std::min(first + step, map.mine().end)};
    const auto read = file.read<float>(dataset, rows);
    for (std::uint64_t row = rows.begin; row < rows.end; ++row) {
      if (map.graph_rows()[row] == io::kUnknownRow) continue;
      const float* const from = read.data() + (row - rows.begin) * columns;
      float* const to = values.data() + (map.graph_rows()[row] - map.home().begin) * items;
      for (std::uint64_t c = 0; c < columns; ++c) {
        if (map.graph_rows()[c] != io::kUnknownRow) to[map.graph_rows()[c]] = from[c];
      }
    }
  }
  return values;
}

/// My home block of a number per item, 0 where the file does not have the item.
std::vector<float> read_numbers(const io::hdf5::InputFile& file, const std::string& dataset, const RowMap& map) {
  std::vector<float> values(map.home().size());
  file.require_columns(dataset, 1);
  const auto read = file.read<float>(dataset, map.mine());
  for (std::size_t i = 0; i < read.size(); ++i) {
    const std::uint32_t row = map.graph_rows()[map.mine().begin + i];
    if (row != io::kUnknownRow) values[row - map.home().begin] = read[i];
  }
  return values;
}

/// My home block of lists of items per item.
graph::NeighborLists read_lists(const io::hdf5::InputFile& file, const std::string& group, const RowMap& map) {
  const graph::NeighborLists read = io::read_neighbor_set(file, group, map.mine()).lists;
  graph::NeighborLists lists;
  std::uint64_t next = map.mine().begin;
  for (std::uint64_t row = map.home().begin; row < map.home().end; ++row) {
    // Both are in order of keys.
    while (next < map.mine().end && (map.graph_rows()[next] == io::kUnknownRow || map.graph_rows()[next] < row)) ++next;
    if (next < map.mine().end && map.graph_rows()[next] == row) {
      const auto targets = read.targets_of(next - map.mine().begin);
      const auto scores = read.scores_of(next - map.mine().begin);
      for (std::size_t i = 0; i < targets.size(); ++i) {
        if (map.graph_rows()[targets[i]] == io::kUnknownRow) continue;
        lists.targets.push_back(map.graph_rows()[targets[i]]);
        lists.scores.push_back(scores[i]);
      }
    }
    lists.offsets.push_back(lists.targets.size());
  }
  return lists;
}

}  // namespace

CarriedWeights carry_weights(Session& session, VertexTypeId items, const fs::path& path) {
  const comm::Communicator& comm = session.comm();
  const std::string& type = session.schema().vertex_type(items).name;
  const std::uint64_t count = session.schema().vertex_type(items).count;
  CarriedWeights carried;
  std::uint64_t columns = 0;
  comm.agree([&] {
    const io::hdf5::InputFile file(path);
    static_cast<void>(io::read_header(file, io::FileFormat::kModel));
    carried.model = file.attribute<std::string>("/", "model");
    if (carried.model != "item-knn" && carried.model != "ease") {
      throw ConfigError(
          fmt::format("'{}' scores through the graph it was fitted on, which has no unseen vertices; fit it on this "
                      "graph instead (rove train --model {}), which takes no epochs",
                      carried.model, carried.model));
    }
    for (const std::string& name : file.attribute_names("/settings")) {
      carried.weights.settings[name] = file.attribute<double>("/settings", name);
    }
    columns = carried.model == "ease" ? io::node_type(file, type).count : 0;
  });
  MemoryPlan plan("fold-in");
  const std::uint64_t home_rows = session.nodes(items).keys.size();
  plan.hold("weights", home_rows * (carried.model == "ease" ? count : 0) * sizeof(float));
  plan.hold("rows on their way from the file", (kFloatsPerRead + columns) * sizeof(float));
  session.require_fits(plan);

  const RowMap map(session, items, path);
  comm.agree([&] {
    const io::hdf5::InputFile file(path);
    if (carried.model == "ease") {
      const std::string dataset = io::node_group(type) + "/weights";
      carried.weights.tables.push_back({"weights", items, count, read_square(file, dataset, map, count)});
    } else {
      const std::string group = io::neighbor_group(io::FileFormat::kModel, type, type);
      carried.weights.lists.push_back({items, items, read_lists(file, group, map)});
      const std::string start(gnn::kItemKnnStart);
      const std::string dataset = io::node_group(type) + "/" + start;
      if (file.contains(dataset)) carried.weights.tables.push_back({start, items, 1, read_numbers(file, dataset, map)});
    }
  });
  carried.known_items = map.num_known();
  carried.dropped = map.num_file_rows() - map.num_known();
  return carried;
}

}  // namespace rove::jobs
