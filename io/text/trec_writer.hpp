// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "engine/comm/communicator.hpp"
#include "engine/graph/neighbor_lists.hpp"
#include "io/imported_graph.hpp"

namespace rove::io::text {

/// Original ids of the two ends of lists: of my home blocks.
struct ListIds {
  const IdBlock& sources;
  const IdBlock& targets;
  std::uint64_t num_targets = 0;  ///< rows of the target type
};

/// **Collective.** Writes ranked lists of my home block as a run of the Text REtrieval Conference: "user Q0 item rank
/// score tag", one line per entry, ranks from 1, at most `depth` per list; what trec_eval and ir_measures read. The
/// same bytes for any number of ranks. Holds some 64 MB of text per rank at a time. Returns the bytes of the file.
/// Throws `InputError` for an id or a tag with white space, which the format cannot hold, `IoError` when the file
/// cannot be written.
///
/// trec_eval orders by score and breaks ties by item id, descending, whatever the rank says.
std::uint64_t write_trec_run(const comm::Communicator& comm, const std::filesystem::path& path, const ListIds& ids,
                             const graph::NeighborLists& lists, std::uint64_t depth, const std::string& tag);

/// **Collective.** Writes relevance judgements, "user 0 item 1": row i of my home block has the items
/// [offsets[i], offsets[i + 1]). As above.
std::uint64_t write_qrels(const comm::Communicator& comm, const std::filesystem::path& path, const ListIds& ids,
                          std::span<const std::uint64_t> offsets, std::span<const std::uint32_t> items);

}  // namespace rove::io::text
