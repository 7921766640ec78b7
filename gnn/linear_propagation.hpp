// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/huge_buffer.hpp"
#include "engine/base/memory_plan.hpp"
#include "engine/base/random.hpp"
#include "engine/exec/propagation.hpp"
#include "gnn/batches.hpp"
#include "gnn/embedding_table.hpp"
#include "gnn/gradient_consumer.hpp"
#include "gnn/state_storage.hpp"

namespace rove::gnn {

/// Noise that SimGCL (Yu et al., SIGIR 2022, arXiv 2112.08679) adds to every layer it computes: a row of length
/// `strength` in the orthant of the state. Drawn by vertex key, layer and view from a stream of the step.
struct LayerNoise {
  const RandomStream* random = nullptr;
  std::uint32_t view = 0;
  std::uint32_t dim = 0;           ///< columns of whole rows
  std::uint32_t first_column = 0;  ///< of the table
  float strength = 0.0F;
};

/// One layer's state at the active rows, on the way forward, or the loss's gradient there, on the way back.
template <class Float>
struct LayerTap {
  std::uint32_t layer = 0;  ///< 1 ... K; 0: none
  Float* rows = nullptr;    ///< one per active row
};

/// H = w_0 X + w_1 Â X + ... + w_K Â^K X for a table X on a bipartite graph, and its gradient by Horner's rule without
/// stored activations (LightGCN, arXiv 2002.02126; K = 0 is matrix factorisation). Per batch the last layer is computed
/// at the batch's rows only, and the first hop backwards reads only them; the bits are those of the full computation.
///
/// Layers are computed in two chains, users -> items -> users ... and items -> users -> items ..., one after the other:
/// a chain's hop reads what the last one wrote, and both fit the cache together where a whole layer and the next do
/// not. One work array serves both chains, since a hop reads one type's rows and writes the other's.
///
/// On several ranks, and where states are stored as BFloat16, D^-b X is kept beside X, since it is what travels:
/// whoever changes X calls `refresh`, or writes both (the fused optimiser step). Otherwise the first hop scales the
/// rows of X as it reads them; the bits are the same. All calls are for the thread that drives the rank. Memory: 2 rows
/// of the table's width per local vertex, in the storage's format, 1 where no D^-b X is kept; `forward_all` always
/// computes in floats, for which BFloat16 storage takes as many rows of floats during the call.
class LinearPropagation {
 public:
  /// `weights`: w_0 ... w_K. `users` and `items`: the types of the two sides. Refers to the propagation.
  LinearPropagation(const exec::Propagation& propagation, VertexTypeId users, VertexTypeId items,
                    std::vector<float> weights, std::uint32_t width, StateStorage storage = StateStorage::kFloat32);

  /// What one holds with layers: local rows of `row_bytes` as floats.
  static void plan(MemoryPlan& plan, std::uint64_t local_rows, std::uint64_t row_bytes, StateStorage storage);

  [[nodiscard]] std::uint32_t num_layers() const { return static_cast<std::uint32_t>(weights_.size()) - 1; }
  /// D^-b X of owned rows, to be kept up to date with X where it is kept.
  [[nodiscard]] ScaledCopy scaled() {
    return {floats_.scaled.data(), halves_.scaled.data(), propagation_->before().data()};
  }
  void refresh(const EmbeddingTable& table);

  /// **Collective.** H of the batch's active rows into the first rows of the row buffer. With `noise`, layers 1 ... K
  /// are perturbed.
  void forward(const EmbeddingTable& table, const ActiveRows& batch, float* row_buffer,
               const LayerNoise* noise = nullptr, LayerTap<float> tap = {});
  /// **Collective.** Hands over ∂L/∂X of every owned row of the two types once, less w_0 · gradient, which the consumer
  /// adds for active rows, given ∂L/∂H of the active rows of the
  /// batch that `forward` saw last, and what the tapped layer adds. Noise does not depend on X and has no part in it. X
  /// and D^-b X of a row may be changed once it was handed over.
  void backward(const float* gradients, const GradientConsumer& consume, LayerTap<const float> tap = {});
  /// Per owned row: 1 + its place among the active rows of the present batch, or 0.
  [[nodiscard]] const std::uint32_t* batch_index() const { return batch_index_.data(); }
  [[nodiscard]] float first_weight() const { return weights_[0]; }

  /// **Collective.** H of all owned rows.
  void forward_all(const EmbeddingTable& table, EmbeddingTable& result);

 private:
  template <class Stored>
  struct States {
    HugeBuffer<Stored> scaled;  ///< D^-b X, or empty
    HugeBuffer<Stored> work;    ///< a chain's present state
  };
  template <class Stored>
  [[nodiscard]] States<Stored> make_states(bool keep_scaled) const;
  template <class Stored>
  void refresh(States<Stored>& states, const EmbeddingTable& table) const;

  /// The active rows of one type: a range of the batch's, since types lie one after the other.
  struct Side {
    VertexTypeId type;
    std::span<const std::uint32_t> active;
    std::size_t first = 0;  ///< place of the first of them among the batch's
    exec::Propagation::Rows rows;
  };
  void set_active(const ActiveRows& batch);
  template <class To>
  void add_noise(const LayerNoise& noise, std::uint32_t layer, std::span<const std::uint32_t> rows,
                 const float* results, To* to, bool is_last) const;
  /// Pulls from D^-b X.
  template <class Stored, class Output>
  void pull_first(States<Stored>& states, const EmbeddingTable& table, exec::Propagation::Pull pull,
                  const Output& output);
  template <class Stored>
  void forward_in(States<Stored>& states, const EmbeddingTable& table, float* row_buffer, const LayerNoise* noise,
                  LayerTap<float> tap);
  template <class Stored>
  void backward_in(States<Stored>& states, const float* gradients, const GradientConsumer& consume,
                   LayerTap<const float> tap);
  void forward_all_in(States<float>& states, const EmbeddingTable& table, EmbeddingTable& result);
  /// The side that hop k of the chain which starts at `start` writes; hop 0 is the start itself.
  [[nodiscard]] const Side& side_of(std::uint32_t start, std::uint32_t hop) const { return sides_[(start + hop) % 2]; }

  const exec::Propagation* propagation_;
  std::vector<float> weights_;
  std::uint32_t width_;
  StateStorage storage_;
  States<float> floats_;     ///< empty for BFloat16
  States<BFloat16> halves_;  ///< empty for float32
  std::array<Side, 2> sides_;
  std::vector<std::uint32_t> batch_index_;
  std::vector<std::uint32_t> indexed_rows_;
  std::vector<std::uint8_t> is_active_;  ///< by local row
};

}  // namespace rove::gnn
