// SPDX-License-Identifier: Apache-2.0
#include "io/ids/resolve_interactions.hpp"

#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include "engine/base/error.hpp"
#include "engine/graph/block_distribution.hpp"
#include "engine/parallel/parallel.hpp"
#include "io/import/adjacency_builder.hpp"
#include "io/import/edge_exchange.hpp"
#include "io/import/edge_reader.hpp"
#include "io/text/file_layout.hpp"
#include "io/text/input_files.hpp"

namespace rove::io {

ResolvedInteractions resolve_interactions(const comm::Communicator& comm, const TextLayout& layout,
                                          const IdIndex& sources, const IdIndex& targets, ProgressSink& progress) {
  if (layout.files.empty()) throw ConfigError("no files of interactions to read");
  const bool one_type = sources.type_name() == targets.type_name();
  IdTable source_table(sources.type_name());
  std::unique_ptr<IdTable> second_table;
  if (!one_type) second_table = std::make_unique<IdTable>(targets.type_name());
  IdTable& target_table = one_type ? source_table : *second_table;

  TextLayout endpoints = layout;
  endpoints.weight.clear();
  endpoints.time.clear();
  IdTable relation_table("relation");
  RowFilter filter;
  filter.store_weights = false;
  ReadEdges read = read_edges(comm, endpoints, filter, source_table, target_table, &relation_table,
                              comm.is_root() ? progress : no_progress());
  const std::vector<std::uint32_t> source_rows = sources.rows_of(comm, source_table.take().ids);
  const std::vector<std::uint32_t> target_rows =
      one_type ? source_rows : targets.rows_of(comm, target_table.take().ids);

  ResolvedInteractions result;
  for (EdgeList& list : read.lists) {
    EdgeList known;
    for (std::size_t i = 0; i < list.size(); ++i) {
      const std::uint32_t source = source_rows[list.sources[i]];
      const std::uint32_t target = target_rows[list.targets[i]];
      if (source == kUnknownRow) {
        ++result.unknown_sources;
      } else if (target == kUnknownRow) {
        ++result.unknown_targets;
      } else {
        known.sources.push_back(source);
        known.targets.push_back(target);
      }
    }
    list = std::move(known);
  }
  const graph::BlockDistribution homes(sources.num_rows(), comm.size());
  std::vector<EdgeList> lists = ship_to_homes(comm, std::move(read.lists), {}, homes);
  comm.agree([&] {
    BuiltRows built = build_adjacency(homes.block(comm.rank()), std::move(lists), Duplicates::kFirst, false);
    result.duplicates = built.duplicates;
    result.offsets = std::move(built.adjacency.offsets);
    result.targets = std::move(built.adjacency.targets);
  });
  result.rows_read = read.rows_read;
  result.kept = result.targets.size();
  std::uint64_t counts[] = {result.rows_read, result.kept, result.duplicates, result.unknown_sources,
                            result.unknown_targets};
  comm.all_reduce(std::span<std::uint64_t>(counts), comm::ReduceOp::kSum);
  result.rows_read = counts[0];
  result.kept = counts[1];
  result.duplicates = counts[2];
  result.unknown_sources = counts[3];
  result.unknown_targets = counts[4];
  return result;
}

void check_headers(const TextLayout& layout) {
  for (const std::string& file : text::expand_patterns(layout.files)) {
    static_cast<void>(text::open_input(
        file, [&](const std::string& path, std::string_view head) { return text::recognise(path, head, layout); }));
  }
}

}  // namespace rove::io
