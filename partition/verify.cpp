// SPDX-License-Identifier: Apache-2.0
#include "partition/verify.hpp"

#include <algorithm>
#include <span>

#include <fmt/format.h>

namespace rove::partition {
namespace {

/// **Collective.** Sums an array over ranks.
std::vector<std::uint64_t> summed(const comm::Communicator& comm, std::vector<std::uint64_t> values) {
  comm.all_reduce(std::span(values), comm::ReduceOp::kSum);
  return values;
}

/// **Collective.** The parts of the whole type on every rank, block by block in a ring: one block at a time is visited.
template <class Visit>
void for_each_block(const comm::Communicator& comm, const std::vector<std::int32_t>& mine, std::uint64_t first,
                    const Visit& visit) {
  for (std::int32_t r = 0; r < comm.size(); ++r) {
    const Rank root{r};
    const std::uint64_t size = comm.broadcast(static_cast<std::uint64_t>(mine.size()), root);
    const std::uint64_t begin = comm.broadcast(first, root);
    std::vector<std::int32_t> block = comm.rank() == root ? mine : std::vector<std::int32_t>(size);
    comm.broadcast(std::span(block), root);
    visit(begin, block);
  }
}

}  // namespace

Verification verify(const comm::Communicator& comm, const graph::GraphBlocks& blocks,
                    const graph::Assignment& assignment, double imbalance, bool check_balance) {
  Verification result;
  const graph::Schema& schema = blocks.schema;
  const auto parts = static_cast<std::uint64_t>(std::max(assignment.num_parts, 1));
  std::uint64_t out_of_range = 0;
  std::uint64_t wrong_rows =
      assignment.num_parts < 1 || assignment.parts.size() != schema.vertex_types().size() ? 1 : 0;
  for (std::size_t t = 0; t < schema.vertex_types().size() && wrong_rows == 0; ++t) {
    const VertexTypeId type{static_cast<std::uint16_t>(t)};
    if (assignment.parts[t].size() != blocks.distribution(type, comm.size()).block(comm.rank()).size()) ++wrong_rows;
    out_of_range += static_cast<std::uint64_t>(std::ranges::count_if(
        assignment.parts[t], [&](std::int32_t part) { return part < 0 || part >= assignment.num_parts; }));
  }
  wrong_rows = comm.all_reduce(wrong_rows, comm::ReduceOp::kSum);
  out_of_range = comm.all_reduce(out_of_range, comm::ReduceOp::kSum);
  if (wrong_rows > 0) result.problems.emplace_back("the parts do not cover the graph's vertices, one each");
  if (out_of_range > 0) {
    result.problems.push_back(
        fmt::format("{} vertices have a part outside [0, {})", out_of_range, assignment.num_parts));
  }
  if (!result.valid()) return result;

  // Cut: for each edge type, the destination type's parts pass by in blocks of ascending rows. A row whose targets
  // ascend, as in new graphs, keeps a cursor and is read once; another is read at every block.
  std::vector<std::vector<std::uint64_t>> entries(schema.vertex_types().size(), std::vector<std::uint64_t>(parts));
  for (std::size_t e = 0; e < schema.edge_types().size(); ++e) {
    const graph::EdgeType& type = schema.edge_types()[e];
    const std::size_t s = type.source.index();
    const std::size_t d = type.destination.index();
    const graph::AdjacencyBlock& out = blocks.edges[e].by_source;
    const std::uint64_t my_first = blocks.distribution(type.source, comm.size()).block(comm.rank()).begin;
    const std::uint64_t target_first = blocks.distribution(type.destination, comm.size()).block(comm.rank()).begin;
    std::vector<std::uint64_t> destination_entries(parts);
    std::vector<std::uint64_t> cursors(out.offsets.begin(), out.offsets.end() - 1);
    std::vector<bool> ascends(cursors.size());
    for (std::size_t row = 0; row < cursors.size(); ++row) {
      const auto slots = std::span(out.targets).subspan(out.offsets[row], out.offsets[row + 1] - out.offsets[row]);
      ascends[row] = std::ranges::is_sorted(slots);
    }
    for_each_block(comm, assignment.parts[d], target_first,
                   [&](std::uint64_t begin, const std::vector<std::int32_t>& block) {
                     for (std::uint64_t row = 0; row + 1 < out.offsets.size(); ++row) {
                       const std::int32_t own = assignment.parts[s][row];
                       for (std::uint64_t slot = cursors[row]; slot < out.offsets[row + 1]; ++slot) {
                         const std::uint64_t target = out.targets[slot];
                         if (ascends[row]) {
                           if (target >= begin + block.size()) break;
                           cursors[row] = slot + 1;
                         } else if (target < begin || target >= begin + block.size()) {
                           continue;
                         }
                         if (s == d && target == my_first + row) continue;
                         const std::int32_t other = block[target - begin];
                         ++entries[s][static_cast<std::size_t>(own)];
                         if (!type.undirected) ++destination_entries[static_cast<std::size_t>(other)];
                         const bool counted = !type.undirected || my_first + row < target;
                         if (counted && own != other) ++result.cut_edges;
                       }
                     }
                   });
    for (std::size_t p = 0; p < parts; ++p) entries[d][p] += destination_entries[p];
  }
  result.cut_edges = comm.all_reduce(result.cut_edges, comm::ReduceOp::kSum);

  for (std::size_t t = 0; t < schema.vertex_types().size(); ++t) {
    std::vector<std::uint64_t> vertices(parts);
    for (const std::int32_t part : assignment.parts[t]) ++vertices[static_cast<std::size_t>(part)];
    vertices = summed(comm, std::move(vertices));
    const std::vector<std::uint64_t> edges = summed(comm, entries[t]);
    std::uint64_t largest_degree = 0;
    {
      // Entries of single rows, for the ceiling bound of edges.
      std::vector<std::uint64_t> degree(assignment.parts[t].size());
      for (std::size_t e = 0; e < schema.edge_types().size(); ++e) {
        const graph::EdgeType& type = schema.edge_types()[e];
        const auto add = [&](const graph::AdjacencyBlock& adjacency) {
          for (std::size_t row = 0; row < degree.size(); ++row)
            degree[row] += adjacency.offsets[row + 1] - adjacency.offsets[row];
        };
        if (type.source.index() == t) add(blocks.edges[e].by_source);
        if (type.destination.index() == t && !type.undirected) add(blocks.edges[e].by_destination);
      }
      if (!degree.empty()) largest_degree = *std::ranges::max_element(degree);
      largest_degree = comm.all_reduce(largest_degree, comm::ReduceOp::kMax);
    }
    const auto excess = [&](const std::vector<std::uint64_t>& loads, std::uint64_t largest_item) {
      std::uint64_t total = 0;
      for (const std::uint64_t load : loads) total += load;
      if (total == 0) return 0.0;
      const double tolerated = (1 + imbalance) * static_cast<double>(total) / static_cast<double>(parts);
      const std::uint64_t rounded_up = (total + parts - 1) / parts;
      const double ceiling = static_cast<double>(rounded_up + largest_item - 1);
      return static_cast<double>(*std::ranges::max_element(loads)) / std::max(tolerated, ceiling);
    };
    result.vertex_excess.push_back(excess(vertices, 1));
    result.edge_excess.push_back(excess(edges, largest_degree));
    if (!check_balance) continue;
    const std::string& name = schema.vertex_type(VertexTypeId{static_cast<std::uint16_t>(t)}).name;
    for (const auto& [what, value] :
         {std::pair{"vertices", result.vertex_excess.back()}, {"edges", result.edge_excess.back()}}) {
      if (value > 1) {
        result.problems.push_back(
            fmt::format("{} of type '{}' exceed the allowed largest part by {:.2f}%", what, name, (value - 1) * 100));
      }
    }
  }
  return result;
}

}  // namespace rove::partition
