// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/progress.hpp"
#include "engine/comm/communicator.hpp"
#include "io/import/edge_list.hpp"
#include "io/import/id_table.hpp"
#include "io/import/import_options.hpp"
#include "io/text/input_files.hpp"

namespace rove::io {

/// What becomes of rows while they are read.
struct RowFilter {
  std::optional<std::int64_t> time_from;
  std::optional<std::int64_t> time_to;
  std::optional<double> min_weight;
  bool store_weights = true;
  bool one_direction = false;  ///< undirected: symmetric files give each edge once
};

enum class Verdict : std::uint8_t { kKept, kOutsideTime, kBelowWeight };
/// What the filter says of row i.
[[nodiscard]] Verdict verdict_of(const RowFilter& filter, const text::RowBatch& batch, std::size_t i);

/// What edges were read from, so that an error can name the line of one of them later (io/import/refused_rows.hpp).
struct EdgeInput {
  std::vector<text::InputFile> files;
  RowFilter filter;
  std::uint64_t block_bytes = 0;
};

/// Edges of one input as this rank read them: endpoints and relations by their numbers in the id tables.
struct ReadEdges {
  std::vector<EdgeList> lists;  ///< in the order of the input, one per block of text
  EdgeColumns columns;
  EdgeInput input;
  // Of this rank alone:
  std::uint64_t rows_read = 0;
  std::uint64_t outside_time = 0;
  std::uint64_t below_weight = 0;
  std::uint64_t bytes_read = 0;
};

/// **Collective.** Reads this rank's share of an input. `sources` and `targets` may be the same table; without
/// `relations`, files that have some are refused.
[[nodiscard]] ReadEdges read_edges(const comm::Communicator& comm, const TextLayout& layout, const RowFilter& filter,
                                   IdTable& sources, IdTable& targets, IdTable* relations, ProgressSink& progress);

}  // namespace rove::io
