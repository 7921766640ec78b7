// SPDX-License-Identifier: Apache-2.0
#include "io/import/edge_builder.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "engine/graph/block_distribution.hpp"
#include "engine/parallel/parallel.hpp"
#include "io/hdf5/node_rows.hpp"
#include "io/ids/id_index.hpp"
#include "io/ids/listed_ids.hpp"
#include "io/import/degree_filters.hpp"
#include "io/import/edge_exchange.hpp"
#include "io/import/row_mapping.hpp"

namespace rove::io {

EdgeBuilder::RowCounts EdgeBuilder::to_rows(const EdgeTypeState& edges, std::vector<EdgeList>& lists) const {
  std::vector<RowCounts> of_list(lists.size());
  parallel::for_each({0, lists.size()}, 1, [&](std::uint64_t l) { of_list[l] = to_rows(edges, lists[l]); });
  RowCounts total;
  for (std::size_t l = 0; l < of_list.size(); ++l) {
    total.forgotten += of_list[l].forgotten;
    total.dangling += of_list[l].dangling;
    total.self_loops.add(l, of_list[l].self_loops);
    total.refused.add(l, of_list[l].refused);
  }
  return total;
}

EdgeBuilder::RowCounts EdgeBuilder::to_rows(const EdgeTypeState& edges, EdgeList& list) const {
  const EdgeOptions& options = *edges.options;
  const std::vector<std::uint32_t>& source_rows = types_[edges.source].numbering.rows;
  const std::vector<std::uint32_t>& target_rows = types_[edges.destination].numbering.rows;
  const bool may_loop = edges.source == edges.destination;
  ForgottenPairs pairs;
  if (forgotten_ != nullptr) pairs = forgotten_->between(types_[edges.source].name, types_[edges.destination].name);
  RowCounts counts;
  std::uint64_t dropped = 0;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const bool names_forgotten = is_listed(types_[edges.source].forgotten, list.sources[i]) ||
                                 is_listed(types_[edges.destination].forgotten, list.targets[i]);
    list.sources[i] = source_rows[list.sources[i]];
    list.targets[i] = target_rows[list.targets[i]];
    const bool known = list.sources[i] != kUnknownRow && list.targets[i] != kUnknownRow;
    const bool forgotten =
        names_forgotten || (known && !pairs.empty() && forgotten_->connects(pairs, list.sources[i], list.targets[i]));
    const bool dangling = !known && !forgotten;
    const bool loop = known && !forgotten && may_loop && list.sources[i] == list.targets[i];
    counts.forgotten += forgotten ? 1U : 0U;
    counts.dangling += dangling ? 1U : 0U;
    if (loop) counts.self_loops.meet(i, true);
    const bool bad_source = dangling && list.sources[i] == kUnknownRow && types_[edges.source].refuses;
    const bool bad_target = dangling && list.targets[i] == kUnknownRow && types_[edges.destination].refuses;
    if (bad_source || bad_target) counts.refused.meet(i, !bad_source);
    if (forgotten || dangling || (loop && options.self_loops == SelfLoops::kDrop)) {
      list.sources[i] = kUnknownRow;
      ++dropped;
    }
  }
  if (dropped == 0 && options.directed) return counts;
  EdgeList kept;
  const auto push = [&](std::size_t i, bool reversed) {
    kept.sources.push_back(reversed ? list.targets[i] : list.sources[i]);
    kept.targets.push_back(reversed ? list.sources[i] : list.targets[i]);
    if (!list.weights.empty()) kept.weights.push_back(list.weights[i]);
    if (!list.times.empty()) kept.times.push_back(list.times[i]);
    if (!list.relations.empty()) kept.relations.push_back(list.relations[i]);
  };
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (list.sources[i] == kUnknownRow) continue;
    push(i, false);
    if (!options.directed && list.sources[i] != list.targets[i]) push(i, true);
  }
  list = std::move(kept);
  return counts;
}

BuiltEdges EdgeBuilder::build(EdgeTypeState& edges) const {
  const EdgeOptions& options = *edges.options;
  comm_.set_phase("import: building " + name_of(options));
  BuiltEdges result;
  ImportCounts& counts = result.counts;
  counts.edge_type = name_of(options);
  counts.rules = rules_of(options);
  counts.rows_read = edges.read.rows_read;
  counts.outside_time = edges.read.outside_time;
  counts.below_weight = edges.read.below_weight;

  std::vector<EdgeList> lists = std::move(edges.read.lists);
  const RowCounts met = to_rows(edges, lists);
  counts.forgotten = met.forgotten;
  counts.dangling_endpoints = met.dangling;
  counts.self_loops = met.self_loops.count;
  if (options.self_loops == SelfLoops::kError) refuse_self_loops(edges, met.self_loops);
  refuse_dangling(edges, met.refused, fmt::format("rows of [{}]", name_of(options)));
  name_relations(edges, lists);

  const graph::BlockDistribution sources(types_[edges.source].numbering.count, comm_.size());
  const graph::BlockDistribution destinations(types_[edges.destination].numbering.count, comm_.size());
  lists = ship_to_homes(comm_, std::move(lists), edges.read.columns, sources);
  graph::EdgeBlocks& blocks = result.blocks;
  std::optional<RepeatedEdge> repeated;
  comm_.agree([&] {
    BuiltRows built =
        build_adjacency(sources.block(comm_.rank()), std::move(lists), options.duplicates, !options.directed);
    counts.duplicates = built.duplicates;
    repeated = built.first_repeated;
    blocks.by_source = std::move(built.adjacency);
  });
  if (options.duplicates == Duplicates::kError) refuse_duplicates(edges, counts.duplicates, repeated);
  if (options.max_degree > 0) {
    counts.over_degree = cap_degrees(comm_, blocks.by_source, types_[edges.source].numbering,
                                     types_[edges.destination].numbering, options.max_degree);
  }
  build_by_destination(comm_, blocks, edges.read.columns, sources, destinations);
  return result;
}

