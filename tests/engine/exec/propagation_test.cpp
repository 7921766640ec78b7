// SPDX-License-Identifier: Apache-2.0
#include "engine/exec/propagation.hpp"

#include <cmath>
#include <cstring>
#include <mutex>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/math.hpp"
#include "engine/base/random.hpp"
#include "tests/support/gather.hpp"
#include "tests/support/graphs.hpp"
#include "tests/support/mpi.hpp"

namespace rove::exec {
namespace {

using tests::distribute;
using tests::world;

/// Slots of every vertex of the whole graph, as stable ids, both directions of all edge types in schema order, by
/// destination before by source.
std::vector<std::vector<std::uint64_t>> serial_slots(const graph::GraphBlocks& whole) {
  std::vector<std::vector<std::uint64_t>> slots(whole.schema.num_vertices());
  for (std::size_t e = 0; e < whole.edges.size(); ++e) {
    const graph::EdgeType& type = whole.schema.edge_types()[e];
    const auto append = [&](const graph::AdjacencyBlock& block, VertexTypeId rows, VertexTypeId targets) {
      for (std::size_t row = 0; row + 1 < block.offsets.size(); ++row) {
        std::vector<std::uint64_t>& of_row = slots[whole.schema.stable_id(rows, row).value()];
        for (std::uint64_t i = block.offsets[row]; i < block.offsets[row + 1]; ++i) {
          of_row.push_back(whole.schema.stable_id(targets, block.targets[i]).value());
        }
      }
    };
    if (!type.undirected) append(whole.edges[e].by_destination, type.destination, type.source);
    append(whole.edges[e].by_source, type.source, type.destination);
  }
  return slots;
}

/// One float per step: the specification of `Propagation::pull`.
std::vector<float> serial_pull(const std::vector<std::vector<std::uint64_t>>& slots, const std::vector<float>& x,
                               std::uint32_t width, const std::vector<float>& scale) {
  std::vector<float> y(slots.size() * width);
  for (std::size_t row = 0; row < slots.size(); ++row) {
    for (std::uint32_t c = 0; c < width; ++c) {
      float total = 0;
      for (std::size_t begin = 0; begin < slots[row].size(); begin += Propagation::kSegment) {
        float sum = 0;
        for (std::size_t i = begin; i < std::min<std::size_t>(begin + Propagation::kSegment, slots[row].size()); ++i) {
          sum += x[slots[row][i] * width + c];
        }
        total = begin == 0 ? sum : total + sum;
      }
      y[row * width + c] = scale[row] * total;
    }
  }
  return y;
}

float value_at(std::uint64_t stable, std::uint64_t column) {
  static const RandomStream random(7, Purpose::kNoise);
  return static_cast<float>(math::normal_from_draw(random.draw(stable, static_cast<std::uint32_t>(column), 0)));
}

std::vector<float> owned_values(const graph::DistributedGraph& graph, std::uint32_t width) {
  std::vector<float> x(std::size_t{graph.num_local()} * width, -1e30F);
  for (std::uint32_t row = 0; row < graph.num_owned(); ++row) {
    const std::uint64_t stable = graph.index_map().stable_of(LocalVertexId{row}).value();
    for (std::uint32_t c = 0; c < width; ++c) x[std::size_t{row} * width + c] = value_at(stable, c);
  }
  return x;
}

std::vector<float> whole_values(const graph::GraphBlocks& whole, std::uint32_t width) {
  std::vector<float> x(whole.schema.num_vertices() * width);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = value_at(i / width, i % width);
  return x;
}

std::vector<float> serial_scale(const std::vector<std::vector<std::uint64_t>>& slots) {
  std::vector<float> scale(slots.size());
  for (std::size_t row = 0; row < slots.size(); ++row) {
    if (!slots[row].empty()) scale[row] = static_cast<float>(1.0 / std::sqrt(static_cast<double>(slots[row].size())));
  }
  return scale;
}

bool same_bytes(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

TEST(Propagation, EqualsSerialSumsByteForByte) {
  std::vector<tests::NamedGraph> graphs = tests::awkward_graphs();
  graphs.push_back({"bipartite", tests::random_bipartite(60, 90, 900, 3)});
  for (const tests::NamedGraph& named : graphs) {
    const auto slots = serial_slots(named.whole);
    for (const std::uint32_t width : {16U, 48U, 64U, 80U}) {
      const std::vector<float> expected =
          serial_pull(slots, whole_values(named.whole, width), width, serial_scale(slots));
      for (const tests::Spread spread : tests::kSpreads) {
        const graph::DistributedGraph graph = distribute(world(), named.whole, spread);
        const Propagation propagation(graph, {});
        std::vector<float> x = owned_values(graph, width);
        std::vector<float> y(std::size_t{graph.num_owned()} * width);
        Propagation::Pull pull;
        pull.scale = propagation.after();
        propagation.pull(x, width, pull, y);
        EXPECT_TRUE(same_bytes(tests::in_stable_order<float>(world(), graph, y, width), expected))
            << named.name << ", width " << width << ", " << name_of(spread);

        std::vector<float> blocks(y.size(), -1.0F);
        propagation.pull(x, width, pull, [&](std::span<const std::uint32_t> rows, const float* results) {
          ASSERT_LE(rows.size(), Propagation::kBlockRows);
          for (std::size_t i = 0; i < rows.size(); ++i) {
            std::copy_n(results + i * width, width, blocks.data() + std::size_t{rows[i]} * width);
          }
        });
        EXPECT_TRUE(same_bytes(blocks, y)) << named.name;
      }
    }
  }
}

/// Rounded as they are stored, summed as floats, rounded once more where the results are stored.
TEST(Propagation, StoresHalvesAndSumsFloats) {
  constexpr std::uint32_t kWidth = 48;
  std::vector<tests::NamedGraph> graphs = tests::awkward_graphs();
  graphs.push_back({"bipartite", tests::random_bipartite(60, 90, 900, 3)});
  for (const tests::NamedGraph& named : graphs) {
    const auto slots = serial_slots(named.whole);
    std::vector<float> values = whole_values(named.whole, kWidth);
    for (float& value : values) value = to_float(to_bfloat16(value));
    const std::vector<float> expected = serial_pull(slots, values, kWidth, serial_scale(slots));
    std::vector<float> rounded = expected;
    for (float& value : rounded) value = to_float(to_bfloat16(value));
    for (const tests::Spread spread : tests::kSpreads) {
      const graph::DistributedGraph graph = distribute(world(), named.whole, spread);
      const Propagation propagation(graph, {});
      const std::vector<float> floats = owned_values(graph, kWidth);
      std::vector<BFloat16> x(floats.size());
      std::transform(floats.begin(), floats.end(), x.begin(), to_bfloat16);
      std::vector<BFloat16> stored(std::size_t{graph.num_owned()} * kWidth);
      std::vector<float> handed(stored.size());
      Propagation::Pull pull;
      pull.scale = propagation.after();
      propagation.pull(x, kWidth, pull, stored);
      propagation.pull(x, kWidth, pull, [&](std::span<const std::uint32_t> rows, const float* results) {
        for (std::size_t i = 0; i < rows.size(); ++i) {
          std::copy_n(results + i * kWidth, kWidth, handed.data() + std::size_t{rows[i]} * kWidth);
        }
      });
      std::vector<float> widened(stored.size());
      std::transform(stored.begin(), stored.end(), widened.begin(), to_float);
      EXPECT_TRUE(same_bytes(tests::in_stable_order<float>(world(), graph, handed, kWidth), expected)) << named.name;
      EXPECT_TRUE(same_bytes(tests::in_stable_order<float>(world(), graph, widened, kWidth), rounded)) << named.name;
    }
  }
}

TEST(Propagation, ReadsChosenEdgesOnlyAndCountsThemAlone) {
  const graph::GraphBlocks whole = tests::random_bipartite(60, 90, 900, 3);
  const auto is_kept = [](std::uint64_t a, std::uint64_t b) { return (a * b + a + b) % 3 != 0; };
  auto slots = serial_slots(whole);
  for (std::uint64_t row = 0; row < slots.size(); ++row) {
    std::erase_if(slots[row], [&](std::uint64_t neighbor) { return !is_kept(row, neighbor); });
  }
  const std::vector<float> expected = serial_pull(slots, whole_values(whole, 16), 16, serial_scale(slots));
  for (const tests::Spread spread : tests::kSpreads) {
    const graph::DistributedGraph graph = distribute(world(), whole, spread);
    PropagationOptions options;
    options.keep = [&](std::uint32_t row, std::uint32_t neighbor) {
      return is_kept(graph.index_map().stable_of(LocalVertexId{row}).value(),
                     graph.index_map().stable_of(LocalVertexId{neighbor}).value());
    };
    const Propagation propagation(graph, options);
    std::vector<float> x = owned_values(graph, 16);
    std::vector<float> y(std::size_t{graph.num_owned()} * 16);
    Propagation::Pull pull;
    pull.scale = propagation.after();
    propagation.pull(x, 16, pull, y);
    EXPECT_TRUE(same_bytes(tests::in_stable_order<float>(world(), graph, y, 16), expected)) << name_of(spread);
  }
}

TEST(Propagation, PullsOneTypeFromTheOtherWithinOneArray) {
  constexpr std::uint32_t kWidth = 32;
  const graph::GraphBlocks whole = tests::random_bipartite(50, 70, 700, 11);
  const auto slots = serial_slots(whole);
  const std::vector<float> expected = serial_pull(slots, whole_values(whole, kWidth), kWidth, serial_scale(slots));
  for (const tests::Spread spread : tests::kSpreads) {
    const graph::DistributedGraph graph = distribute(world(), whole, spread);
    const Propagation propagation(graph, {});
    for (const VertexTypeId rows : {VertexTypeId{0}, VertexTypeId{1}}) {
      const VertexTypeId sources{static_cast<std::uint16_t>(1 - rows.value())};
      std::vector<float> x = owned_values(graph, kWidth);
      Propagation::Pull pull;
      pull.rows = &propagation.rows_of_type(rows);
      pull.source_type = sources;
      pull.scale = propagation.after();
      propagation.pull(x, kWidth, pull, x);
      std::vector<float> mixed = whole_values(whole, kWidth);
      const IndexRange changed = whole.schema.stable_range(rows);
      std::copy(expected.begin() + static_cast<std::ptrdiff_t>(changed.begin * kWidth),
                expected.begin() + static_cast<std::ptrdiff_t>(changed.end * kWidth),
                mixed.begin() + static_cast<std::ptrdiff_t>(changed.begin * kWidth));
      EXPECT_TRUE(same_bytes(tests::in_stable_order<float>(world(), graph, x, kWidth), mixed)) << name_of(spread);
    }
  }
}

TEST(Propagation, SkippedZeroRowsAndChosenRowsChangeNoBit) {
  constexpr std::uint32_t kWidth = 64;
  const graph::GraphBlocks whole = tests::random_bipartite(80, 60, 1200, 5);
  const auto slots = serial_slots(whole);
  std::vector<float> x_whole = whole_values(whole, kWidth);
  const auto is_nonzero = [](std::uint64_t stable) { return stable % 3 == 0; };
  for (std::size_t i = 0; i < x_whole.size(); ++i) {
    if (!is_nonzero(i / kWidth)) x_whole[i] = 0.0F;
  }
  const std::vector<float> expected = serial_pull(slots, x_whole, kWidth, std::vector<float>(slots.size(), 1.0F));
  for (const tests::Spread spread : tests::kSpreads) {
    const graph::DistributedGraph graph = distribute(world(), whole, spread);
    const Propagation propagation(graph, {});
    std::vector<float> x = owned_values(graph, kWidth);
    std::vector<std::uint8_t> nonzero(graph.num_local());
    for (std::uint32_t row = 0; row < graph.num_local(); ++row) {
      nonzero[row] = is_nonzero(graph.index_map().stable_of(LocalVertexId{row}).value()) ? 1 : 0;
    }
    std::vector<std::uint32_t> chosen;
    for (std::uint32_t row = 0; row < graph.num_owned(); ++row) {
      if (graph.index_map().stable_of(LocalVertexId{row}).value() % 5 != 1) chosen.push_back(row);
    }
    const Propagation::Rows rows = propagation.select(chosen);
    EXPECT_EQ(rows.size(), chosen.size());
    std::vector<float> y(std::size_t{graph.num_owned()} * kWidth, 7.0F);
    Propagation::Pull pull;
    pull.rows = &rows;
    pull.nonzero = nonzero;
    propagation.pull(x, kWidth, pull, y);
    std::vector<float> wanted = expected;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (i / kWidth % 5 == 1) wanted[i] = 7.0F;
    }
    EXPECT_TRUE(same_bytes(tests::in_stable_order<float>(world(), graph, y, kWidth), wanted)) << name_of(spread);
  }
}

TEST(Propagation, RowsOfZerosStayAtHome) {
  constexpr std::uint32_t kWidth = 16;
  const graph::GraphBlocks whole = tests::random_bipartite(80, 60, 1200, 5);
  const auto slots = serial_slots(whole);
  const VertexTypeId users{0};
  const VertexTypeId items{1};
  std::vector<float> x_whole = whole_values(whole, kWidth);
  for (std::size_t i = 0; i < x_whole.size(); ++i) {
    if (i / kWidth % 3 != 0) x_whole[i] = 0.0F;
  }
  const std::vector<float> expected = serial_pull(slots, x_whole, kWidth, std::vector<float>(slots.size(), 1.0F));
  const IndexRange item_rows = whole.schema.stable_range(items);
  for (const tests::Spread spread : tests::kSpreads) {
    const graph::DistributedGraph graph = distribute(world(), whole, spread);
    const Propagation propagation(graph, {});
    std::vector<float> x = owned_values(graph, kWidth);
    std::vector<std::uint8_t> nonzero(graph.num_local());
    for (std::uint32_t row = 0; row < graph.num_local(); ++row) {
      nonzero[row] = graph.index_map().stable_of(LocalVertexId{row}).value() % 3 == 0 ? 1 : 0;
    }
    std::vector<float> y(std::size_t{graph.num_owned()} * kWidth);
    Propagation::Pull pull;
    pull.rows = &propagation.rows_of_type(items);
    pull.source_type = users;
    pull.nonzero = nonzero;
    propagation.pull(x, kWidth, pull, y);
    const std::vector<float> results = tests::in_stable_order<float>(world(), graph, y, kWidth);
    const auto of_items = [&](const std::vector<float>& values) {
      return std::vector<float>(values.begin() + static_cast<std::ptrdiff_t>(item_rows.begin * kWidth),
                                values.begin() + static_cast<std::ptrdiff_t>(item_rows.end * kWidth));
    };
    EXPECT_TRUE(same_bytes(of_items(results), of_items(expected))) << name_of(spread);
    for (std::uint32_t row = graph.num_owned(); row < graph.num_local(); ++row) {
      if (nonzero[row] != 0) continue;
      EXPECT_EQ(x[std::size_t{row} * kWidth], -1e30F) << "a row of zeros travelled";
    }
  }
}

TEST(Propagation, ScalingSourcesWhileReadingEqualsScalingThemBefore) {
  constexpr std::uint32_t kWidth = 80;
  const graph::GraphBlocks whole = tests::random_bipartite(60, 90, 900, 3);
  const graph::DistributedGraph graph = distribute(world(), whole, tests::Spread::kScattered);
  const Propagation propagation(graph, {});
  std::vector<float> scale(graph.num_local());
  for (std::uint32_t row = 0; row < graph.num_local(); ++row) {
    scale[row] = value_at(graph.index_map().stable_of(LocalVertexId{row}).value(), 99);
  }
  std::vector<float> x = owned_values(graph, kWidth);
  std::vector<float> before = x;
  for (std::size_t i = 0; i < before.size(); ++i) before[i] *= scale[i / kWidth];
  std::vector<float> expected(std::size_t{graph.num_owned()} * kWidth);
  std::vector<float> y(expected.size());
  Propagation::Pull pull;
  pull.scale = propagation.chain();
  propagation.pull(before, kWidth, pull, expected);
  pull.source_scale = scale;
  propagation.pull(x, kWidth, pull, y);
  EXPECT_TRUE(same_bytes(y, expected));
  if (world().size() > 1) return;
  std::fill(y.begin(), y.end(), -1.0F);
  const std::vector<float>& unchanged = x;
  propagation.pull_local(unchanged, kWidth, pull, y);
  EXPECT_TRUE(same_bytes(y, expected));
}

TEST(Propagation, HubsAreSummedInSegments) {
  constexpr std::uint32_t kWidth = 16;
  constexpr std::uint32_t kLeaves = 9 * Propagation::kSegment + 123;
  tests::EdgeList list;
  list.type.source = VertexTypeId{0};
  list.type.relation = "rates";
  list.type.destination = VertexTypeId{1};
  for (std::uint32_t leaf = 0; leaf < kLeaves; ++leaf) list.edges.push_back({leaf, 0});
  const graph::GraphBlocks whole = tests::make_graph({{"user", kLeaves}, {"item", 2}}, {list});
  const auto slots = serial_slots(whole);
  const std::vector<float> expected = serial_pull(slots, whole_values(whole, kWidth), kWidth, serial_scale(slots));
  const graph::DistributedGraph graph = distribute(world(), whole, tests::Spread::kScattered);
  const Propagation propagation(graph, {});
  std::vector<float> x = owned_values(graph, kWidth);
  std::vector<float> y(std::size_t{graph.num_owned()} * kWidth);
  std::vector<float> blocks(y.size());
  Propagation::Pull pull;
  pull.scale = propagation.after();
  propagation.pull(x, kWidth, pull, y);
  propagation.pull(x, kWidth, pull, [&](std::span<const std::uint32_t> rows, const float* results) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      std::copy_n(results + i * kWidth, kWidth, blocks.data() + std::size_t{rows[i]} * kWidth);
    }
  });
  EXPECT_TRUE(same_bytes(tests::in_stable_order<float>(world(), graph, y, kWidth), expected));
  EXPECT_TRUE(same_bytes(blocks, y));
}

