// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/base/memory_plan.hpp"
#include "engine/base/progress.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/graph/distributed_graph.hpp"
#include "gnn/model_weights.hpp"
#include "gnn/scorer.hpp"
#include "gnn/training.hpp"

namespace rove::gnn {

/// How the sharpening process of BSPM is integrated.
enum class SharpeningSolver : std::uint8_t { kEuler, kRungeKutta4 };
/// Where the ideal low-pass part joins: before the sharpening (BSPM-EM) or after it (BSPM-LM).
enum class LowPassMerge : std::uint8_t { kEarly, kLate };

/// With R̃ = D_u^-1/2 R D_i^-1/2, P = R̃ᵀR̃ and V the right singular vectors of R̃ for its `rank` largest singular values,
/// a user with the interactions r scores all items by
///
///   r (P g(P) + low_pass_weight · D_i^-1/2 V Vᵀ D_i^1/2 g'(P)).
///
/// Without sharpening g = g' = 1: GF-CF (Shen et al., CIKM 2021, arXiv 2108.07567), whose defaults these are. The
/// blurring-sharpening process (Choi et al., SIGIR 2023, arXiv 2211.09324) solves dx/dt = -x P up to `sharpening_time`
/// in `sharpening_steps` steps, which is a polynomial g in P; g' is g when the parts merge early, 1 when late.
/// `average_blurred` averages the blurred and the sharpened scores (the authors' setting for Yelp2018).
struct GraphFilterOptions {
  std::uint32_t rank = 256;
  double low_pass_weight = 0.3;
  double sharpening_time = 0;
  std::uint32_t sharpening_steps = 1;
  SharpeningSolver solver = SharpeningSolver::kRungeKutta4;
  LowPassMerge merge = LowPassMerge::kEarly;
  bool average_blurred = false;
  std::uint32_t svd_iterations = 12;
  std::uint64_t seed = 42;
};

/// The authors' setting of BSPM-EM for Gowalla.
[[nodiscard]] GraphFilterOptions bspm_defaults();

/// Coefficients of a polynomial in P, the constant first.
struct FilterPolynomials {
  std::vector<double> neighbourhood;  ///< P g(P)
  std::vector<double> low_pass;       ///< g'(P)
};
[[nodiscard]] FilterPolynomials filter_polynomials(const GraphFilterOptions& options);

/// **Collective.** What scoring needs: low-pass vectors of users and items, and the coefficients of P g(P). The same
/// bytes on any ranks. Throws `ConfigError` when an option is out of range or the filter is not finite. Cost: the
/// truncated SVD, and as many pairs of pulls of `rank` columns as g' has degrees.
[[nodiscard]] ModelWeights fit_graph_filter(const comm::Communicator& comm, const graph::DistributedGraph& graph,
                                            EdgeTypeId type, const GraphFilterOptions& options, ProgressSink& progress);

/// **Collective.** Scores by the weights. A block of items at a time is propagated through the graph from their unit
/// vectors, so neither users nor items are ever a dense matrix: 2 · degree + 1 pulls per 64 items, and `rank`
/// multiply-adds per pair. Memory: 64 floats per local vertex beside the weights.
[[nodiscard]] std::unique_ptr<Scorer> make_graph_filter_scorer(const comm::Communicator& comm,
                                                               const graph::DistributedGraph& graph, EdgeTypeId type,
                                                               ModelWeights weights);

[[nodiscard]] MemoryPlan plan_graph_filter(const ModelShare& share, const GraphFilterOptions& options);

}  // namespace rove::gnn
