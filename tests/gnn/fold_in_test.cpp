// SPDX-License-Identifier: Apache-2.0
#include "gnn/fold_in.hpp"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/error.hpp"
#include "tests/gnn/training_support.hpp"
#include "tests/support/mpi.hpp"

namespace rove::gnn {
namespace {

using tests::world;

constexpr EdgeTypeId kRates{0};
constexpr std::uint32_t kDim = 5;

/// A third of the vertices are new.
bool is_known(std::uint64_t stable) {
  return stable % 3 != 1;
}
float value_of(std::uint64_t stable, std::uint32_t column) {
  return static_cast<float>((stable * 7 + column * 13) % 19) * 0.05F + 0.1F;
}

FoldIn fold(const comm::Communicator& comm, const graph::DistributedGraph& graph, const FoldInOptions& options,
            float sign_of_users = 1.0F) {
  KnownRows known{EmbeddingTable(graph.num_owned(), kDim), std::vector<std::uint8_t>(graph.num_owned())};
  for (std::uint32_t local = 0; local < graph.num_owned(); ++local) {
    const std::uint64_t stable = graph.index_map().stable_of(LocalVertexId{local}).value();
    if (!is_known(stable)) continue;
    const bool is_user = graph.type_of(LocalVertexId{local}) == VertexTypeId{0};
    known.is_known[local] = 1;
    for (std::uint32_t c = 0; c < kDim; ++c) {
      known.rows.row(local)[c] = value_of(stable, c) * (is_user ? sign_of_users : 1.0F);
    }
  }
  return fold_in(comm, graph, kRates, options, known);
}

/// The definitions, in double, one row at a time.
class Twin {
 public:
  Twin(const graph::GraphBlocks& whole, const FoldInOptions& options)
      : whole_(whole), options_(options), rows_(whole.schema.num_vertices(), Row(kDim)) {
    for (std::uint64_t v = 0; v < rows_.size(); ++v) {
      for (std::uint32_t c = 0; is_known(v) && c < kDim; ++c) rows_[v][c] = static_cast<double>(value_of(v, c));
    }
    const bool propagates = options.method == FoldInMethod::kPropagation;
    const double scales[2] = {propagates ? scale_of(0) : 0, propagates ? scale_of(1) : 0};
    for (std::uint32_t pass = 0; pass < options.passes; ++pass) {
      for (const int side : {0, 1}) {
        for (std::uint64_t v = range(side).begin; v < range(side).end; ++v) {
          if (!is_known(v)) rows_[v] = propagates ? pulled(side, v, scales[side]) : solved(side, v);
        }
      }
    }
  }
  using Row = std::vector<double>;
  [[nodiscard]] const std::vector<Row>& rows() const { return rows_; }

 private:
  [[nodiscard]] IndexRange range(int side) const {
    return whole_.schema.stable_range(VertexTypeId{static_cast<std::uint16_t>(side)});
  }
  [[nodiscard]] std::vector<std::uint64_t> neighbors(int side, std::uint64_t v) const {
    const graph::AdjacencyBlock& block = side == 0 ? whole_.edges[0].by_source : whole_.edges[0].by_destination;
    const std::uint64_t r = v - range(side).begin;
    std::vector<std::uint64_t> found;
    for (std::uint64_t slot = block.offsets[r]; slot < block.offsets[r + 1]; ++slot) {
      found.push_back(range(1 - side).begin + block.targets[slot]);
    }
    return found;
  }
  [[nodiscard]] Row pulled(int side, std::uint64_t v, double scale) const {
    Row sum(kDim);
    const auto mine = neighbors(side, v);
    for (const std::uint64_t w : mine) {
      const double both = static_cast<double>(mine.size() * neighbors(1 - side, w).size());
      for (std::uint32_t c = 0; c < kDim; ++c) sum[c] += scale * rows_[w][c] / std::sqrt(both);
    }
    return sum;
  }
  [[nodiscard]] double scale_of(int side) const {
    double products = 0;
    double squares = 0;
    for (std::uint64_t v = range(side).begin; v < range(side).end; ++v) {
      if (!is_known(v)) continue;
      const Row sum = pulled(side, v, 1.0);
      for (std::uint32_t c = 0; c < kDim; ++c) {
        products += sum[c] * rows_[v][c];
        squares += sum[c] * sum[c];
      }
    }
    return products / squares;
  }
  [[nodiscard]] Row solved(int side, std::uint64_t v) const {
    std::vector<Row> a(kDim, Row(kDim));
    Row b(kDim);
    const auto add = [&](std::uint64_t w, double weight) {
      for (std::uint32_t i = 0; i < kDim; ++i) {
        for (std::uint32_t j = 0; j < kDim; ++j) a[i][j] += weight * rows_[w][i] * rows_[w][j];
      }
    };
    for (std::uint64_t w = range(1 - side).begin; w < range(1 - side).end; ++w) add(w, 1);
    // A pair that occurs n times has confidence 1 + alpha n.
    std::uint64_t previous = rows_.size();
    for (const std::uint64_t w : neighbors(side, v)) {
      add(w, options_.alpha);
      const double confidence = options_.alpha + (w == previous ? 0 : 1);
      for (std::uint32_t i = 0; i < kDim; ++i) b[i] += confidence * rows_[w][i];
      previous = w;
    }
    for (std::uint32_t i = 0; i < kDim; ++i) a[i][i] += options_.regularisation;
    for (std::uint32_t i = 0; i < kDim; ++i) {
      for (std::uint32_t j = i + 1; j < kDim; ++j) {
        const double factor = a[j][i] / a[i][i];
        for (std::uint32_t k = i; k < kDim; ++k) a[j][k] -= factor * a[i][k];
        b[j] -= factor * b[i];
      }
    }
    for (std::uint32_t i = kDim; i-- > 0;) {
      for (std::uint32_t k = i + 1; k < kDim; ++k) b[i] -= a[i][k] * b[k];
      b[i] /= a[i][i];
    }
    return b;
  }

