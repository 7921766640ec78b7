// SPDX-License-Identifier: Apache-2.0
#include "gnn/embedding_table.hpp"

#include "engine/base/math.hpp"
#include "engine/base/random.hpp"
#include "engine/exec/propagation.hpp"
#include "engine/parallel/parallel.hpp"

namespace rove::gnn {
namespace {

constexpr std::uint64_t kEmbeddingTableGrain = 1024;

}  // namespace

EmbeddingTable::EmbeddingTable(std::uint32_t num_rows, std::uint32_t dim)
    : num_rows_(num_rows), dim_(dim), width_(exec::padded_width(dim)), values_(std::size_t{num_rows} * width_) {}

void EmbeddingTable::initialise_normal(const graph::DistributedGraph& graph, std::uint64_t seed, double deviation,
                                       std::uint32_t first_column) {
  const RandomStream random(seed, Purpose::kInitialisation);
  parallel::for_each({0, num_rows_}, kEmbeddingTableGrain, [&](std::uint64_t local) {
    const std::uint64_t key = graph.owned_keys()[local].value();
    const std::span<float> values = row(static_cast<std::uint32_t>(local));
    for (std::uint32_t c = 0; c < dim_; c += 2) {
      const RandomBlock block = random.block(key, (first_column + c) / 2, 0);
      const std::uint64_t draws[2] = {block[0] | std::uint64_t{block[1]} << 32U,
                                      block[2] | std::uint64_t{block[3]} << 32U};
      for (std::uint32_t k = 0; k < 2 && c + k < dim_; ++k) {
        values[c + k] = static_cast<float>(deviation * math::normal_from_draw(draws[k]));
      }
    }
  });
}

}  // namespace rove::gnn
