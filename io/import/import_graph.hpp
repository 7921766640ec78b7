// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "engine/base/memory_plan.hpp"
#include "engine/base/progress.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/graph/schema.hpp"
#include "io/import/import_options.hpp"
#include "io/imported_graph.hpp"

namespace rove::io {

/// **Collective.** Reads text files into a graph in home blocks: the same graph, bit for bit, for any number of ranks
/// and threads and however the lines are cut into files (given their order). Plain files are read in byte ranges by all
/// ranks and threads, compressed ones by one rank each, with parsing on its other threads.
///
/// Vertices are those that a kept row, a vertex list, or a format with declared sizes (matrix-market, metis) names;
/// types are numbered in the order of first mention in `edges`, then `nodes`. Slots of a row ascend by (relation,
/// target, time, weight), or stay those of the previous graph (`keep_previous_slots`). Throws `ConfigError` for options
/// that contradict each other, `InputError` with file, line and column for the first bad line, `IoError` for files that
/// cannot be read, `DoesNotFitError` beyond 2^32 vertices of a type.
///
/// Cost: the text is read once in blocks of a few MiB; edges are held as 8 bytes (plus attributes) until their rows
/// are known, then travel once to the home of their source and once to the home of their target.
[[nodiscard]] ImportedGraph import_graph(const comm::Communicator& comm, const ImportOptions& options,
                                         ProgressSink& progress = no_progress());

/// Text that a rank holds while it reads.
[[nodiscard]] std::uint64_t plan_text_blocks(std::uint32_t threads);

/// Bytes of what an edge of this type has beside its ends.
[[nodiscard]] std::uint64_t attribute_bytes(const graph::EdgeType& type);

/// What `import_graph` holds on one rank at its peak beside the finished graph, for a graph of this schema whose ids
/// take `id_bytes` on average.
[[nodiscard]] MemoryPlan plan_import(const graph::Schema& schema, std::int32_t ranks, std::uint32_t threads,
                                     std::uint64_t id_bytes);

}  // namespace rove::io
