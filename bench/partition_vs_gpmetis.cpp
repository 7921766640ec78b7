// SPDX-License-Identifier: Apache-2.0
// Our METIS partition of a user-item graph beside the one of the gpmetis program on the same problem: same vertex
// order, weights, tolerances and seed. Driven by bench/partition_vs_gpmetis.sh. One process.
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "bench/bipartite_graphs.hpp"
#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/comm/environment.hpp"
#include "partition/metis.hpp"
#include "partition/rebalance.hpp"
#include "partition/verify.hpp"

namespace rove::bench {
namespace {

using partition::MetisProblem;
using partition::PartitionOptions;

void write_metis_graph(const MetisProblem& problem, const std::string& path) {
  std::ofstream file(path);
  std::string text =
      fmt::format("{} {} 011 {}\n", problem.num_vertices(), problem.neighbors.size() / 2, problem.num_constraints());
  const auto width = static_cast<std::size_t>(problem.num_constraints());
  for (std::size_t v = 0; v + 1 < problem.offsets.size(); ++v) {
    for (std::size_t c = 0; c < width; ++c) {
      fmt::format_to(std::back_inserter(text), "{} ", problem.vertex_weights[v * width + c]);
    }
    for (auto slot = problem.offsets[v]; slot < problem.offsets[v + 1]; ++slot) {
      const auto at = static_cast<std::size_t>(slot);
      fmt::format_to(std::back_inserter(text), "{} {} ", problem.neighbors[at] + 1, problem.edge_weights[at]);
    }
    text += '\n';
  }
  file << text;
  file.close();
  if (!file) throw IoError(fmt::format("cannot write {}", path));
}

void report(const comm::Communicator& comm, const BipartiteGraph& graph, const MetisProblem& problem,
            const std::vector<std::int32_t>& parts, const PartitionOptions& options, const std::string& name) {
  graph::Assignment assignment{options.parts, name, {}};
  for (std::size_t t = 0; t < graph.blocks.schema.vertex_types().size(); ++t) {
    const IndexRange rows = graph.blocks.schema.stable_range(VertexTypeId{static_cast<std::uint16_t>(t)});
    assignment.parts.emplace_back(parts.begin() + static_cast<std::ptrdiff_t>(rows.begin),
                                  parts.begin() + static_cast<std::ptrdiff_t>(rows.end));
  }
  const auto verification = partition::verify(comm, graph.blocks, assignment, options.imbalance, true);
  fmt::print(
      "{:<22} cut {:>8}  verifier's cut {:>8}  load over allowed: users {:.4f} their edges {:.4f} items {:.4f} "
      "their edges {:.4f}  {}\n",
      name, partition::cut_of(problem, parts), verification.cut_edges, verification.vertex_excess[0],
      verification.edge_excess[0], verification.vertex_excess[1], verification.edge_excess[1],
      verification.valid() ? "within" : "NOT WITHIN");
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::vector<std::int32_t> read_parts(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw IoError(fmt::format("cannot open {}", path));
  return {std::istream_iterator<std::int32_t>(file), std::istream_iterator<std::int32_t>()};
}

int run(const comm::Communicator& comm, const std::vector<std::string>& arguments) {
  if (arguments.size() != 6 || comm.size() != 1) {
    throw ConfigError("usage, on one process: partition_vs_gpmetis write|compare GRAPH PARTS IMBALANCE SEED PROBLEM");
  }
  const BipartiteGraph graph = read_adjacency(comm, arguments[1], "");
  PartitionOptions options;
  options.parts = std::stoi(arguments[2]);
  options.imbalance = std::stod(arguments[3]);
  options.seed = std::stoull(arguments[4]);
  MetisProblem problem = partition::collect_metis_problem(comm, graph.blocks, options);
  if (arguments[0] == "write") {
    write_metis_graph(problem, arguments[5]);
    std::ofstream tolerances(arguments[5] + ".ubvec");
    for (const float tolerance : problem.tolerances) tolerances << fmt::format("{:.9g} ", tolerance);
    return 0;
  }
  const std::vector<std::int32_t> theirs = read_parts(fmt::format("{}.part.{}", arguments[5], options.parts));
  const auto start = std::chrono::steady_clock::now();
  partition::MetisResult ours = partition::run_metis(problem, options, options.seed);
  const double metis_seconds = seconds_since(start);
  fmt::print("{}: {} parts, imbalance {}, seed {}, METIS {:.2f} s\n", arguments[1], options.parts, options.imbalance,
             options.seed, metis_seconds);
  report(comm, graph, problem, theirs, options, "gpmetis");
  report(comm, graph, problem, ours.parts, options, "METIS, our call");
  const auto repair_start = std::chrono::steady_clock::now();
  const std::uint64_t moved = partition::rebalance(problem, options.parts, ours.parts);
  const double repair_seconds = seconds_since(repair_start);
  report(comm, graph, problem, ours.parts, options, "after rebalancing");
  const auto cut = static_cast<double>(partition::cut_of(problem, ours.parts));
  fmt::print("{} vertices moved in {:.2f} s; cut over gpmetis's {:.4f}\n", moved, repair_seconds,
             cut / static_cast<double>(partition::cut_of(problem, theirs)));
  return 0;
}

}  // namespace
}  // namespace rove::bench

int main(int argc, char** argv) {
  return rove::comm::run_main(&argc, &argv, [&](rove::comm::Environment& environment) {
    return rove::bench::run(environment.world(), {argv + 1, argv + argc});
  });
}
