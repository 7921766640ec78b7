// SPDX-License-Identifier: Apache-2.0
#include "gnn/truncated_svd.hpp"

#include <algorithm>
#include <cmath>

#include <Eigen/Eigenvalues>

#include "engine/base/isa.hpp"
#include "engine/base/math.hpp"
#include "engine/base/random.hpp"
#include "engine/parallel/parallel.hpp"
#include "gnn/dense_products.hpp"
#include "gnn/detail/dense_kernels.hpp"
#include "gnn/gram_matrix.hpp"

namespace rove::gnn {
namespace {

constexpr std::uint64_t kTruncatedSvdGrain = 256;

/// The basis, in the items' rows of a table of all local rows; the users' rows are where products pass.
class SubspaceIteration {
 public:
  SubspaceIteration(const comm::Communicator& comm, const exec::Propagation& propagation, VertexTypeId users,
                    VertexTypeId items, const SvdOptions& options)
      : comm_(comm),
        propagation_(propagation),
        users_(users),
        items_(items),
        options_(options),
        width_(exec::padded_width(options.rank + options.oversampling)),
        table_(std::size_t{propagation.num_local()} * width_),
        scratch_(owned(items).size() * padded_width()) {}

  TruncatedSvd run() {
    draw();
    orthonormalise();
    for (std::uint32_t k = 0; k < options_.iterations; ++k) {
      scale(items_, propagation_.before());
      pull(users_, items_, propagation_.chain());
      pull(items_, users_, propagation_.after());
      orthonormalise();
    }
    return triplets();
  }

 private:
  [[nodiscard]] IndexRange owned(VertexTypeId type) const { return propagation_.graph().owned_of_type(type); }
  [[nodiscard]] std::span<float> rows(VertexTypeId type) {
    return table_.span().subspan(owned(type).begin * width_, owned(type).size() * width_);
  }
  /// As `PackedRows` pads.
  [[nodiscard]] std::uint64_t padded_width() const {
    return std::uint64_t{(width_ + detail::kPanelItems - 1) / detail::kPanelItems} * detail::kPanelItems;
  }

  void draw() {
    const RandomStream random(options_.seed, Purpose::kInitialisation, kStream);
    const std::span<const VertexKey> keys = propagation_.graph().owned_keys();
    const std::uint64_t first = owned(items_).begin;
    parallel::for_each({0, owned(items_).size()}, kTruncatedSvdGrain, [&](std::uint64_t i) {
      if (propagation_.targets_of(static_cast<std::uint32_t>(first + i)).empty()) return;
      for (std::uint32_t c = 0; c < width_; c += 2) {
        const RandomBlock block = random.block(keys[first + i].value(), c / 2, 0);
        float* to = table_.data() + (first + i) * width_ + c;
        to[0] = static_cast<float>(math::normal_from_draw(block[0] | std::uint64_t{block[1]} << 32U));
        to[1] = static_cast<float>(math::normal_from_draw(block[2] | std::uint64_t{block[3]} << 32U));
      }
    });
  }

  void scale(VertexTypeId type, std::span<const float> factors) {
    detail::ScaleRows* const kernel = pick_isa(detail::avx2::scale_rows, detail::avx512::scale_rows);
    parallel::for_chunks(owned(type), kTruncatedSvdGrain, [&](IndexRange chunk) {
      kernel(table_.data() + chunk.begin * width_, factors.data() + chunk.begin, chunk.size(), width_);
    });
  }

  void pull(VertexTypeId to, VertexTypeId from, std::span<const float> factors) {
    exec::Propagation::Pull pull;
    pull.rows = &propagation_.rows_of_type(to);
    pull.scale = factors;
    pull.source_type = from;
    propagation_.pull(table_.span(), width_, pull, table_.span());
  }

  /// The items' rows X become X L^-T, where L Lᵀ = XᵀX. A column that depends on those before it becomes zero.
  void orthonormalise() {
    constexpr double kDependent = 1e-5;
    const std::vector<float> gram = gram_matrix(comm_, rows(items_), width_);
    const std::size_t n = width_;
    std::vector<double> lower(n * n);
    std::vector<float> inverse(n * n);
    for (std::size_t j = 0; j < n; ++j) {
      for (std::size_t i = j; i < n; ++i) {
        double sum = static_cast<double>(gram[i * n + j]);
        for (std::size_t k = 0; k < j; ++k) sum -= lower[i * n + k] * lower[j * n + k];
        if (i == j) {
          const bool is_dependent = !(sum > kDependent * static_cast<double>(gram[j * n + j]));
          lower[j * n + j] = is_dependent ? 0.0 : std::sqrt(sum);
        } else {
          lower[i * n + j] = lower[j * n + j] == 0.0 ? 0.0 : sum / lower[j * n + j];
        }
      }
    }
    invert(lower, inverse);
    multiply(items_, PackedRows(inverse, n, n, width_));
  }

