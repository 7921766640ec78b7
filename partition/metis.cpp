// SPDX-License-Identifier: Apache-2.0
#include "partition/metis.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <mutex>
#include <numeric>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <metis.h>

#include "engine/base/error.hpp"
#include "engine/base/stop.hpp"
#include "engine/graph/block_distribution.hpp"
#include "partition/rebalance.hpp"

static_assert(IDXTYPEWIDTH == 32 && sizeof(idx_t) == sizeof(std::int32_t), "metis.cpp is written for a 32-bit idx_t");

namespace rove::partition {
namespace {

/// METIS keeps the graph of every level: 12 bytes per adjacency entry and a geometric series of coarser ones.
constexpr std::uint64_t kMetisBytesPerEntry = 60;
constexpr std::uint64_t kMetisBytesPerVertex = 100;

struct Edge {
  std::uint32_t source;
  std::uint32_t destination;
};

/// Edges of my home blocks, each pair of vertices once per stored edge, self-loops left out.
std::vector<Edge> local_edges(const comm::Communicator& comm, const graph::GraphBlocks& blocks) {
  std::vector<Edge> edges;
  const graph::Schema& schema = blocks.schema;
  for (std::size_t e = 0; e < schema.edge_types().size(); ++e) {
    const graph::EdgeType& type = schema.edge_types()[e];
    const graph::AdjacencyBlock& adjacency = blocks.edges[e].by_source;
    const std::uint64_t first_row =
        schema.stable_range(type.source).begin + blocks.distribution(type.source, comm.size()).block(comm.rank()).begin;
    const std::uint64_t first_target = schema.stable_range(type.destination).begin;
    for (std::uint64_t row = 0; row + 1 < adjacency.offsets.size(); ++row) {
      for (std::uint64_t slot = adjacency.offsets[row]; slot < adjacency.offsets[row + 1]; ++slot) {
        const std::uint64_t source = first_row + row;
        const std::uint64_t destination = first_target + adjacency.targets[slot];
        // An undirected type stores both directions: one of them is enough.
        if (source == destination || (type.undirected && destination < source)) continue;
        edges.push_back({static_cast<std::uint32_t>(source), static_cast<std::uint32_t>(destination)});
      }
    }
  }
  return edges;
}

[[noreturn]] void throw_too_large(const char* what, std::uint64_t found, std::int64_t limit) {
  throw DoesNotFitError(
      fmt::format("METIS counts in 32 bits: found {} {}, at most {} fit; use partition.method=fennel (follows the "
                  "structure) or hash",
                  found, what, limit));
}

/// Symmetric adjacency with sorted neighbours, parallel edges merged into weights.
void build_adjacency(std::span<const Edge> edges, std::uint64_t num_vertices, std::int64_t index_limit,
                     MetisProblem& problem) {
  std::vector<std::uint64_t> offsets(num_vertices + 1);
  for (const Edge& edge : edges) {
    ++offsets[edge.source + 1];
    ++offsets[edge.destination + 1];
  }
  std::partial_sum(offsets.begin(), offsets.end(), offsets.begin());
  std::vector<std::int32_t> neighbors(offsets.back());
  std::vector<std::uint64_t> next(offsets.begin(), offsets.end() - 1);
  for (const Edge& edge : edges) {
    neighbors[next[edge.source]++] = static_cast<std::int32_t>(edge.destination);
    neighbors[next[edge.destination]++] = static_cast<std::int32_t>(edge.source);
  }
  problem.offsets.reserve(num_vertices + 1);
  problem.neighbors.reserve(neighbors.size());
  problem.edge_weights.reserve(neighbors.size());
  for (std::uint64_t v = 0; v < num_vertices; ++v) {
    const auto row = std::span(neighbors).subspan(offsets[v], offsets[v + 1] - offsets[v]);
    std::ranges::sort(row);
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i > 0 && row[i] == row[i - 1]) {
        ++problem.edge_weights.back();
      } else {
        problem.neighbors.push_back(row[i]);
        problem.edge_weights.push_back(1);
      }
    }
    if (std::cmp_greater(problem.neighbors.size(), index_limit)) {
      throw_too_large("adjacency entries or more (two for each pair of linked vertices)", problem.neighbors.size(),
                      index_limit);
    }
    problem.offsets.push_back(static_cast<std::int32_t>(problem.neighbors.size()));
  }
}

