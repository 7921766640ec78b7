// SPDX-License-Identifier: Apache-2.0
#include "algorithms/sampling/balanced_edges.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/error.hpp"
#include "engine/base/hash.hpp"
#include "engine/base/random.hpp"
#include "tests/support/graphs.hpp"
#include "tests/support/mpi.hpp"

namespace rove::algorithms {

namespace {

/// All ranks' batches, joined.
struct WholeEpoch {
  std::vector<std::vector<SampledEdge>> batches;
  std::vector<std::uint64_t> quotas;
  std::vector<std::uint64_t> relation_edges;
};

WholeEpoch draw(const graph::GraphBlocks& whole, const BalancedEdgeOptions& options, std::uint64_t epoch) {
  const comm::Communicator& comm = tests::world();
  const EdgeEpoch mine = sample_balanced_edges(comm, tests::cut(whole, comm.rank(), comm.size()), options, epoch);
  WholeEpoch result{{}, mine.quotas, mine.relation_edges};
  const auto edges = comm.all_gather_v<SampledEdge>(mine.edges).data;
  std::vector<std::uint64_t> sizes;
  for (std::size_t b = 0; b + 1 < mine.batch_offsets.size(); ++b) {
    sizes.push_back(mine.batch_offsets[b + 1] - mine.batch_offsets[b]);
  }
  sizes = comm.all_gather_v<std::uint64_t>(sizes).data;
  EXPECT_EQ(sizes.size(), mine.num_batches);
  auto next = edges.begin();
  for (const std::uint64_t size : sizes) {
    result.batches.emplace_back(next, next + static_cast<std::ptrdiff_t>(size));
    next += static_cast<std::ptrdiff_t>(size);
  }
  EXPECT_EQ(next, edges.end());
  return result;
}

/// The definition: sort all keys, keep the smallest, sort those by the second key, cut batches.
WholeEpoch serial_draw(const graph::GraphBlocks& whole, const BalancedEdgeOptions& options, std::uint64_t epoch) {
  using Keyed = std::pair<std::tuple<std::uint64_t, std::uint32_t, std::uint64_t>, SampledEdge>;
  const auto less = [](const Keyed& a, const Keyed& b) { return a.first < b.first; };
  std::vector<std::vector<Keyed>> relations;
  WholeEpoch result;
  for (std::uint32_t r = 0; r < options.types.size(); ++r) {
    const graph::AdjacencyBlock& block = whole.edges[options.types[r].index()].by_source;
    const bool undirected = whole.schema.edge_type(options.types[r]).undirected;
    const RandomStream stream(options.seed, Purpose::kEdgeSample, mix64(mix64(epoch, 0), options.types[r].value()));
    std::vector<Keyed> keyed;
    for (std::uint32_t source = 0; source + 1 < block.offsets.size(); ++source) {
      for (std::uint64_t s = block.offsets[source]; s < block.offsets[source + 1]; ++s) {
        if (undirected && source > block.targets[s]) continue;
        keyed.push_back({{stream.draw(s, 0, 0), r, s}, {s, source, block.targets[s], r, 0}});
      }
    }
    result.relation_edges.push_back(keyed.size());
    relations.push_back(std::move(keyed));
  }
  result.quotas = options.quotas;
  if (result.quotas.empty()) {
    result.quotas.assign(relations.size(),
                         *std::min_element(result.relation_edges.begin(), result.relation_edges.end()));
  }
  std::uint64_t total = 0;
  for (const std::uint64_t quota : result.quotas) total += quota;
  const std::uint64_t num_batches = (total + options.batch_size - 1) / options.batch_size;
  result.batches.resize(num_batches);
  std::vector<Keyed> all;
  for (std::uint32_t r = 0; r < relations.size(); ++r) {
    std::vector<Keyed>& keyed = relations[r];
    std::sort(keyed.begin(), keyed.end(), less);
    keyed.resize(result.quotas[r]);
    const RandomStream shuffle(options.seed, Purpose::kEdgeSample, mix64(mix64(epoch, 1), options.types[r].value()));
    for (Keyed& k : keyed) std::get<0>(k.first) = shuffle.draw(k.second.position, 0, 0);
    std::sort(keyed.begin(), keyed.end(), less);
    all.insert(all.end(), keyed.begin(), keyed.end());
  }
  if (options.mix == BatchMix::kMixed) {
    std::sort(all.begin(), all.end(), less);
    for (std::size_t i = 0; i < all.size(); ++i) result.batches[i / options.batch_size].push_back(all[i].second);
    return result;
  }
  for (std::uint64_t b = 0; b < num_batches; ++b) {
    std::vector<Keyed> batch;
    for (std::size_t r = 0; r < relations.size(); ++r) {
      const std::uint64_t begin = b * result.quotas[r] / num_batches;
      const std::uint64_t end = (b + 1) * result.quotas[r] / num_batches;
      for (std::uint64_t i = begin; i < end; ++i) batch.push_back(relations[r][i]);
    }
    std::sort(batch.begin(), batch.end(), less);
    for (const Keyed& k : batch) result.batches[b].push_back(k.second);
  }
  return result;
}

/// "user,rates,item", "item,has,entity", "user,follows,user" undirected, "entity,unused,item" empty.
BalancedEdgeOptions typed_options(BatchMix mix) {
  BalancedEdgeOptions options;
  options.types = {EdgeTypeId{0}, EdgeTypeId{1}, EdgeTypeId{2}};
  options.batch_size = 16;
  options.mix = mix;
  return options;
}

TEST(BalancedEdges, EqualTheDefinitionWithExactQuotas) {
  const graph::GraphBlocks whole = tests::random_typed(60, 3);
  for (const BatchMix mix : {BatchMix::kStratified, BatchMix::kMixed}) {
    BalancedEdgeOptions options = typed_options(mix);
    for (const bool own_quotas : {false, true}) {
      if (own_quotas) options.quotas = {17, 0, 5};
      for (std::uint64_t epoch = 0; epoch < 3; ++epoch) {
        const WholeEpoch got = draw(whole, options, epoch);
        const WholeEpoch expected = serial_draw(whole, options, epoch);
        EXPECT_EQ(got.relation_edges, expected.relation_edges);
        EXPECT_EQ(got.quotas, expected.quotas);
        EXPECT_EQ(got.batches, expected.batches);
        std::vector<std::uint64_t> counts(3);
        std::set<std::pair<std::uint32_t, std::uint64_t>> distinct;
        for (const std::vector<SampledEdge>& batch : got.batches) {
          std::vector<std::uint64_t> share(3);
          for (const SampledEdge& edge : batch) {
            ++counts[edge.relation];
            ++share[edge.relation];
            distinct.emplace(edge.relation, edge.position);
          }
          if (mix == BatchMix::kMixed || own_quotas) continue;
          EXPECT_LE(*std::max_element(share.begin(), share.end()), *std::min_element(share.begin(), share.end()) + 1);
        }
        EXPECT_EQ(counts, got.quotas);
        EXPECT_EQ(distinct.size(), counts[0] + counts[1] + counts[2]);
      }
    }
  }
}

TEST(BalancedEdges, EqualTheDefinitionOnManyEdges) {
  // Enough rows for several threads, and several keys in the first histogram's bins.
  const graph::GraphBlocks whole = tests::random_bipartite(10'000, 1'000, 120'000, 2);
  BalancedEdgeOptions options;
  options.types = {EdgeTypeId{0}};
  options.quotas = {50'001};
  options.batch_size = 1'000;
  EXPECT_EQ(draw(whole, options, 1).batches, serial_draw(whole, options, 1).batches);
}

TEST(BalancedEdges, ChoosesEveryEdgeEquallyOften) {
  const graph::GraphBlocks whole = tests::random_bipartite(20, 10, 100, 5);
  BalancedEdgeOptions options;
  options.types = {EdgeTypeId{0}};
  options.quotas = {30};
  constexpr std::uint64_t kEpochs = 200;
  std::vector<double> seen(whole.schema.num_edges());
  for (std::uint64_t epoch = 0; epoch < kEpochs; ++epoch) {
    for (const std::vector<SampledEdge>& batch : draw(whole, options, epoch).batches) {
      for (const SampledEdge& edge : batch) ++seen[edge.position];
    }
  }
  // Counts are binomial; with the quota fixed, their variance is p (1 - p) and one degree of freedom is lost.
  const auto edges = static_cast<double>(seen.size());
  const double p = 30 / edges;
  double chi_square = 0;
  for (const double count : seen) {
    const double difference = count - kEpochs * p;
    chi_square += difference * difference / (kEpochs * p * (1 - p)) * (edges - 1) / edges;
  }
  EXPECT_LT(chi_square, edges - 1 + 5 * std::sqrt(2 * (edges - 1)));
  EXPECT_GT(chi_square, edges - 1 - 5 * std::sqrt(2 * (edges - 1)));
}

TEST(BalancedEdges, RefusesWhatItCannotDraw) {
  const graph::GraphBlocks whole = tests::random_typed(30, 3);
  BalancedEdgeOptions options = typed_options(BatchMix::kStratified);
  options.quotas = {1'000'000, 1, 1};
  EXPECT_THROW(draw(whole, options, 0), ConfigError);
  options.quotas = {1};
  EXPECT_THROW(draw(whole, options, 0), ConfigError);
  options = typed_options(BatchMix::kStratified);
  options.types[1] = options.types[0];
  EXPECT_THROW(draw(whole, options, 0), ConfigError);
  // An empty relation leaves nothing to balance.
  options.types = {EdgeTypeId{0}, EdgeTypeId{3}};
  EXPECT_TRUE(draw(whole, options, 0).batches.empty());
}

}  // namespace

}  // namespace rove::algorithms
