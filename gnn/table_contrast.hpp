// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/exact_sum.hpp"
#include "engine/base/huge_buffer.hpp"
#include "engine/base/memory_plan.hpp"
#include "engine/comm/communicator.hpp"
#include "engine/graph/distributed_graph.hpp"
#include "gnn/batch_contrast.hpp"

namespace rove::gnn {

/// InfoNCE of a batch's rows a against all rows b of their type, by inner product (LightGCL's):
///   weight · mean_i ( log(Σ_j exp l_ij + 1e-8) - clamp(l_ii, -5, 5) ),   l_ij = <a_i, b_j> / temperature
/// where i runs over the batch's vertices, as often as they stand in it. Logits of any size are safe: the largest is
/// taken out first. Rows of the type pass every rank in blocks of stable rows, so a sum has one order and no rank holds
/// the table; a row's owner sums what the batch draws it to. Refers to the graph. Cost: 4 · (rows of the batch) ·
/// (rows of the type) · width multiply-adds over all ranks; every row of the type goes to every rank once.
class TableContrast {
 public:
  /// This rank's vertices of the batch.
  struct Anchors {
    std::span<const std::uint32_t> rows;  ///< local ids, ascending
    std::span<const float> counts;        ///< how often each stands in the batch
    const float* values;                  ///< a, one row each
    double total;                         ///< Σ counts over all ranks
  };

  TableContrast(const graph::DistributedGraph& graph, VertexTypeId type, std::uint32_t width);

  /// **Collective.** `keys`: b of the owned rows of the type. Writes the gradient at a, adds that at b and this rank's
  /// share of the loss.
  void run(const comm::Communicator& comm, const Anchors& anchors, const float* keys, double temperature, double weight,
           float* anchor_gradients, float* key_gradients, ExactSum& loss);

 private:
  void pull_keys(const comm::Communicator& comm, std::span<const float> own, const float* keys, float sharpness);
  void pull_anchors(const float* keys, float sharpness, std::span<const float> offsets, float factor,
                    float* key_gradients);

  const graph::DistributedGraph* graph_;
  VertexTypeId type_;
  std::uint32_t width_;
  StableRows anchors_;
  HugeBuffer<float> panels_;
  std::vector<float> block_;
  std::vector<float> maxima_;
  std::vector<float> sums_;
  std::vector<float> pulled_;
};

/// What it holds on one rank for `batch_rows` anchors at most among `owned_rows` of the type.
void plan_table_contrast(MemoryPlan& plan, std::uint64_t batch_rows, std::uint64_t owned_rows, std::uint32_t dim,
                         std::uint32_t threads, std::int32_t ranks);

}  // namespace rove::gnn
