// SPDX-License-Identifier: Apache-2.0
#include "partition/fennel.hpp"

#include <algorithm>
#include <cmath>

#include "engine/base/random.hpp"
#include "partition/neighbor_rows.hpp"
#include "partition/part_lookup.hpp"

namespace rove::partition {
namespace {

constexpr std::uint64_t kBatches = 64;
constexpr int kPasses = 3;
constexpr std::int32_t kUnassigned = -1;

class Fennel {
 public:
  Fennel(const comm::Communicator& comm, const graph::GraphBlocks& blocks, const PartitionOptions& options)
      : comm_(comm), blocks_(blocks), parts_(static_cast<std::size_t>(options.parts)) {
    const graph::Schema& schema = blocks.schema;
    const double n = static_cast<double>(schema.num_vertices());
    std::uint64_t num_edges = 0;  // an undirected type stores each of them twice
    for (const graph::EdgeType& type : schema.edge_types()) num_edges += type.undirected ? type.count / 2 : type.count;
    const double alpha = std::sqrt(static_cast<double>(parts_)) * static_cast<double>(num_edges) / (n * std::sqrt(n));
    price_ = 1.5 * alpha;
    for (std::size_t t = 0; t < schema.vertex_types().size(); ++t) {
      const std::uint64_t count = schema.vertex_types()[t].count;
      const std::uint64_t even = (count + parts_ - 1) / parts_;
      const auto allowed = static_cast<std::uint64_t>((1.0 + options.imbalance) * static_cast<double>(count) /
                                                      static_cast<double>(parts_));
      caps_.push_back(std::max(even, allowed));
      loads_.emplace_back(parts_);
      const IndexRange rows =
          blocks.distribution(VertexTypeId{static_cast<std::uint16_t>(t)}, comm.size()).block(comm.rank());
      part_of_.emplace_back(rows.size(), kUnassigned);
    }
  }

  graph::Assignment run(const PartitionOptions& options) {
    for (int pass = 0; pass < kPasses; ++pass) {
      for (std::uint64_t batch = 0; batch < kBatches; ++batch) stream_batch(batch);
    }
    return {options.parts, options.method, std::move(part_of_)};
  }

 private:
  struct Member {
    std::size_t type;
    std::uint64_t row;  ///< in my home block
  };

  [[nodiscard]] StableVertexId stable_of(const Member& member) const {
    const VertexTypeId type{static_cast<std::uint16_t>(member.type)};
    const std::uint64_t first = blocks_.distribution(type, comm_.size()).block(comm_.rank()).begin;
    return blocks_.schema.stable_id(type, first + member.row);
  }

  [[nodiscard]] std::vector<Member> members_of(std::uint64_t batch) const {
    std::vector<Member> members;
    for (std::size_t t = 0; t < part_of_.size(); ++t) {
      for (std::uint64_t row = 0; row < part_of_[t].size(); ++row) {
        const std::uint64_t mixed = blocks_.keys[t][row].value() * 0x9E3779B97F4A7C15U;
        if (slot_multiply_shift(mixed, kBatches) == batch) members.push_back({t, row});
      }
    }
    return members;
  }

  [[nodiscard]] std::int32_t best_part(std::size_t type, std::span<const std::uint32_t> links) const {
    std::int32_t best = 0;
    double best_score = -1e300;
    for (std::size_t p = 0; p < parts_; ++p) {
      if (loads_[type][p] >= caps_[type]) continue;
      const double score = static_cast<double>(links[p]) - price_ * std::sqrt(static_cast<double>(loads_[type][p]));
      if (score > best_score) {
        best_score = score;
        best = static_cast<std::int32_t>(p);
      }
    }
    return best;
  }

  void stream_batch(std::uint64_t batch) {
    const std::vector<Member> members = members_of(batch);
    std::vector<StableVertexId> neighbors;
    std::vector<std::uint64_t> ends;
    for (const Member& member : members) {
      for_each_neighbor(blocks_, VertexTypeId{static_cast<std::uint16_t>(member.type)}, member.row, stable_of(member),
                        [&](StableVertexId neighbor) { neighbors.push_back(neighbor); });
      ends.push_back(neighbors.size());
    }
    const std::vector<std::int32_t> neighbor_parts = look_up_parts(comm_, blocks_, part_of_, neighbors);

    // The batch leaves its old parts, all its members choose by the same loads, then each type is settled.
    change_loads(members, -1);
    std::vector<std::int32_t> choice(members.size());
    std::vector<std::uint32_t> links(parts_);
    std::uint64_t begin = 0;
    for (std::size_t i = 0; i < members.size(); ++i) {
      std::ranges::fill(links, 0U);
      for (std::uint64_t k = begin; k < ends[i]; ++k) {
        if (neighbor_parts[k] != kUnassigned) ++links[static_cast<std::size_t>(neighbor_parts[k])];
      }
      begin = ends[i];
      choice[i] = best_part(members[i].type, links);
    }
    for (std::size_t t = 0; t < part_of_.size(); ++t) settle(t, members, choice);
  }

