// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/exact_sum.hpp"
#include "engine/base/huge_buffer.hpp"
#include "engine/comm/communicator.hpp"
#include "gnn/batches.hpp"
#include "gnn/detail/contrast_kernels.hpp"
#include "gnn/interactions.hpp"

namespace rove::gnn {

struct BatchContext;
struct BatchStep;

/// The distinct users and the distinct positive items of a batch that this rank owns: places among the active rows,
/// ascending.
struct BatchSides {
  std::vector<std::uint32_t> users;
  std::vector<std::uint32_t> positives;
};
[[nodiscard]] BatchSides sides_of(const Batch& batch, const Interactions& interactions);

/// Some rows of every rank, on every rank in order of stable id: what losses over pairs of rows read. Memory: two
/// copies of the rows.
class StableRows {
 public:
  /// **Collective.** `own`: one row of `width` floats, a multiple of 16, for each of the ascending stable ids `ids`.
  void gather(const comm::Communicator& comm, std::span<const std::uint64_t> ids, std::span<const float> own,
              std::uint32_t width);

  [[nodiscard]] std::uint64_t size() const { return positions_of_all_; }
  [[nodiscard]] std::uint64_t num_own() const { return positions_.size(); }
  /// Where this rank's rows stand among all.
  [[nodiscard]] std::span<const std::uint64_t> positions() const { return positions_; }
  [[nodiscard]] const float* row(std::uint64_t position) const { return rows_.data() + position * width_; }
  /// `row`s and panels as the kernel reads them.
  [[nodiscard]] const float* rows() const { return rows_.data(); }
  [[nodiscard]] const float* panels() const { return panels_.data(); }
  [[nodiscard]] std::uint32_t width() const { return width_; }
  /// **Collective.** A value per own row of every rank, by the position of its row, padded with zeros to whole panels.
  [[nodiscard]] std::vector<float> by_position(const comm::Communicator& comm, std::span<const float> values) const;

 private:
  std::uint32_t width_ = 0;
  std::uint64_t positions_of_all_ = 0;
  std::vector<std::uint64_t> positions_;
  HugeBuffer<float> rows_;
  HugeBuffer<float> panels_;
};

/// Lays rows out as kernels read keys: panels of `kKeyPanel` rows column by column, the last one filled with zeros.
void pack_panels(const float* rows, std::uint64_t count, std::uint32_t width, HugeBuffer<float>& panels);

enum class RowLength : std::uint8_t { kUnit, kOwn };

/// Rows of a batch, divided by their lengths or not.
class UnitRows : public StableRows {
 public:
  /// **Collective.** `rows`: one of `width` floats per active row of the batch; those at `places` are taken.
  void gather(const comm::Communicator& comm, const graph::DistributedGraph& graph, const Batch& batch,
              std::span<const std::uint32_t> places, const float* rows, std::uint32_t width,
              RowLength length = RowLength::kUnit);

  [[nodiscard]] std::span<const float> inverse_norms() const { return inverse_norms_; }

 private:
  std::vector<float> inverse_norms_;
  std::vector<float> own_;
};

/// Losses over all pairs of a batch's rows, by cosine. The bits depend on the batch alone.
class BatchContrast {
 public:
  explicit BatchContrast(std::uint32_t width) : width_(width) {}

  /// **Collective.** InfoNCE (van den Oord et al., arXiv 1807.03748) between two views, of a batch's distinct users,
  /// then of its distinct positives, into the step's extra loss:
  ///   weight · mean_i ( -cos(a_i, b_i) / temperature + log Σ_j exp(cos(a_i, b_j) / temperature) )
  /// over the s rows of a side on all ranks. Views are a row per active row of the batch, and so are the gradients
  /// added to. Cost: 8 s² / P · width multiply-adds; two rows of every place, and one float, go to every rank.
  void info_nce(const BatchStep& step, const BatchContext& context, const BatchSides& sides, const float* anchors,
                const float* keys, double temperature, double weight, float* anchor_gradients, float* key_gradients);

  /// **Collective.** The pushing half of a softmax over a batch's items: weight · Σ_i counts_i log Σ_j factors_j
  /// exp(cos(x_i, y_j) / temperature) over the users i and items j of all ranks, less counts_i / temperature each; rows
  /// of one table. `counts` and `factors` are per place of this rank, `factors` positive. Adds the gradients to the
  /// places' rows, and this rank's share of the loss.
  void log_partition(const comm::Communicator& comm, const graph::DistributedGraph& graph, const Batch& batch,
                     const BatchSides& sides, const float* rows, std::span<const float> counts,
                     std::span<const float> factors, double temperature, double weight, float* gradients,
                     ExactSum& loss);

  /// **Collective.** Uniformity (Wang and Isola, ICML 2020): weight · log mean_{i < j} exp(-2 ‖x_i - x_j‖²) of unit
  /// rows.
  void uniformity(const comm::Communicator& comm, const graph::DistributedGraph& graph, const Batch& batch,
                  std::span<const std::uint32_t> places, const float* rows, double weight, float* gradients,
                  ExactSum& loss);

  /// **Collective.** A hinge between the batch's users and its shared negatives: weight · Σ_i counts_i / n_i Σ_j max(0,
  /// cos(x_i, y_j) - margin) over the n_i of them that user i lacks. `counts`: per one of the users' `places`. Adds the
  /// gradients to the places' rows, and this rank's share of the loss. Cost: 8 · users · negatives / P · width
  /// multiply-adds.
  void hinge(const comm::Communicator& comm, const Interactions& interactions, const Batch& batch,
             std::span<const std::uint32_t> places, const float* rows, std::span<const float> counts, double margin,
             double weight, float* gradients, ExactSum& loss);

 private:
  struct Pull {
    std::vector<float> sums;
    std::vector<float> self_dots;
    std::vector<float> rows;
  };
  enum class Self : std::uint8_t { kNone, kCounts, kSkipped };
  /// How pairs are weighed; `Self`: whether an anchor stands among the keys, where it stands itself.
  struct Weighing {
    detail::Attraction kind = detail::Attraction::kExponential;
    double parameter = 1.0;  ///< sharpness or margin
    Self self = Self::kNone;
    const float* factors = nullptr;
    const std::uint64_t* skip_offsets = nullptr;
    const std::uint32_t* skips = nullptr;
  };
  /// InfoNCE of the rows at these places.
  void info_nce_at(const BatchStep& step, const BatchContext& context, std::span<const std::uint32_t> places,
                   const float* anchors, const float* keys, double temperature, double weight, float* anchor_gradients,
                   float* key_gradients);
  /// The kernel over this rank's anchors.
  void attract(const UnitRows& anchors, const UnitRows& keys, const Weighing& weighing, Pull& pull) const;
  /// `to` at the places += factor · adjoint of the normalisation of (scales_i · pulled_i + other_weight · other_i).
  void add_gradients(const UnitRows& units, std::span<const std::uint32_t> places, const Pull& pull,
                     std::span<const float> scales, const UnitRows& others, float other_weight, double factor,
                     float* to) const;

  std::uint32_t width_;
  UnitRows first_;
  UnitRows second_;
  Pull pull_;
};

/// Bytes that contrasting a batch of this size holds.
[[nodiscard]] std::uint64_t contrast_bytes(std::uint64_t batch_size, std::uint32_t dim, std::uint32_t threads);

}  // namespace rove::gnn
