// SPDX-License-Identifier: Apache-2.0
#include "gnn/dense_products.hpp"

#include "engine/base/assert.hpp"
#include "engine/base/isa.hpp"
#include "engine/parallel/parallel.hpp"
#include "gnn/detail/dense_kernels.hpp"

namespace rove::gnn {
namespace {

constexpr std::uint64_t kDenseProductsGrain = 112;  ///< whole blocks of rows in both kernels

}  // namespace

PackedRows::PackedRows(std::span<const float> rows, std::uint64_t count, std::uint64_t width, std::uint32_t columns)
    : padded_count_((count + detail::kPanelItems - 1) / detail::kPanelItems * detail::kPanelItems),
      columns_(columns),
      values_(padded_count_ * columns) {
  parallel::for_each({0, padded_count_ / detail::kPanelItems}, 4, [&](std::uint64_t panel) {
    float* to = values_.data() + panel * detail::kPanelItems * columns_;
    for (std::uint64_t i = 0; i < detail::kPanelItems; ++i) {
      const std::uint64_t row = panel * detail::kPanelItems + i;
      if (row >= count) break;
      for (std::uint64_t c = 0; c < columns_; ++c) to[c * detail::kPanelItems + i] = rows[row * width + c];
    }
  });
}

void add_products(std::span<const float> rows, std::uint64_t count, std::uint64_t width, const PackedRows& items,
                  float factor, std::span<float> out, std::uint64_t out_width) {
  ROVE_ASSERT_LIGHT(out_width >= items.padded_count() && out.size() >= count * out_width);
  detail::AddRowProducts* const kernel = pick_isa(detail::avx2::add_row_products, detail::avx512::add_row_products);
  parallel::for_chunks({0, count}, kDenseProductsGrain, [&](IndexRange chunk) {
    detail::RowProducts task;
    task.rows = rows.data() + chunk.begin * width;
    task.count = chunk.size();
    task.width = width;
    task.columns = items.columns();
    task.panels = items.panels();
    task.num_panels = items.padded_count() / detail::kPanelItems;
    task.factor = factor;
    task.out = out.data() + chunk.begin * out_width;
    task.out_width = out_width;
    kernel(task);
  });
}

}  // namespace rove::gnn