LinkCounts EdgeBuilder::place_links(EdgeTypeState& links) const {
  const RowCounts met = to_rows(links, links.read.lists);
  const std::string& type = types_[links.source].name;
  const std::string& alias_type = types_[links.destination].name;
  refuse_dangling(links, met.refused, fmt::format("rows of graph.links [{}, {}]", type, alias_type));
  return {type, alias_type, links.read.rows_read, met.forgotten, met.dangling};
}

void EdgeBuilder::name_relations(EdgeTypeState& edges, std::vector<EdgeList>& lists) const {
  const NamedVertices read = edges.relation_table->take();
  edges.relation_table.reset();
  if (!edges.read.columns.relations) return;
  std::vector<std::uint8_t> is_used(read.ids.size());
  for (const EdgeList& list : lists) {
    for (const std::uint32_t relation : list.relations) is_used[relation] = 1;
  }
  IdBlock used;
  for (std::size_t i = 0; i < is_used.size(); ++i) {
    if (is_used[i] != 0) append(used, read.ids[i]);
  }
  edges.relations = gather_ids(comm_, used);
  std::vector<std::uint32_t> number_of(is_used.size());
  for (std::size_t i = 0; i < number_of.size(); ++i) {
    const auto found = std::ranges::lower_bound(edges.relations, read.ids[i]);
    number_of[i] = static_cast<std::uint32_t>(found - edges.relations.begin());
  }
  parallel::for_each({0, lists.size()}, 1, [&](std::uint64_t l) {
    for (std::uint32_t& relation : lists[l].relations) relation = number_of[relation];
  });
}

std::string EdgeBuilder::id_of(std::size_t type, std::uint64_t row) const {
  const VertexNumbering& numbering = types_[type].numbering;
  return id_of_row(comm_, numbering.ids, {numbering.count, comm_.size()}, row);
}

void EdgeBuilder::refuse_duplicates(const EdgeTypeState& edges, std::uint64_t my_count,
                                    const std::optional<RepeatedEdge>& mine) const {
  const std::uint64_t total = comm_.all_reduce(my_count, comm::ReduceOp::kSum);
  if (total == 0) return;
  const std::uint64_t packed = comm_.all_reduce(
      mine ? mine->row << 32U | mine->target : std::numeric_limits<std::uint64_t>::max(), comm::ReduceOp::kMin);
  const bool is_mine = mine && (mine->row << 32U | mine->target) == packed;
  const std::uint32_t relation =
      comm_.all_reduce(is_mine ? mine->relation : std::numeric_limits<std::uint32_t>::max(), comm::ReduceOp::kMin);
  const bool has_relations = edges.read.columns.relations;
  const NamedEdge edge{id_of(edges.source, packed >> 32U), id_of(edges.destination, packed & 0xFFFFFFFFU),
                       has_relations ? edges.relations[relation] : std::string(), !edges.options->directed};
  refuse_repeated(comm_, edges.read.input, edge, total, [&](std::string_view, bool, std::uint64_t count) {
    return Refusal{
        fmt::format("'{}' to '{}'{} for the second time, and {} such rows of [{}]", edge.source, edge.target,
                    has_relations ? fmt::format(" by '{}'", edge.relation) : "", count, name_of(*edges.options)),
        "each edge once (duplicates: error)"};
  });
}

void EdgeBuilder::refuse_self_loops(const EdgeTypeState& edges, const RefusedEdges& mine) const {
  refuse_edges(comm_, edges.read.input, mine, [&](std::string_view id, bool, std::uint64_t total) {
    return Refusal{fmt::format("'{}' joined to itself, and {} such rows of [{}]", id, total, name_of(*edges.options)),
                   "none (self_loops: error)"};
  });
}

void EdgeBuilder::refuse_dangling(const EdgeTypeState& edges, const RefusedEdges& mine, const std::string& rows) const {
  refuse_edges(comm_, edges.read.input, mine, [&](std::string_view id, bool at_target, std::uint64_t total) {
    return Refusal{fmt::format("the {} '{}', which the vertex lists do not have, and {} such {}",
                               types_[at_target ? edges.destination : edges.source].name, id, total, rows),
                   "vertices of the lists alone (dangling: error)"};
  });
}

}  // namespace rove::io
