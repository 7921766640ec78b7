// SPDX-License-Identifier: Apache-2.0
#include "engine/graph/validate.hpp"

#include <algorithm>
#include <array>
#include <bit>

#include <fmt/format.h>

#include "engine/base/hash.hpp"

namespace rove::graph {

namespace {

constexpr std::size_t kMaxPerRule = 3;

/// Order-independent digests of an adjacency: of its edges, and of its edges with the slots they lie in.
struct EdgeDigest {
  std::uint64_t edges = 0;
  std::uint64_t slots = 0;
};

/// Attributes of slot `i` in either kind of adjacency.
template <class Adjacency>
std::uint64_t attributes_digest(const Adjacency& adjacency, std::uint64_t i) {
  std::uint64_t digest = 0;
  if (!adjacency.weights.empty()) digest = mix64(digest, std::bit_cast<std::uint32_t>(adjacency.weights[i]));
  if (!adjacency.times.empty()) digest = mix64(digest, std::bit_cast<std::uint64_t>(adjacency.times[i]));
  if (!adjacency.relations.empty()) digest = mix64(digest, adjacency.relations[i]);
  return digest;
}

template <class Adjacency, class RowId, class TargetId>
EdgeDigest digest_of(const Adjacency& adjacency, bool rows_are_sources, const RowId& row_id,
                     const TargetId& target_id) {
  EdgeDigest digest;
  for (std::uint64_t row = 0; row + 1 < adjacency.offsets.size(); ++row) {
    for (std::uint64_t i = adjacency.offsets[row]; i < adjacency.offsets[row + 1]; ++i) {
      const std::uint64_t one = row_id(row);
      const std::uint64_t other = target_id(adjacency.targets[i]);
      const std::uint64_t ends = rows_are_sources ? mix64(one, other) : mix64(other, one);
      const std::uint64_t edge = mix64(ends, attributes_digest(adjacency, i));
      digest.edges += edge;
      digest.slots += mix64(edge, mix64(one, i - adjacency.offsets[row]));
    }
  }
  return digest;
}

class Validator {
 public:
  Validator(const comm::Communicator& comm, const DistributedGraph& graph) : comm_(comm), graph_(graph) {}

  std::vector<std::string> run(const GraphBlocks* blocks) {
    check_owners();
    check_ghosts();
    const Schema& schema = graph_.schema();
    bool shapes_hold = true;
    for (std::size_t e = 0; e < schema.edge_types().size(); ++e) {
      const EdgeTypeId id{static_cast<std::uint16_t>(e)};
      const EdgeType& type = schema.edge_type(id);
      const std::string name = schema.name_of(id);
      shapes_hold &= check_csr(graph_.by_source(id), type, type.source, type.destination, name + " by source");
      shapes_hold &=
          check_csr(graph_.by_destination(id), type, type.destination, type.source, name + " by destination");
    }
    // The digests follow offsets and targets: only when they are sound on every rank.
    if (comm_.all_reduce(std::uint32_t{shapes_hold ? 1U : 0U}, comm::ReduceOp::kMin) == 1) {
      for (std::size_t e = 0; e < schema.edge_types().size(); ++e) {
        check_edges(EdgeTypeId{static_cast<std::uint16_t>(e)}, blocks);
      }
    }
    return all_problems();
  }

 private:
  void report(std::string_view rule, const std::string& what) {
    if (rule != last_rule_) {
      last_rule_ = rule;
      reported_ = 0;
    }
    if (++reported_ <= kMaxPerRule) problems_ += fmt::format("rank {}: {}: {}\n", comm_.rank().value(), rule, what);
  }

  void check_owners() {
    const auto owned = graph_.index_map().owned_stable();
    if (!std::is_sorted(owned.begin(), owned.end()) || std::adjacent_find(owned.begin(), owned.end()) != owned.end()) {
      report("owned vertices", "stable ids do not ascend");
    }
    if (graph_.partition().owned_by(comm_.rank()).size() != owned.size()) {
      report("owned vertices", fmt::format("{} here, the partition says {}", owned.size(),
                                           graph_.partition().owned_by(comm_.rank()).size()));
    }
    if (graph_.partition().num_vertices() != graph_.schema().num_vertices()) {
      report("owned vertices", fmt::format("{} in all, the schema has {}", graph_.partition().num_vertices(),
                                           graph_.schema().num_vertices()));
    }
    std::array<std::uint64_t, 2> sums{};  // equal multisets of distinct owners' and of all ids
    for (const StableVertexId vertex : owned) sums[0] += mix64(vertex.value(), 0);
    const std::uint64_t n = graph_.schema().num_vertices();
    const IndexRange mine = BlockDistribution(n, comm_.size()).block(comm_.rank());
    for (std::uint64_t i = mine.begin; i < mine.end; ++i) sums[1] += mix64(i, 0);
    comm_.all_reduce(std::span<std::uint64_t>(sums), comm::ReduceOp::kSum);
    if (comm_.is_root() && sums[0] != sums[1]) report("owned vertices", "some vertex has no owner, or two");
  }

