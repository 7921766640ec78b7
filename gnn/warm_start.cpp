// SPDX-License-Identifier: Apache-2.0
#include "gnn/warm_start.hpp"

#include <algorithm>
#include <cmath>
#include <span>

#include "engine/base/exact_sum.hpp"
#include "engine/parallel/parallel.hpp"
#include "gnn/type_halo.hpp"

namespace rove::gnn {
namespace {

constexpr std::uint64_t kWarmStartGrain = 256;

double length_of(std::span<const float> row) {
  double squares = 0;
  for (const float x : row) squares += static_cast<double>(x) * static_cast<double>(x);
  return std::sqrt(squares);
}

/// One type's side of a warm start.
class Side {
 public:
  Side(const comm::Communicator& comm, const graph::DistributedGraph& graph, VertexTypeId type,
       const graph::CsrGraph& neighbors, const KnownRows& known, EmbeddingTable& parameters)
      : comm_(comm), owned_(graph.owned_of_type(type)), neighbors_(neighbors), known_(known), parameters_(parameters) {}

  /// `rows`: of all local vertices, `width` floats each, the last one 1 where the row is known.
  void start(std::span<const float> rows, std::uint32_t width, WarmStartCounts& counts) {
    const double length = mean_length();
    parallel::PerThread<WarmStartCounts> partial;
    parallel::for_each({0, owned_.size()}, kWarmStartGrain, [&](std::uint64_t i) {
      const auto local = static_cast<std::uint32_t>(owned_.begin + i);
      WarmStartCounts& mine = partial.local();
      if (known_.is_known[local] != 0) {
        std::ranges::copy(known_.rows.row(local), parameters_.row(local).begin());
        ++mine.known;
      } else if (start_new(i, rows, width, length)) {
        ++mine.from_neighbors;
      } else {
        ++mine.at_random;
      }
    });
    partial.for_each([&](const WarmStartCounts& mine) {
      counts.known += mine.known;
      counts.from_neighbors += mine.from_neighbors;
      counts.at_random += mine.at_random;
    });
  }

 private:
  /// **Collective.**
  [[nodiscard]] double mean_length() const {
    std::uint64_t count = 0;
    for (std::uint64_t local = owned_.begin; local < owned_.end; ++local) count += known_.is_known[local];
    count = comm_.all_reduce(count, comm::ReduceOp::kSum);
    const ExactSum lengths = parallel::exact_sum(owned_, kWarmStartGrain, [&](std::uint64_t local) {
      return known_.is_known[local] == 0 ? 0.0 : length_of(known_.rows.row(static_cast<std::uint32_t>(local)));
    });
    const double sum = comm_.all_reduce(lengths).value();
    return count == 0 ? 0.0 : sum / static_cast<double>(count);
  }

  /// Whether the row has a known neighbour to start from, and `length`, of the known rows of its type, is not zero.
  bool start_new(std::uint64_t i, std::span<const float> rows, std::uint32_t width, double length) {
    const std::uint32_t dim = width - 1;
    std::vector<float> sum(dim);
    bool has_any = false;
    const IndexRange slots = neighbors_.slots(i);
    for (std::uint64_t slot = slots.begin; slot < slots.end; ++slot) {
      const float* const row = rows.data() + neighbors_.targets[slot].index() * width;
      if (row[dim] == 0.0F) continue;
      has_any = true;
      for (std::uint32_t c = 0; c < dim; ++c) sum[c] += row[c];
    }
    const double sum_length = length_of(sum);
    if (!has_any || sum_length == 0.0 || length == 0.0) return false;
    const auto scale = static_cast<float>(length / sum_length);
    const auto row = parameters_.row(static_cast<std::uint32_t>(owned_.begin + i));
    for (std::uint32_t c = 0; c < dim; ++c) row[c] = sum[c] * scale;
    return true;
  }

  const comm::Communicator& comm_;
  IndexRange owned_;
  const graph::CsrGraph& neighbors_;
  const KnownRows& known_;
  EmbeddingTable& parameters_;
};

}  // namespace

WarmStartCounts start_from(const comm::Communicator& comm, const graph::DistributedGraph& graph, EdgeTypeId type,
                           const KnownRows& known, EmbeddingTable& parameters) {
  const graph::EdgeType& types = graph.schema().edge_type(type);
  const std::uint32_t width = parameters.dim() + 1;
  std::vector<float> rows(std::size_t{graph.num_local()} * width);
  for (std::uint32_t local = 0; local < graph.num_owned(); ++local) {
    if (known.is_known[local] == 0) continue;
    std::ranges::copy(known.rows.row(local), rows.begin() + static_cast<std::ptrdiff_t>(std::size_t{local} * width));
    rows[std::size_t{local} * width + parameters.dim()] = 1.0F;
  }
  for (const VertexTypeId side : {types.source, types.destination}) TypeHalo(graph, side).update(rows, width);
  WarmStartCounts counts;
  Side(comm, graph, types.source, graph.by_source(type), known, parameters).start(rows, width, counts);
  Side(comm, graph, types.destination, graph.by_destination(type), known, parameters).start(rows, width, counts);
  std::uint64_t all[] = {counts.known, counts.from_neighbors, counts.at_random};
  comm.all_reduce(std::span<std::uint64_t>(all), comm::ReduceOp::kSum);
  return {all[0], all[1], all[2]};
}

}  // namespace rove::gnn
