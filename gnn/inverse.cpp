// SPDX-License-Identifier: Apache-2.0
#include "gnn/inverse.hpp"

#include <algorithm>

#include <Eigen/Cholesky>

#include "engine/base/assert.hpp"
#include "engine/base/error.hpp"
#include "engine/base/isa.hpp"
#include "engine/parallel/parallel.hpp"
#include "gnn/dense_products.hpp"
#include "gnn/detail/dense_kernels.hpp"

namespace rove::gnn {
namespace {

/// to (of rows of `to_stride`) = from transposed, both tile × tile.
void transpose(const float* from, std::uint64_t from_stride, float* to, std::uint64_t to_stride, std::uint64_t tile) {
  constexpr std::uint64_t kBlock = 16;
  for (std::uint64_t i = 0; i < tile; i += kBlock) {
    for (std::uint64_t j = 0; j < tile; j += kBlock) {
      for (std::uint64_t r = i; r < i + kBlock; ++r) {
        for (std::uint64_t c = j; c < j + kBlock; ++c) to[c * to_stride + r] = from[r * from_stride + c];
      }
    }
  }
}

void copy_tile(const float* from, std::uint64_t from_stride, float* to, std::uint64_t to_stride, std::uint64_t tile) {
  for (std::uint64_t r = 0; r < tile; ++r) std::copy_n(from + r * from_stride, tile, to + r * to_stride);
}

/// The inverse of a small symmetric matrix; false when it is not positive definite.
bool invert_tile(std::span<const float> tile, std::uint64_t size, std::vector<float>& inverse) {
  const auto n = static_cast<Eigen::Index>(size);
  Eigen::MatrixXd matrix(n, n);
  for (Eigen::Index i = 0; i < n; ++i) {
    for (Eigen::Index j = 0; j < n; ++j) matrix(i, j) = static_cast<double>(tile[static_cast<std::size_t>(i * n + j)]);
  }
  const Eigen::LLT<Eigen::MatrixXd> factor(matrix);
  if (factor.info() != Eigen::Success) return false;
  const Eigen::MatrixXd solution = factor.solve(Eigen::MatrixXd::Identity(n, n));
  inverse.resize(size * size);
  for (Eigen::Index i = 0; i < n; ++i) {
    for (Eigen::Index j = i; j < n; ++j) {
      inverse[static_cast<std::size_t>(i * n + j)] = inverse[static_cast<std::size_t>(j * n + i)] =
          static_cast<float>(solution(i, j));
    }
  }
  return solution.allFinite();
}

}  // namespace

SymmetricMatrix::SymmetricMatrix(const comm::Communicator& comm, std::uint64_t size, std::uint32_t tile)
    : comm_(&comm),
      size_(size),
      tile_(tile),
      tiles_((size + tile - 1) / tile),
      owners_(tiles_, comm.size()),
      my_tiles_(owners_.block(comm.rank())),
      values_(my_tiles_.size() * tile_ * stride()),
      panel_(stride() * tile_) {
  ROVE_ASSERT_LIGHT(tile % detail::kPanelItems == 0);
  for (std::uint64_t r = std::max(size, first_row()); r < my_tiles_.end * tile_; ++r) row(r)[r] = 1.0F;
}

IndexRange SymmetricMatrix::rows_of(Rank rank) const {
  const IndexRange tiles = owners_.block(rank);
  return {std::min(size_, tiles.begin * tile_), std::min(size_, tiles.end * tile_)};
}

void SymmetricMatrix::invert(const std::function<void(std::uint64_t, std::uint64_t)>& swept) {
  for (std::uint64_t pivot = 0; pivot < tiles_; ++pivot) {
    gather_panel(pivot);
    sweep(pivot);
    swept(pivot + 1, tiles_);
  }
  mirror();
}

void SymmetricMatrix::gather_panel(std::uint64_t pivot) {
  for (std::uint64_t i = 0; i < tiles_; ++i) {
    const bool direct = is_computed(i, pivot);
    const std::uint64_t source = direct ? i : pivot;
    float* const to = panel_.data() + i * tile_ * tile_;
    if (is_mine(source)) {
      if (direct) {
        copy_tile(tile_at(i, pivot), stride(), to, tile_, tile_);
      } else {
        transpose(tile_at(pivot, i), stride(), to, tile_, tile_);
      }
    }
    if (comm_->size() > 1) comm_->broadcast(std::span(to, tile_ * tile_), owners_.home_of(source));
  }
}

/// With the panel W = A_:k and D = A_kk: A_ij -= W_i D^-1 W_jᵀ elsewhere, A_ik = W_i D^-1, A_kk = -D^-1.
void SymmetricMatrix::sweep(std::uint64_t pivot) {
  std::vector<float> inverse;
  const auto pivot_tile = std::span<const float>(panel_).subspan(pivot * tile_ * tile_, tile_ * tile_);
  if (!invert_tile(pivot_tile, tile_, inverse)) {
    throw ConfigError(
        "the matrix of co-interactions is not positive definite in float32; raise train.ease_regularisation");
  }
  const std::uint64_t rows = stride();
  const auto columns = static_cast<std::uint32_t>(tile_);
  std::vector<float> solved(rows * tile_);
  add_products(panel_, rows, tile_, PackedRows(inverse, tile_, tile_, columns), 1.0F, solved, tile_);
  const PackedRows packed(panel_, rows, tile_, columns);

  detail::AddRowProducts* const kernel = pick_isa(detail::avx2::add_row_products, detail::avx512::add_row_products);
  parallel::for_each({0, my_tiles_.size() * tiles_}, 4, [&](std::uint64_t index) {
    const std::uint64_t i = my_tiles_.begin + index / tiles_;
    const std::uint64_t j = index % tiles_;
    if (!is_computed(i, j)) return;
    if (i == pivot && j == pivot) {
      for (std::uint64_t r = 0; r < tile_; ++r) {
        for (std::uint64_t c = 0; c < tile_; ++c) tile_at(i, j)[r * stride() + c] = -inverse[r * tile_ + c];
      }
    } else if (j == pivot) {
      copy_tile(solved.data() + i * tile_ * tile_, tile_, tile_at(i, j), stride(), tile_);
    } else if (i == pivot) {
      transpose(solved.data() + j * tile_ * tile_, tile_, tile_at(i, j), stride(), tile_);
    } else {
      detail::RowProducts task;
      task.rows = solved.data() + i * tile_ * tile_;
      task.count = tile_;
      task.width = tile_;
      task.columns = columns;
      task.panels = packed.panels(j * tile_);
      task.num_panels = tile_ / detail::kPanelItems;
      task.factor = -1.0F;
      task.out = tile_at(i, j);
      task.out_width = stride();
      kernel(task);
    }
  });
}

/// Fills the tiles that were not computed from their mirror images, one row of tiles at a time.
void SymmetricMatrix::mirror() {
  for (std::uint64_t i = 0; i < tiles_; ++i) {
    if (comm_->size() == 1) {
      for (std::uint64_t j = 0; j < tiles_; ++j) {
        if (!is_computed(i, j)) transpose(tile_at(j, i), stride(), tile_at(i, j), stride(), tile_);
      }
      continue;
    }
    std::vector<float> mine;
    for (std::uint64_t j = my_tiles_.begin; j < my_tiles_.end; ++j) {
      if (is_computed(i, j)) continue;
      const std::size_t begin = mine.size();
      mine.resize(begin + tile_ * tile_);
      transpose(tile_at(j, i), stride(), mine.data() + begin, tile_, tile_);
    }
    const auto gathered = comm_->gather_v<float>(mine, owners_.home_of(i));
    if (!is_mine(i)) continue;
    std::size_t read = 0;
    for (std::uint64_t j = 0; j < tiles_; ++j) {
      if (is_computed(i, j)) continue;
      copy_tile(gathered.data.data() + read, tile_, tile_at(i, j), stride(), tile_);
      read += tile_ * tile_;
    }
  }
}

std::vector<float> SymmetricMatrix::take_rows() {
  const std::uint64_t count = rows().size();
  for (std::uint64_t r = 0; r < count; ++r) {
    std::copy_n(values_.data() + r * stride(), size_, values_.data() + r * size_);
  }
  values_.resize(count * size_);
  return std::move(values_);
}

std::uint64_t SymmetricMatrix::bytes(std::uint64_t size, std::uint32_t tile, std::int32_t ranks) {
  const std::uint64_t tiles = (size + tile - 1) / tile;
  const auto parts = static_cast<std::uint64_t>(ranks);
  const std::uint64_t rows = (tiles + parts - 1) / parts * tile;
  return (rows + 3 * std::uint64_t{tile}) * tiles * tile * sizeof(float);
}

}  // namespace rove::gnn
