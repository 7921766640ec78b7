// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "engine/base/memory_plan.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/exec/propagation.hpp"
#include "gnn/embedding_table.hpp"

namespace rove::gnn {

struct SvdOptions {
  std::uint32_t rank = 64;          ///< triplets wanted
  std::uint32_t oversampling = 16;  ///< columns beyond them while iterating
  std::uint32_t iterations = 12;    ///< products with RᵀR, each followed by orthonormalisation
  std::uint64_t seed = 42;
};

struct TruncatedSvd {
  std::vector<float> singular_values;  ///< descending; 0 where the matrix has a lower rank
  EmbeddingTable vectors;              ///< left vectors at the users' rows, right ones at the items'
};

/// **Collective.** The largest singular triplets of R̃ = D_u^-1/2 R D_i^-1/2, the normalised interactions of users with
/// items, by randomised subspace iteration (Halko, Martinsson and Tropp, arXiv 0909.4061) from draws by item key, with
/// Cholesky-QR and a Rayleigh-Ritz step at the end. `propagation` is over that edge type alone with exponents 1/2. A
/// triplet beyond the matrix's rank is zero; vectors have the sign that makes the largest entry in the basis positive.
/// The bits depend on the graph and the options alone. Cost per iteration: two pulls of rank + oversampling columns, a
/// Gram matrix of them over the items. Triplets near the last one are those that converge last.
[[nodiscard]] TruncatedSvd truncated_svd(const comm::Communicator& comm, const exec::Propagation& propagation,
                                         VertexTypeId users, VertexTypeId items, const SvdOptions& options);

/// What it holds on one rank beside the result.
void plan_truncated_svd(MemoryPlan& plan, std::uint64_t local_rows, std::uint64_t owned_rows, std::uint32_t threads,
                        const SvdOptions& options);

}  // namespace rove::gnn