TEST(Propagation, RootOfDegreeIsAFixedPoint) {
  const graph::GraphBlocks whole = tests::random_bipartite(70, 50, 900, 9);
  const graph::DistributedGraph graph = distribute(world(), whole, tests::Spread::kScattered);
  const Propagation propagation(graph, {});
  constexpr std::uint32_t kWidth = 16;
  std::vector<float> x(std::size_t{graph.num_local()} * kWidth);
  for (std::uint32_t row = 0; row < graph.num_owned(); ++row) {
    const float root = propagation.undo_before()[row];
    for (std::uint32_t c = 0; c < kWidth; ++c) x[row * kWidth + c] = root * propagation.before()[row];
  }
  std::vector<float> y(std::size_t{graph.num_owned()} * kWidth);
  Propagation::Pull pull;
  pull.scale = propagation.after();
  propagation.pull(x, kWidth, pull, y);
  for (std::uint32_t row = 0; row < graph.num_owned(); ++row) {
    EXPECT_NEAR(y[row * kWidth], propagation.undo_before()[row], 1e-5F * propagation.undo_before()[row]);
  }
}

TEST(Propagation, TransposeSwapsTheScalings) {
  constexpr std::uint32_t kWidth = 16;
  const graph::GraphBlocks whole = tests::random_bipartite(40, 30, 400, 21);
  const graph::DistributedGraph graph = distribute(world(), whole, tests::Spread::kScattered);
  const Propagation propagation(graph, {.edge_types = {}, .row_exponent = 1.0, .column_exponent = 0.25});
  const auto apply = [&](std::uint64_t seed, std::span<const float> first, std::span<const float> last,
                         std::vector<float>& input, std::vector<float>& output) {
    input.assign(std::size_t{graph.num_local()} * kWidth, 0.0F);
    std::vector<float> scaled = input;
    for (std::uint32_t row = 0; row < graph.num_owned(); ++row) {
      const std::uint64_t stable = graph.index_map().stable_of(LocalVertexId{row}).value();
      for (std::uint32_t c = 0; c < kWidth; ++c) {
        input[row * kWidth + c] = value_at(stable + seed, c);
        scaled[row * kWidth + c] = first[row] * input[row * kWidth + c];
      }
    }
    output.assign(std::size_t{graph.num_owned()} * kWidth, 0.0F);
    Propagation::Pull pull;
    pull.scale = last;
    propagation.pull(scaled, kWidth, pull, output);
  };
  std::vector<float> x, op_x, y, adjoint_y;
  apply(0, propagation.before(), propagation.after(), x, op_x);
  apply(1000, propagation.after(), propagation.before(), y, adjoint_y);
  ExactSum left, right, size;
  for (std::size_t i = 0; i < op_x.size(); ++i) {
    left.add(static_cast<double>(op_x[i]) * static_cast<double>(y[i]));
    right.add(static_cast<double>(x[i]) * static_cast<double>(adjoint_y[i]));
    size.add(std::abs(static_cast<double>(op_x[i]) * static_cast<double>(y[i])));
  }
  EXPECT_NEAR(world().all_reduce(left).value(), world().all_reduce(right).value(),
              1e-6 * world().all_reduce(size).value());
}

}  // namespace
}  // namespace rove::exec
