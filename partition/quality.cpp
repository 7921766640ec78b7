// SPDX-License-Identifier: Apache-2.0
#include "partition/quality.hpp"

#include <algorithm>
#include <numeric>

#include "partition/neighbor_rows.hpp"
#include "partition/part_lookup.hpp"

namespace rove::partition {
namespace {

/// Neighbours looked up at a time: bounds memory on graphs with long home blocks.
constexpr std::uint64_t kLookupsPerRound = 1U << 22U;

double imbalance(std::span<const std::uint64_t> loads) {
  const std::uint64_t total = std::accumulate(loads.begin(), loads.end(), std::uint64_t{0});
  if (total == 0) return 1;
  return static_cast<double>(*std::ranges::max_element(loads)) * static_cast<double>(loads.size()) /
         static_cast<double>(total);
}

struct RowCursor {
  std::size_t type = 0;
  std::uint64_t row = 0;
};

class Evaluation {
 public:
  Evaluation(const comm::Communicator& comm, const graph::GraphBlocks& blocks, const graph::Assignment& assignment)
      : comm_(comm),
        blocks_(blocks),
        assignment_(assignment),
        num_parts_(static_cast<std::size_t>(assignment.num_parts)) {
    quality_.parts = assignment.num_parts;
    quality_.owned.resize(num_parts_);
    quality_.ghosts.resize(num_parts_);
    for (const graph::VertexType& type : blocks.schema.vertex_types()) {
      quality_.types.push_back(
          {type.name, std::vector<std::uint64_t>(num_parts_), std::vector<std::uint64_t>(num_parts_), 1, 1});
    }
  }

  PartitionQuality run() {
    RowCursor cursor;
    while (comm_.all_reduce(static_cast<std::uint64_t>(cursor.type < blocks_.schema.vertex_types().size()),
                            comm::ReduceOp::kMax) != 0) {
      round(cursor);
    }
    for (std::uint64_t* count : {&adjacency_entries_, &cut_entries_, &quality_.communication_volume}) {
      *count = comm_.all_reduce(*count, comm::ReduceOp::kSum);
    }
    comm_.all_reduce(std::span(quality_.owned), comm::ReduceOp::kSum);
    comm_.all_reduce(std::span(quality_.ghosts), comm::ReduceOp::kSum);
    std::vector<std::uint64_t> work(num_parts_);
    for (auto& type : quality_.types) {
      comm_.all_reduce(std::span(type.vertices), comm::ReduceOp::kSum);
      comm_.all_reduce(std::span(type.edges), comm::ReduceOp::kSum);
      type.vertex_imbalance = imbalance(type.vertices);
      type.edge_imbalance = imbalance(type.edges);
      for (std::size_t p = 0; p < num_parts_; ++p) work[p] += type.edges[p];
    }
    quality_.work_imbalance = imbalance(work);
    // Every edge is an entry of both its ends.
    quality_.edges = adjacency_entries_ / 2;
    quality_.cut_edges = cut_entries_ / 2;
    return quality_;
  }

 private:
  /// **Collective.** Takes the next rows of my home blocks, at most `kLookupsPerRound` neighbours (a longer row alone).
  void round(RowCursor& cursor) {
    struct Row {
      std::size_t type;
      std::int32_t part;
      std::uint64_t end;  ///< of its neighbours
    };
    std::vector<Row> rows;
    std::vector<StableVertexId> neighbors;
    while (cursor.type < blocks_.schema.vertex_types().size() && neighbors.size() < kLookupsPerRound) {
      const VertexTypeId type{static_cast<std::uint16_t>(cursor.type)};
      const IndexRange block = blocks_.distribution(type, comm_.size()).block(comm_.rank());
      if (cursor.row == block.size()) {
        ++cursor.type;
        cursor.row = 0;
        continue;
      }
      for_each_neighbor(blocks_, type, cursor.row, blocks_.schema.stable_id(type, block.begin + cursor.row),
                        [&](StableVertexId neighbor) { neighbors.push_back(neighbor); });
      rows.push_back({cursor.type, assignment_.parts[cursor.type][cursor.row], neighbors.size()});
      ++cursor.row;
    }
    const std::vector<std::int32_t> parts = look_up_parts(comm_, blocks_, assignment_.parts, neighbors);
    std::vector<std::uint64_t> reader(num_parts_, ~std::uint64_t{0});  ///< last row that this part was seen to read
    std::uint64_t begin = 0;
    for (std::uint64_t i = 0; i < rows.size(); ++i) {
      const auto own = static_cast<std::size_t>(rows[i].part);
      ++quality_.owned[own];
      ++quality_.types[rows[i].type].vertices[own];
      quality_.types[rows[i].type].edges[own] += rows[i].end - begin;
      for (; begin < rows[i].end; ++begin) {
        const auto other = static_cast<std::size_t>(parts[begin]);
        ++adjacency_entries_;
        if (other == own) continue;
        ++cut_entries_;
        if (reader[other] == i) continue;
        reader[other] = i;
        ++quality_.communication_volume;
        ++quality_.ghosts[other];
      }
    }
  }

  const comm::Communicator& comm_;
  const graph::GraphBlocks& blocks_;
  const graph::Assignment& assignment_;
  std::size_t num_parts_;
  std::uint64_t adjacency_entries_ = 0;
  std::uint64_t cut_entries_ = 0;
  PartitionQuality quality_;
};

}  // namespace

std::vector<double> PartitionQuality::halo_shares() const {
  std::vector<double> shares;
  for (std::size_t p = 0; p < owned.size(); ++p) {
    const std::uint64_t held = owned[p] + ghosts[p];
    shares.push_back(held == 0 ? 0 : static_cast<double>(ghosts[p]) / static_cast<double>(held));
  }
  return shares;
}

PartitionQuality evaluate(const comm::Communicator& comm, const graph::GraphBlocks& blocks,
                          const graph::Assignment& assignment) {
  return Evaluation(comm, blocks, assignment).run();
}

}  // namespace rove::partition