void build_constraints(const graph::Schema& schema, const PartitionOptions& options, std::int64_t index_limit,
                       MetisProblem& problem) {
  const auto entries = [&](std::uint64_t v) {
    return std::accumulate(problem.edge_weights.begin() + problem.offsets[v],
                           problem.edge_weights.begin() + problem.offsets[v + 1], std::int64_t{0});
  };
  std::vector<MetisProblem::Constraint>& constraints = problem.constraints;
  for (std::size_t t = 0; t < schema.vertex_types().size(); ++t) {
    const IndexRange vertices = schema.stable_range(VertexTypeId{static_cast<std::uint16_t>(t)});
    if (vertices.size() == 0) continue;
    constraints.push_back({vertices, false, 0});
    if (problem.offsets[vertices.end] > problem.offsets[vertices.begin]) constraints.push_back({vertices, true, 0});
  }
  const std::size_t width = constraints.size();
  const auto parts = static_cast<std::uint64_t>(options.parts);
  const std::uint64_t num_weights = static_cast<std::uint64_t>(problem.num_vertices()) * width;
  if (std::cmp_greater(num_weights, index_limit)) {
    throw_too_large("weights of vertices (one for each vertex and constraint)", num_weights, index_limit);
  }
  problem.vertex_weights.assign(num_weights, 0);
  for (std::size_t c = 0; c < width; ++c) {
    MetisProblem::Constraint& constraint = constraints[c];
    std::uint64_t total = 0;
    std::uint64_t largest = 0;
    for (std::uint64_t v = constraint.vertices.begin; v < constraint.vertices.end; ++v) {
      const auto weight = static_cast<std::uint64_t>(constraint.counts_edges ? entries(v) : 1);
      problem.vertex_weights[v * width + c] = static_cast<std::int32_t>(weight);
      total += weight;
      largest = std::max(largest, weight);
    }
    if (std::cmp_greater(total, index_limit)) {
      throw_too_large("edges at the vertices of one type, parallel ones included", total, index_limit);
    }
    // A part of the best integer split may exceed the average by less than one vertex.
    const std::uint64_t ceiling = (total + parts - 1) / parts + largest - 1;
    const double average = static_cast<double>(total) / static_cast<double>(parts);
    const double allowed = (1.0 + options.imbalance) * average;
    constraint.cap = static_cast<std::int64_t>(std::max(ceiling, static_cast<std::uint64_t>(allowed)));
    problem.tolerances.push_back(static_cast<float>(std::max(allowed, static_cast<double>(ceiling)) / average));
  }
}

/// Puts back the handlers of the signals that METIS catches. Its own way of doing so leaves handlers that serve for one
/// signal only.
class KeptHandlers {
 public:
  KeptHandlers() {
    for (std::size_t i = 0; i < kCaught.size(); ++i) sigaction(kCaught[i], nullptr, &before_[i]);
  }
  ~KeptHandlers() {
    for (std::size_t i = 0; i < kCaught.size(); ++i) sigaction(kCaught[i], &before_[i], nullptr);
  }
  KeptHandlers(const KeptHandlers&) = delete;
  KeptHandlers& operator=(const KeptHandlers&) = delete;

 private:
  static constexpr std::array<int, 2> kCaught{SIGABRT, SIGTERM};
  std::array<struct sigaction, kCaught.size()> before_{};
};

/// METIS tells why it stopped by a code only.
void throw_unless_ok(int status, const MetisProblem& problem, std::int32_t parts) {
  if (status == METIS_OK) return;
  const std::string size = fmt::format("{} vertices, {} adjacency entries, {} parts", problem.num_vertices(),
                                       problem.neighbors.size(), parts);
  if (status == METIS_ERROR_MEMORY) {
    throw DoesNotFitError(
        fmt::format("METIS ran out of memory on {}; use partition.method=fennel (follows the "
                    "structure) or hash, or a machine with more memory for rank 0",
                    size));
  }
  throw InternalError(fmt::format("METIS {} on {}; use partition.method=fennel or hash, and report this graph",
                                  status == METIS_ERROR_INPUT ? "refused its input" : "failed without giving a reason",
                                  size));
}

}  // namespace

MetisProblem collect_metis_graph(const comm::Communicator& comm, const graph::GraphBlocks& blocks,
                                 std::int64_t index_limit) {
  const std::uint64_t num_vertices = blocks.schema.num_vertices();
  comm.agree([&] {
    if (std::cmp_greater(num_vertices, index_limit)) throw_too_large("vertices", num_vertices, index_limit);
  });
  MetisProblem problem;
  comm::Gathered<Edge> edges = comm.gather_v<Edge>(local_edges(comm, blocks), Rank{0});
  comm.agree([&] {
    if (!comm.is_root()) return;
    build_adjacency(edges.data, num_vertices, index_limit, problem);
  });
  return problem;
}

MetisProblem collect_metis_problem(const comm::Communicator& comm, const graph::GraphBlocks& blocks,
                                   const PartitionOptions& options, std::int64_t index_limit) {
  MetisProblem problem = collect_metis_graph(comm, blocks, index_limit);
  comm.agree([&] {
    if (comm.is_root()) build_constraints(blocks.schema, options, index_limit, problem);
  });
  return problem;
}