  /// The owner of each ghost says which vertex it sends there.
  void check_ghosts() {
    const IndexMap& map = graph_.index_map();
    std::vector<std::uint64_t> stable(graph_.num_local());
    for (std::uint32_t v = 0; v < graph_.num_owned(); ++v) stable[v] = map.stable_of(LocalVertexId{v}).value();
    graph_.halo().update<std::uint64_t>(stable);
    for (std::uint32_t v = graph_.num_owned(); v < graph_.num_local(); ++v) {
      const LocalVertexId ghost{v};
      if (stable[v] != map.stable_of(ghost).value()) {
        report("ghosts", fmt::format("local {} is vertex {}, its owner sends vertex {}", v,
                                     map.stable_of(ghost).value(), stable[v]));
      }
      if (graph_.partition().owner_of(map.global_of(ghost)) == comm_.rank()) {
        report("ghosts", fmt::format("local {} is owned here", v));
      }
    }
  }

  bool check_csr(const CsrGraph& csr, const EdgeType& type, VertexTypeId row_type, VertexTypeId target_type,
                 const std::string& name) {
    const std::size_t before = problems_.size();
    const std::size_t slots = csr.targets.size();
    if (csr.offsets.size() != graph_.owned_of_type(row_type).size() + 1 || csr.offsets.front() != 0 ||
        csr.offsets.back() != slots || !std::is_sorted(csr.offsets.begin(), csr.offsets.end())) {
      report(name, "offsets do not ascend from 0 to the number of targets, one per owned row");
    }
    if (csr.weights.size() != (type.has_weights ? slots : 0) || csr.times.size() != (type.has_times ? slots : 0) ||
        csr.relations.size() != (type.relations.empty() ? 0 : slots)) {
      report(name, "an attribute is not as long as the targets");
    }
    for (std::size_t i = 0; i < slots; ++i) {
      const LocalVertexId target = csr.targets[i];
      if (target.value() >= graph_.num_local()) {
        report(name, fmt::format("slot {} has target {}, expected below {}", i, target.value(), graph_.num_local()));
      } else if (graph_.type_of(target) != target_type) {
        report(name, fmt::format("slot {} has a target of type '{}'", i,
                                 graph_.schema().vertex_type(graph_.type_of(target)).name));
      }
    }
    return problems_.size() == before;
  }

  void check_edges(EdgeTypeId id, const GraphBlocks* blocks) {
    const EdgeType& type = graph_.schema().edge_type(id);
    const auto local = [&](LocalVertexId v) { return graph_.index_map().stable_of(v).value(); };
    const auto owned_row = [&](VertexTypeId row_type) {
      return [&, begin = graph_.owned_of_type(row_type).begin](std::uint64_t row) {
        return local(LocalVertexId{static_cast<std::uint32_t>(begin + row)});
      };
    };
    const EdgeDigest out = digest_of(graph_.by_source(id), true, owned_row(type.source), local);
    const EdgeDigest in = digest_of(graph_.by_destination(id), false, owned_row(type.destination), local);
    EdgeDigest block_out;
    EdgeDigest block_in;
    if (blocks != nullptr) {
      const auto row_of = [&](VertexTypeId row_type) {
        const std::uint64_t begin = blocks->distribution(row_type, comm_.size()).block(comm_.rank()).begin;
        const std::uint64_t first = graph_.schema().stable_range(row_type).begin;
        return [begin, first](std::uint64_t row) { return first + begin + row; };
      };
      const auto target_of = [&](VertexTypeId target_type) {
        return [first = graph_.schema().stable_range(target_type).begin](std::uint32_t row) { return first + row; };
      };
      const EdgeBlocks& edges = blocks->edges[id.index()];
      block_out = digest_of(edges.by_source, true, row_of(type.source), target_of(type.destination));
      block_in = digest_of(edges.by_destination, false, row_of(type.destination), target_of(type.source));
    }
    std::array<std::uint64_t, 7> sums{
        out.edges, in.edges, out.slots, in.slots, block_out.slots, block_in.slots, graph_.by_source(id).num_edges()};
    comm_.all_reduce(std::span<std::uint64_t>(sums), comm::ReduceOp::kSum);
    if (!comm_.is_root()) return;
    const std::string name = graph_.schema().name_of(id);
    if (sums[0] != sums[1]) report(name, "the two directions do not hold the same edges");
    if (sums[6] != type.count) report(name, fmt::format("{} edges, the schema says {}", sums[6], type.count));
    if (blocks == nullptr) return;
    if (sums[2] != sums[4]) report(name, "by source: not the edges of the blocks in their slots");
    if (sums[3] != sums[5]) report(name, "by destination: not the edges of the blocks in their slots");
  }

  std::vector<std::string> all_problems() {
    std::vector<std::string> lines;
    for (const std::string& text : comm_.all_gather_text(problems_)) {
      for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = text.find('\n', begin);
        lines.push_back(text.substr(begin, end - begin));
        begin = end + 1;
      }
    }
    return lines;
  }

  const comm::Communicator& comm_;
  const DistributedGraph& graph_;
  std::string problems_;
  std::string last_rule_;
  std::size_t reported_ = 0;
};

}  // namespace

std::vector<std::string> validate(const comm::Communicator& comm, const DistributedGraph& graph,
                                  const GraphBlocks* blocks) {
  return Validator(comm, graph).run(blocks);
}

}  // namespace rove::graph
