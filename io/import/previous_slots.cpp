// SPDX-License-Identifier: Apache-2.0
#include "io/import/previous_slots.hpp"

#include <algorithm>
#include <numeric>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/base/checked_cast.hpp"
#include "engine/base/error.hpp"
#include "engine/parallel/parallel.hpp"
#include "io/hdf5/graph_file.hpp"
#include "io/hdf5/header.hpp"
#include "io/ids/id_index.hpp"
#include "io/import/edge_exchange.hpp"
#include "io/import/row_mapping.hpp"

namespace rove::io {
namespace {

/// Slots of yesterday's file that a rank holds at a time (a longer row is held whole).
constexpr std::uint64_t kSlotsPerRound = std::uint64_t{1} << 20U;
constexpr std::uint64_t kPreviousSlotsGrain = 64;

std::vector<std::string> type_names(const graph::Schema& schema) {
  std::vector<std::string> names;
  for (const graph::VertexType& type : schema.vertex_types()) names.push_back(type.name);
  return names;
}

std::vector<std::string> edge_names(const graph::Schema& schema) {
  std::vector<std::string> names;
  for (std::size_t e = 0; e < schema.edge_types().size(); ++e) {
    names.push_back(schema.name_of(EdgeTypeId{static_cast<std::uint16_t>(e)}));
  }
  return names;
}

std::optional<EdgeTypeId> counterpart(const graph::Schema& from, const graph::EdgeType& type, const graph::Schema& in) {
  return in.find_edge_type(from.vertex_type(type.source).name, type.relation, from.vertex_type(type.destination).name);
}

/// Links split an edge type by what its ends became, and parts without edges are left out: a part may come or go.
bool has_relation(const graph::Schema& schema, const std::string& relation) {
  return std::ranges::any_of(schema.edge_types(), [&](const graph::EdgeType& t) { return t.relation == relation; });
}

void check_comparable(const std::filesystem::path& file, const graph::Schema& before, const graph::Schema& now) {
  const auto sorted = [](std::vector<std::string> names) {
    std::ranges::sort(names);
    return names;
  };
  const auto fail = [&](const std::string& found, const std::string& expected) {
    throw InputError(
        fmt::format("graph.previous '{}' has {}; expected {}. Name a graph of the same job, or leave graph.previous "
                    "out on the night the types change (slots then start anew, by key)",
                    file.string(), found, expected));
  };
  if (sorted(type_names(before)) != sorted(type_names(now))) {
    fail(fmt::format("the vertex types {}", fmt::join(type_names(before), ", ")),
         fmt::format("today's {}", fmt::join(type_names(now), ", ")));
  }
  for (const auto& [some, other] : {std::pair{&before, &now}, std::pair{&now, &before}}) {
    for (const graph::EdgeType& type : some->edge_types()) {
      const auto found = counterpart(*some, type, *other);
      if (!found && !has_relation(*other, type.relation)) {
        fail(fmt::format("the edge types {}", fmt::join(edge_names(before), "; ")),
             fmt::format("today's {}", fmt::join(edge_names(now), "; ")));
      }
      if (!found) continue;
      const graph::EdgeType& same = other->edge_type(*found);
      // A type without edges has no relations either.
      const bool same_kind = same.relations.empty() == type.relations.empty() || same.count == 0 || type.count == 0;
      if (same.undirected != type.undirected || !same_kind) {
        const graph::EdgeType& yesterdays = some == &before ? type : same;
        fail(fmt::format("edges of {} that are {} and {} relations of their own", other->name_of(*found),
                         yesterdays.undirected ? "undirected" : "directed",
                         yesterdays.relations.empty() ? "have no" : "have"),
             "edges as today's");
      }
    }
  }
}

/// Which vertices of a type both days have.
struct RowMap {
  std::uint64_t previous_count = 0;
  IndexRange covered;                      ///< previous rows whose keys lie in my block's range; all ranks' follow on
  std::vector<std::uint64_t> before;       ///< previous row of each row of my block, or `kUnknownRow`
  std::vector<std::uint64_t> now_at_home;  ///< today's row of each row of my home block of the previous numbering
};

std::uint64_t first_row_from(const hdf5::InputFile& file, const std::string& keys, std::uint64_t count, VertexKey key) {
  std::uint64_t low = 0;
  std::uint64_t high = count;
  while (low < high) {
    const std::uint64_t middle = (low + high) / 2;
    if (file.read<std::uint64_t>(keys, {middle, middle + 1})[0] < key.value()) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

RowMap map_rows(const comm::Communicator& comm, const hdf5::InputFile& file, const NodeTypeInfo& type,
                std::uint64_t first_row, std::span<const VertexKey> keys) {
  RowMap map;
  map.previous_count = type.count;
  std::uint64_t begin = 0;
  const std::string dataset = type.group + "/keys";
  comm.agree([&] {
    if (comm.is_root()) return;
    begin = keys.empty() ? type.count : first_row_from(file, dataset, type.count, keys.front());
  });
  const std::vector<std::uint64_t> begins = comm.all_gather(begin);
  const std::size_t next = comm.rank().index() + 1;
  map.covered = {begin, next < begins.size() ? begins[next] : type.count};
  std::vector<std::uint64_t> now(map.covered.size(), kUnknownRow);
  map.before.assign(keys.size(), kUnknownRow);
  comm.agree([&] {
    const auto before = file.read<std::uint64_t>(dataset, map.covered);
    std::size_t row = 0;
    for (std::size_t i = 0; i < before.size(); ++i) {
      while (row < keys.size() && keys[row].value() < before[i]) ++row;
      if (row == keys.size() || keys[row].value() != before[i]) continue;
      now[i] = first_row + row;
      map.before[row] = map.covered.begin + i;
    }
  });
  const graph::BlockDistribution homes(type.count, comm.size());
  std::vector<std::uint64_t> counts(begins.size());
  for (std::size_t r = 0; r < counts.size(); ++r) {
    const IndexRange home = homes.block(Rank{static_cast<std::int32_t>(r)});
    const std::uint64_t from = std::max(home.begin, map.covered.begin);
    const std::uint64_t to = std::min(home.end, map.covered.end);
    counts[r] = to > from ? to - from : 0;
  }
  map.now_at_home = comm.exchange<std::uint64_t>(std::span<const std::uint64_t>(now), counts).data;
  return map;
}

/// An edge as its row sees it.
struct RowEdge {
  std::uint32_t relation = 0;
  std::uint32_t target = 0;
  std::int64_t time = 0;
  float weight = 0;
  std::uint32_t place = 0;  ///< slot or number of the edge

  [[nodiscard]] auto identity() const { return std::tie(relation, target); }
  friend auto operator<=>(const RowEdge&, const RowEdge&) = default;
};

/// Consecutive slots of yesterday's file with today's numbers.
struct PreviousSlots {
  std::uint64_t first = 0;
  std::vector<std::uint64_t> targets;    ///< today's rows, or `kUnknownRow`
  std::vector<std::uint32_t> relations;  ///< today's, or `kUnknownRow`; empty where edges have none
  std::vector<std::int64_t> times;
  std::vector<float> weights;

  void fill(IndexRange slots, std::vector<RowEdge>& row) const {
    row.clear();
    for (std::uint64_t slot = slots.begin; slot < slots.end; ++slot) {
      const std::uint64_t i = slot - first;
      const std::uint32_t relation = relations.empty() ? 0 : relations[i];
      if (targets[i] == kUnknownRow || relation == kUnknownRow) continue;
      row.push_back({relation, static_cast<std::uint32_t>(targets[i]), times.empty() ? 0 : times[i],
                     weights.empty() ? 0.0F : weights[i], static_cast<std::uint32_t>(slot - slots.begin)});
    }
    if (!std::ranges::is_sorted(row)) std::ranges::sort(row);
  }
};

/// One adjacency of my block and the same one of yesterday's file.
class AdjacencySlots {
 public:
  AdjacencySlots(const comm::Communicator& comm, const hdf5::InputFile& file, const graph::Schema& schema,
                 EdgeTypeId previous_type, const graph::EdgeType& type, bool by_source, const RowMap& rows,
                 const RowMap& targets)
      : comm_(comm), file_(file), rows_(rows), targets_(targets) {
    const graph::EdgeType& before = schema.edge_type(previous_type);
    group_ = edge_group(schema.vertex_type(before.source).name, before.relation,
                        schema.vertex_type(before.destination).name) +
             (by_source ? "/by_source" : "/by_destination");
    for (const std::string& name : before.relations) {
      const auto found = std::ranges::find(type.relations, name);
      relation_now_.push_back(
          found == type.relations.end() ? kUnknownRow : static_cast<std::uint32_t>(found - type.relations.begin()));
    }
    compare_times_ = before.has_times && type.has_times;
    compare_weights_ = before.has_weights && type.has_weights;
  }

  /// **Collective.** Returns how many edges of my block both days have.
  std::uint64_t apply(graph::AdjacencyBlock& block, std::vector<std::uint64_t>* positions) {
    comm_.agree([&] {
      offsets_ = file_.read<std::uint64_t>(group_ + "/indptr", {rows_.covered.begin, rows_.covered.end + 1});
      if (!std::ranges::is_sorted(offsets_)) {
        throw InputError(
            fmt::format("{}: {}/indptr does not ascend; the file is damaged", file_.path().string(), group_));
      }
    });
    std::uint64_t kept = 0;
    for (std::uint64_t row = 0;;) {
      const std::uint64_t end = round_end(row);
      if (comm_.all_reduce(std::uint32_t{end > row ? 1U : 0U}, comm::ReduceOp::kMax) == 0) break;
      const PreviousSlots previous = read({row, end});
      parallel::PerThread<std::uint64_t> counts;
      comm_.agree([&] {
        parallel::for_each({row, end}, kPreviousSlotsGrain,
                           [&](std::uint64_t r) { counts.local() += order_row(block, positions, previous, r); });
      });
      counts.for_each([&](std::uint64_t count) { kept += count; });
      row = end;
    }
    return kept;
  }

 private:
  [[nodiscard]] IndexRange slots_of(std::uint64_t row) const {
    const std::uint64_t before = rows_.before[row];
    if (before == kUnknownRow) return {0, 0};
    const std::uint64_t i = before - rows_.covered.begin;
    return {offsets_[i], offsets_[i + 1]};
  }

  /// The rows of a round: as many as their span in the file allows, one at least.
  [[nodiscard]] std::uint64_t round_end(std::uint64_t row) const {
    const std::uint64_t num_rows = rows_.before.size();
    std::optional<std::uint64_t> first;
    for (std::uint64_t end = row; end < num_rows; ++end) {
      const IndexRange slots = slots_of(end);
      if (slots.size() == 0) continue;
      if (!first) first = slots.begin;
      if (end > row && slots.end - *first > kSlotsPerRound) return end;
    }
    return num_rows;
  }

  /// **Collective.**
  [[nodiscard]] PreviousSlots read(IndexRange rows) const {
    PreviousSlots result;
    std::vector<std::uint32_t> rows_before;
    comm_.agree([&] {
      IndexRange span{0, 0};
      for (std::uint64_t row = rows.begin; row < rows.end; ++row) {
        const IndexRange slots = slots_of(row);
        if (slots.size() == 0) continue;
        if (span.size() == 0) span.begin = slots.begin;
        span.end = slots.end;
      }
      result.first = span.begin;
      rows_before = file_.read<std::uint32_t>(group_ + "/indices", span);
      for (const std::uint32_t target : rows_before) {
        if (target >= targets_.previous_count) {
          throw InputError(fmt::format("{}: {}/indices holds the row {}, expected below {}; the file is damaged",
                                       file_.path().string(), group_, target, targets_.previous_count));
        }
      }
      if (!relation_now_.empty()) {
        result.relations = file_.read<std::uint32_t>(group_ + "/relations", span);
        for (std::uint32_t& relation : result.relations) {
          if (relation >= relation_now_.size()) {
            throw InputError(fmt::format("{}: {}/relations holds {}, expected below {}; the file is damaged",
                                         file_.path().string(), group_, relation, relation_now_.size()));
          }
          relation = relation_now_[relation];
        }
      }
      if (compare_times_) result.times = file_.read<std::int64_t>(group_ + "/times", span);
      if (compare_weights_) result.weights = file_.read<float>(group_ + "/weights", span);
    });
    result.targets = look_up_rows(comm_, {targets_.previous_count, comm_.size()}, targets_.now_at_home, rows_before);
    return result;
  }

  std::uint64_t order_row(graph::AdjacencyBlock& block, std::vector<std::uint64_t>* positions,
                          const PreviousSlots& previous, std::uint64_t row) const {
    const IndexRange slots = slots_of(row);
    const std::uint64_t begin = block.offsets[row];
    const auto num_edges = checked_cast<std::uint32_t>(block.offsets[row + 1] - begin, "edges of a vertex");
    if (slots.size() == 0 || num_edges == 0) return 0;
    std::vector<RowEdge> before;
    previous.fill(slots, before);
    std::vector<RowEdge> today(num_edges);
    for (std::uint32_t i = 0; i < num_edges; ++i) {
      today[i] = {block.relations.empty() ? 0 : block.relations[begin + i], block.targets[begin + i],
                  block.times.empty() ? 0 : block.times[begin + i],
                  block.weights.empty() ? 0.0F : block.weights[begin + i], i};
    }
    if (!std::ranges::is_sorted(today)) std::ranges::sort(today);
    std::vector<std::uint32_t> match(slots.size(), kGoneEdge);
    std::uint64_t kept = 0;
    auto edge = today.begin();
    for (const RowEdge& old : before) {
      while (edge != today.end() && edge->identity() < old.identity()) ++edge;
      if (edge == today.end()) break;
      if (edge->identity() != old.identity()) continue;
      match[old.place] = static_cast<std::uint32_t>(edge - today.begin());
      ++edge;
      ++kept;
    }
    const std::vector<std::uint32_t> order = kept_slots(match, num_edges);
    const auto permute = [&](auto& values) {
      if (values.empty()) return;
      const auto from = values.begin() + static_cast<std::ptrdiff_t>(begin);
      const std::remove_reference_t<decltype(values)> old(from, from + num_edges);
      for (std::uint32_t slot = 0; slot < num_edges; ++slot) values[begin + slot] = old[today[order[slot]].place];
    };
    permute(block.targets);
    permute(block.weights);
    permute(block.times);
    permute(block.relations);
    if (positions != nullptr) permute(*positions);
    return kept;
  }

  const comm::Communicator& comm_;
  const hdf5::InputFile& file_;
  const RowMap& rows_;
  const RowMap& targets_;
  std::string group_;
  std::vector<std::uint32_t> relation_now_;
  bool compare_times_ = false;
  bool compare_weights_ = false;
  std::vector<std::uint64_t> offsets_;  ///< of the covered rows
};

}  // namespace

std::vector<std::uint32_t> kept_slots(std::span<const std::uint32_t> match, std::uint32_t num_edges) {
  std::vector<std::uint32_t> slots(match.begin(), match.end());
  std::vector<bool> matched(num_edges);
  for (const std::uint32_t edge : match) {
    if (edge != kGoneEdge) matched[edge] = true;
  }
  for (std::uint32_t edge = 0; edge < num_edges; ++edge) {
    if (!matched[edge]) slots.push_back(edge);
  }
  for (std::size_t slot = match.size(); slot-- > 0;) {
    if (match[slot] != kGoneEdge) continue;
    slots[slot] = slots.back();
    slots.pop_back();
  }
  return slots;
}

void keep_previous_slots(const comm::Communicator& comm, ImportedGraph& graph, const std::filesystem::path& previous) {
  graph::GraphBlocks& blocks = graph.blocks;
  const graph::Schema& schema = blocks.schema;
  std::optional<hdf5::InputFile> file;
  graph::Schema before;
  comm.agree([&] {
    file.emplace(previous);
    (void)read_header(*file, FileFormat::kGraph);
    before = read_schema(*file);
    check_comparable(previous, before, schema);
  });

  std::vector<RowMap> rows;
  for (std::uint16_t t = 0; t < schema.vertex_types().size(); ++t) {
    NodeTypeInfo type;
    comm.agree([&] { type = node_type(*file, schema.vertex_types()[t].name); });
    rows.push_back(map_rows(
        comm, *file, type, blocks.distribution(VertexTypeId{t}, comm.size()).block(comm.rank()).begin, blocks.keys[t]));
  }
  for (std::uint16_t e = 0; e < schema.edge_types().size(); ++e) {
    const graph::EdgeType& type = schema.edge_types()[e];
    SlotChanges changes{schema.name_of(EdgeTypeId{e}), 0, type.count, 0};
    if (const auto same = counterpart(schema, type, before)) {
      const RowMap& sources = rows[type.source.index()];
      const RowMap& destinations = rows[type.destination.index()];
      graph::EdgeBlocks& edges = blocks.edges[e];
      const std::uint64_t kept =
          AdjacencySlots(comm, *file, before, *same, type, true, sources, destinations).apply(edges.by_source, nullptr);
      // Positions follow the new slots by source.
      edges.by_destination = {};
      edges.edge_positions = {};
      build_by_destination(comm, edges, columns_of(type), blocks.distribution(type.source, comm.size()),
                           blocks.distribution(type.destination, comm.size()));
      AdjacencySlots(comm, *file, before, *same, type, false, destinations, sources)
          .apply(edges.by_destination, &edges.edge_positions);
      changes.kept = comm.all_reduce(kept, comm::ReduceOp::kSum);
      changes.added = type.count - changes.kept;
      changes.removed = before.edge_type(*same).count - changes.kept;
    }
    graph.report.slot_changes.push_back(std::move(changes));
  }
}

}  // namespace rove::io