MetisResult run_metis(MetisProblem& problem, const PartitionOptions& options, std::uint64_t seed) {
  static std::mutex one_at_a_time;
  const std::lock_guard lock(one_at_a_time);
  const stop::HeldSignals held;  // METIS would swallow them, and crash in a thread that it does not run in
  const KeptHandlers kept;       // back in place before what was held arrives

  idx_t settings[METIS_NOPTIONS];
  METIS_SetDefaultOptions(settings);
  settings[METIS_OPTION_OBJTYPE] = options.objective == Objective::kVolume ? METIS_OBJTYPE_VOL : METIS_OBJTYPE_CUT;
  settings[METIS_OPTION_SEED] = static_cast<idx_t>(seed & 0x7FFFFFFFU);
  settings[METIS_OPTION_NITER] = static_cast<idx_t>(options.refinements);
  settings[METIS_OPTION_NUMBERING] = 0;
  settings[METIS_OPTION_CONTIG] = options.contiguous ? 1 : 0;
  settings[METIS_OPTION_MINCONN] = options.min_connectivity ? 1 : 0;
  settings[METIS_OPTION_NCUTS] = static_cast<idx_t>(std::max(1U, options.cuts));

  idx_t num_vertices = problem.num_vertices();
  idx_t num_constraints = problem.num_constraints();
  idx_t num_parts = options.parts;
  idx_t objective = 0;
  MetisResult result;
  result.parts.resize(static_cast<std::size_t>(num_vertices));
  const int status =
      METIS_PartGraphKway(&num_vertices, &num_constraints, problem.offsets.data(), problem.neighbors.data(),
                          problem.vertex_weights.data(), nullptr, problem.edge_weights.data(), &num_parts, nullptr,
                          problem.tolerances.data(), settings, &objective, result.parts.data());
  throw_unless_ok(status, problem, options.parts);
  result.cut = cut_of(problem, result.parts);
  return result;
}

std::uint64_t metis_bytes(std::uint64_t vertices, std::uint64_t entries) {
  return entries * kMetisBytesPerEntry + vertices * kMetisBytesPerVertex;
}

graph::Assignment assign_metis(const comm::Communicator& comm, const graph::GraphBlocks& blocks,
                               const PartitionOptions& options) {
  comm.agree([&] {
    plan_assign(blocks.schema, comm.size(), options)
        .require_fits(options.memory_limit_bytes,
                      options.memory_limit_source + "; METIS is serial: use partition.method=fennel or hash");
  });
  MetisProblem problem = collect_metis_problem(comm, blocks, options);
  std::vector<std::int32_t> best;
  comm.agree([&] {
    if (!comm.is_root() || problem.num_vertices() == 0) return;
    if (problem.neighbors.empty() || problem.num_vertices() < 2 * std::int64_t{options.parts}) {
      // Nothing to cut, and METIS divides by the number of edges; or parts of a vertex or two, of which METIS complains
      // on the standard output, line by line.
      for (std::size_t t = 0; t < blocks.schema.vertex_types().size(); ++t) {
        const graph::BlockDistribution even(blocks.schema.vertex_types()[t].count, options.parts);
        for (std::uint64_t row = 0; row < even.size(); ++row) best.push_back(even.home_of(row).value());
      }
      return;
    }
    std::optional<std::int64_t> best_cut;
    for (std::uint32_t attempt = 0; attempt < std::max(1U, options.tries); ++attempt) {
      MetisResult result = run_metis(problem, options, options.seed + attempt);
      if (rebalance(problem, options.parts, result.parts) > 0) result.cut = cut_of(problem, result.parts);
      if (!best_cut || result.cut < *best_cut) {
        best_cut = result.cut;
        best = std::move(result.parts);
      }
    }
  });

  // The parts lie in stable order on rank 0; every rank gets its home blocks, type by type.
  graph::Assignment assignment{options.parts, options.method, {}};
  for (std::size_t t = 0; t < blocks.schema.vertex_types().size(); ++t) {
    const VertexTypeId type{static_cast<std::uint16_t>(t)};
    const graph::BlockDistribution homes = blocks.distribution(type, comm.size());
    std::vector<std::uint64_t> counts(static_cast<std::size_t>(comm.size()));
    std::span<const std::int32_t> parts;
    if (comm.is_root()) {
      for (std::int32_t rank = 0; rank < comm.size(); ++rank)
        counts[static_cast<std::size_t>(rank)] = homes.block(Rank{rank}).size();
      parts = std::span(best).subspan(blocks.schema.stable_range(type).begin, homes.size());
    }
    assignment.parts.push_back(comm.exchange<std::int32_t>(parts, counts).data);
  }
  return assignment;
}

}  // namespace rove::partition