  const graph::GraphBlocks& whole_;
  const FoldInOptions& options_;
  std::vector<Row> rows_;
};

TEST(FoldIn, EqualsTheDefinitionOnAnyRanks) {
  const graph::GraphBlocks whole = tests::random_bipartite(60, 45, 160, 9);
  const comm::Communicator self = tests::alone(world());
  const graph::DistributedGraph serial = tests::distribute(self, whole, tests::Spread::kBlock);
  for (const FoldInMethod method : {FoldInMethod::kPropagation, FoldInMethod::kLeastSquares}) {
    FoldInOptions options;
    options.method = method;
    options.regularisation = 0.5;
    const Twin twin(whole, options);
    const FoldIn alone = fold(self, serial, options);
    const std::vector<float> rows = tests::whole_table(self, serial, alone.rows);
    const std::size_t width = rows.size() / whole.schema.num_vertices();
    for (std::uint64_t v = 0; v < whole.schema.num_vertices(); ++v) {
      for (std::uint32_t c = 0; c < kDim; ++c) {
        const double found = static_cast<double>(rows[v * width + c]);
        if (is_known(v)) {
          EXPECT_EQ(found, static_cast<double>(value_of(v, c)));
        } else {
          EXPECT_NEAR(found, twin.rows()[v][c], 2e-4) << "vertex " << v << " column " << c;
        }
      }
    }
    EXPECT_EQ(alone.users.known + alone.users.folded + alone.users.without, 60U);
    EXPECT_EQ(alone.items.known, 30U);
    EXPECT_GT(alone.users.folded, 10U);
    for (const tests::Spread spread : tests::kSpreads) {
      const graph::DistributedGraph graph = tests::distribute(world(), whole, spread);
      const FoldIn spread_out = fold(world(), graph, options);
      EXPECT_TRUE(tests::same_bytes(tests::whole_table(world(), graph, spread_out.rows), rows)) << name_of(spread);
      EXPECT_EQ(spread_out.users.folded, alone.users.folded);
      EXPECT_EQ(spread_out.items.without, alone.items.without);
    }
  }
}

TEST(FoldIn, RowsThatPointAwayFromTheirNeighboursAreRefused) {
  const graph::GraphBlocks whole = tests::random_bipartite(60, 45, 160, 9);
  const graph::DistributedGraph graph = tests::distribute(world(), whole, tests::Spread::kBlock);
  EXPECT_THROW(static_cast<void>(fold(world(), graph, {}, -1.0F)), ConfigError);
  FoldInOptions solved;
  solved.method = FoldInMethod::kLeastSquares;
  EXPECT_NO_THROW(static_cast<void>(fold(world(), graph, solved, -1.0F)));
}

}  // namespace
}  // namespace rove::gnn
