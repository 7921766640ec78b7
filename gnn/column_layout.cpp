// SPDX-License-Identifier: Apache-2.0
#include "gnn/column_layout.hpp"

#include <algorithm>

#include "engine/exec/propagation.hpp"
#include "engine/graph/block_distribution.hpp"
#include "engine/graph/replicate.hpp"
#include "engine/parallel/parallel.hpp"

namespace rove::gnn {
namespace {

constexpr std::uint64_t kColumnLayoutGrain = 1024;

}  // namespace

IndexRange columns_of(Rank rank, std::int32_t ranks, std::uint32_t dim) {
  const IndexRange blocks = graph::BlockDistribution(exec::padded_width(dim) / exec::kRowLanes, ranks).block(rank);
  return {blocks.begin * exec::kRowLanes, blocks.end * exec::kRowLanes};
}

ColumnLayout::ColumnLayout(const comm::Communicator& comm, const graph::DistributedGraph& graph, EdgeTypeId type,
                           std::uint32_t dim)
    : comm_(comm),
      graph_(graph),
      whole_graph_(graph::replicate(comm, graph, type)),
      dim_(dim),
      whole_width_(exec::padded_width(dim)) {}

EmbeddingTable ColumnLayout::make_table() const {
  const IndexRange mine = columns(comm_.rank());
  const std::uint64_t end = std::min<std::uint64_t>(mine.end, dim_);
  return {whole_graph_.num_owned(), static_cast<std::uint32_t>(end - std::min(mine.begin, end))};
}

EmbeddingTable ColumnLayout::to_owners(const EmbeddingTable& columns) const {
  EmbeddingTable whole(graph_.num_owned(), dim_);
  for (std::uint16_t t = 0; t < graph_.schema().vertex_types().size(); ++t) {
    const VertexTypeId type{t};
    const std::vector<float> home = to_home(type, columns.values());
    const std::vector<float> rows = graph_.home(type).to_owners<float>(comm_, home, whole_width_);
    std::ranges::copy(
        rows, whole.values().begin() + static_cast<std::ptrdiff_t>(graph_.owned_of_type(type).begin * whole_width_));
  }
  return whole;
}

void ColumnLayout::from_owners(const EmbeddingTable& whole, std::span<float> columns) const {
  for (std::uint16_t t = 0; t < graph_.schema().vertex_types().size(); ++t) {
    const VertexTypeId type{t};
    const IndexRange owned = graph_.owned_of_type(type);
    const auto rows = whole.values().subspan(owned.begin * whole_width_, owned.size() * whole_width_);
    from_home(type, graph_.home(type).to_home<float>(comm_, rows, whole_width_), columns);
  }
}

std::vector<std::uint8_t> ColumnLayout::flags_of_all(std::span<const std::uint8_t> owned_flags) const {
  std::vector<std::uint8_t> all;
  for (std::uint16_t t = 0; t < graph_.schema().vertex_types().size(); ++t) {
    const IndexRange owned = graph_.owned_of_type(VertexTypeId{t});
    const std::vector<std::uint8_t> home =
        graph_.home(VertexTypeId{t}).to_home<std::uint8_t>(comm_, owned_flags.subspan(owned.begin, owned.size()));
    const std::vector<std::uint8_t> of_type = comm_.all_gather_v<std::uint8_t>(home).data;
    all.insert(all.end(), of_type.begin(), of_type.end());
  }
  return all;
}

std::vector<float> ColumnLayout::to_home(VertexTypeId type, std::span<const float> columns) const {
  // Home blocks are contiguous, in rank order, and so are the rows of this rank's columns: they leave as they lie.
  const IndexRange rows = whole_graph_.owned_of_type(type);
  const graph::BlockDistribution homes(rows.size(), comm_.size());
  std::vector<std::uint64_t> counts;
  for (Rank r{0}; r.value() < comm_.size(); ++r) counts.push_back(homes.block(r).size() * width());
  const auto received = comm_.exchange<float>(columns.subspan(rows.begin * width(), rows.size() * width()), counts);
  const std::uint64_t count = homes.block(comm_.rank()).size();
  std::vector<float> home(count * whole_width_);
  for (Rank r{0}; r.value() < comm_.size(); ++r) {
    const IndexRange theirs = this->columns(r);
    const std::span<const float> part = received.from(r);
    parallel::for_each({0, count}, kColumnLayoutGrain, [&](std::uint64_t i) {
      std::copy_n(part.data() + i * theirs.size(), theirs.size(), home.data() + i * whole_width_ + theirs.begin);
    });
  }
  return home;
}

void ColumnLayout::from_home(VertexTypeId type, std::span<const float> home, std::span<float> columns) const {
  const std::uint64_t count = home.size() / whole_width_;
  std::vector<float> outgoing(home.size());
  std::vector<std::uint64_t> counts;
  for (Rank r{0}; r.value() < comm_.size(); ++r) {
    const IndexRange theirs = this->columns(r);
    float* const part = outgoing.data() + count * theirs.begin;
    parallel::for_each({0, count}, kColumnLayoutGrain, [&](std::uint64_t i) {
      std::copy_n(home.data() + i * whole_width_ + theirs.begin, theirs.size(), part + i * theirs.size());
    });
    counts.push_back(count * theirs.size());
  }
  const auto received = comm_.exchange<float>(std::span<const float>(outgoing), counts);
  std::ranges::copy(received.data,
                    columns.begin() + static_cast<std::ptrdiff_t>(whole_graph_.owned_of_type(type).begin * width()));
}

}  // namespace rove::gnn