  /// Rows of the inverse of a lower triangle; zero where the diagonal is.
  static void invert(const std::vector<double>& lower, std::vector<float>& inverse) {
    const auto n = static_cast<std::size_t>(std::lround(std::sqrt(static_cast<double>(lower.size()))));
    // A thread takes columns: column j of the inverse is the forward substitution of unit vector j.
    parallel::for_each({0, n}, 16, [&](std::uint64_t j) {
      if (lower[j * n + j] == 0.0) return;
      std::vector<double> column(n);
      column[j] = 1.0 / lower[j * n + j];
      for (std::size_t i = j + 1; i < n; ++i) {
        if (lower[i * n + i] == 0.0) continue;
        double sum = 0;
        for (std::size_t k = j; k < i; ++k) sum -= lower[i * n + k] * column[k];
        column[i] = sum / lower[i * n + i];
      }
      for (std::size_t i = j; i < n; ++i) inverse[i * n + j] = static_cast<float>(column[i]);
    });
  }

  /// rows(type) = rows(type) · columnsᵀ.
  void multiply(VertexTypeId type, const PackedRows& columns) {
    const std::uint64_t count = owned(type).size();
    if (scratch_.size() < count * padded_width()) scratch_ = HugeBuffer<float>(count * padded_width());
    std::fill_n(scratch_.data(), count * padded_width(), 0.0F);
    add_products(rows(type), count, width_, columns, 1.0F, scratch_.span(), padded_width());
    float* const to = rows(type).data();
    parallel::for_each({0, count}, kTruncatedSvdGrain, [&](std::uint64_t row) {
      std::copy_n(scratch_.data() + row * padded_width(), width_, to + row * width_);
    });
  }

  /// Rayleigh-Ritz: with Y = R̃ Q and YᵀY = S Λ Sᵀ, the right vectors are Q S and the left ones Y S Λ^-1/2.
  TruncatedSvd triplets() {
    const std::size_t n = width_;
    TruncatedSvd result{std::vector<float>(options_.rank), EmbeddingTable(propagation_.num_owned(), options_.rank)};
    const std::vector<float> basis(rows(items_).begin(), rows(items_).end());
    scale(items_, propagation_.before());
    pull(users_, items_, propagation_.after());
    std::ranges::copy(basis, rows(items_).begin());
    const std::vector<float> gram = gram_matrix(comm_, rows(users_), width_);
    Eigen::MatrixXd ritz(n, n);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) {
        ritz(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j)) = static_cast<double>(gram[i * n + j]);
      }
    }
    // Every rank solves the same small problem, with the same bits: Eigen's own memory is always aligned alike.
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(ritz);
    std::vector<float> right(n * n);
    std::vector<float> left(n * n);
    constexpr double kNothing = 1e-9;
    for (std::size_t t = 0; t < options_.rank; ++t) {
      const auto column = static_cast<Eigen::Index>(n - 1 - t);
      const double value = solver.eigenvalues()[column];
      if (!(value > kNothing)) break;
      const auto& vector = solver.eigenvectors().col(column);
      Eigen::Index largest = 0;
      for (Eigen::Index i = 1; i < vector.size(); ++i) {
        if (std::abs(vector[i]) > std::abs(vector[largest])) largest = i;
      }
      const double sign = vector[largest] < 0 ? -1.0 : 1.0;
      const double singular = std::sqrt(value);
      result.singular_values[t] = static_cast<float>(singular);
      for (std::size_t i = 0; i < n; ++i) {
        const double entry = sign * vector[static_cast<Eigen::Index>(i)];
        right[t * n + i] = static_cast<float>(entry);
        left[t * n + i] = static_cast<float>(entry / singular);
      }
    }
    multiply(items_, PackedRows(right, n, n, width_));
    multiply(users_, PackedRows(left, n, n, width_));
    for (const VertexTypeId type : {users_, items_}) {
      for (std::uint64_t row = owned(type).begin; row < owned(type).end; ++row) {
        std::copy_n(table_.data() + row * width_, options_.rank,
                    result.vectors.row(static_cast<std::uint32_t>(row)).begin());
      }
    }
    return result;
  }

  static constexpr std::uint64_t kStream = 1;

  const comm::Communicator& comm_;
  const exec::Propagation& propagation_;
  VertexTypeId users_;
  VertexTypeId items_;
  const SvdOptions options_;
  std::uint32_t width_;
  HugeBuffer<float> table_;
  HugeBuffer<float> scratch_;
};

}  // namespace

TruncatedSvd truncated_svd(const comm::Communicator& comm, const exec::Propagation& propagation, VertexTypeId users,
                           VertexTypeId items, const SvdOptions& options) {
  return SubspaceIteration(comm, propagation, users, items, options).run();
}

void plan_truncated_svd(MemoryPlan& plan, std::uint64_t local_rows, std::uint64_t owned_rows, std::uint32_t threads,
                        const SvdOptions& options) {
  const std::uint64_t width = exec::padded_width(options.rank + options.oversampling);
  plan.hold("singular vectors while they are iterated", (local_rows + 2 * owned_rows) * (width + 16) * sizeof(float));
  plan.hold("singular vectors", owned_rows * exec::padded_width(options.rank) * sizeof(float));
  plan.hold("Gram matrices", (threads + std::uint64_t{3}) * width * width * 24);
}

}  // namespace rove::gnn