  /// **Collective.** Adds the sign times this batch's present members to the loads, on all ranks.
  void change_loads(std::span<const Member> members, std::int64_t sign) {
    std::vector<std::int64_t> change(part_of_.size() * parts_);
    for (const Member& member : members) {
      const std::int32_t part = part_of_[member.type][member.row];
      if (part != kUnassigned) change[member.type * parts_ + static_cast<std::size_t>(part)] += sign;
    }
    comm_.all_reduce(std::span(change), comm::ReduceOp::kSum);
    for (std::size_t t = 0; t < part_of_.size(); ++t) {
      for (std::size_t p = 0; p < parts_; ++p) {
        loads_[t][p] = static_cast<std::uint64_t>(static_cast<std::int64_t>(loads_[t][p]) + change[t * parts_ + p]);
      }
    }
  }

  /// **Collective.** Accepts choices in row order while their part has room; the others fill what room is left, part by
  /// part.
  void settle(std::size_t type, std::span<const Member> members, std::span<const std::int32_t> choice) {
    std::vector<std::uint64_t> wanted(parts_);
    for (std::size_t i = 0; i < members.size(); ++i) {
      if (members[i].type == type) ++wanted[static_cast<std::size_t>(choice[i])];
    }
    const auto all = comm_.all_gather_v<std::uint64_t>(wanted);
    std::vector<std::uint64_t> before(parts_);
    std::vector<std::uint64_t> total(parts_);
    for (std::size_t r = 0; r + 1 < all.offsets.size(); ++r) {
      for (std::size_t p = 0; p < parts_; ++p) {
        if (r < comm_.rank().index()) before[p] += all.data[r * parts_ + p];
        total[p] += all.data[r * parts_ + p];
      }
    }
    std::vector<std::uint64_t> room(parts_);
    for (std::size_t p = 0; p < parts_; ++p) room[p] = caps_[type] - std::min(caps_[type], loads_[type][p]);

    std::vector<std::size_t> late;
    std::vector<std::uint64_t> seen = before;
    for (std::size_t i = 0; i < members.size(); ++i) {
      if (members[i].type != type) continue;
      const auto p = static_cast<std::size_t>(choice[i]);
      if (seen[p]++ < room[p]) {
        part_of_[type][members[i].row] = choice[i];
      } else {
        late.push_back(i);
      }
    }
    for (std::size_t p = 0; p < parts_; ++p) {
      const std::uint64_t accepted = std::min(total[p], room[p]);
      loads_[type][p] += accepted;
      room[p] -= accepted;
    }
    std::uint64_t position = comm_.exclusive_scan(late.size());
    std::uint64_t passed = 0;
    std::size_t p = 0;
    for (const std::size_t i : late) {
      while (position - passed >= room[p]) passed += room[p++];
      part_of_[type][members[i].row] = static_cast<std::int32_t>(p);
      ++position;
    }
    std::uint64_t remaining = comm_.all_reduce(static_cast<std::uint64_t>(late.size()), comm::ReduceOp::kSum);
    for (std::size_t q = 0; q < parts_ && remaining > 0; ++q) {
      const std::uint64_t taken = std::min(remaining, room[q]);
      loads_[type][q] += taken;
      remaining -= taken;
    }
  }

  const comm::Communicator& comm_;
  const graph::GraphBlocks& blocks_;
  std::size_t parts_;
  double price_ = 0;
  std::vector<std::uint64_t> caps_;                 ///< per type
  std::vector<std::vector<std::uint64_t>> loads_;   ///< [type][part], the same on all ranks
  std::vector<std::vector<std::int32_t>> part_of_;  ///< [type][row of my home block]
};

}  // namespace

graph::Assignment assign_fennel(const comm::Communicator& comm, const graph::GraphBlocks& blocks,
                                const PartitionOptions& options) {
  return Fennel(comm, blocks, options).run(options);
}

}  // namespace rove::partition
