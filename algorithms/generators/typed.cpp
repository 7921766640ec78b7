// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "algorithms/generators/distinct_pairs.hpp"
#include "algorithms/generators/generator.hpp"
#include "engine/base/assert.hpp"
#include "engine/base/error.hpp"
#include "engine/base/random.hpp"

namespace rove::algorithms {
namespace {

/// Random streams: of a list's draws, of its attributes, and of a type's numbering.
constexpr std::uint64_t kListStreams = 1000;
constexpr std::uint64_t kAttributeStreams = 2000;
constexpr std::uint64_t kTypeStreams = 3000;

constexpr std::int64_t kFirstTime = 1'672'531'200;  ///< 2023-01-01T00:00:00Z
constexpr std::uint64_t kSecondsPerYear = 365ULL * 24 * 3600;

/// Vertices of one type that pairs are drawn from, by popularity rank: numbers offset + permuted rank.
struct Population {
  std::size_t type;
  std::uint64_t offset;
  KeyedPermutation number;
};

/// Composes lists of distinct pairs between populations: bipartite graphs have one list, typed graphs several.
class PairListGenerator final : public EdgeGenerator {
 public:
  explicit PairListGenerator(std::uint64_t seed, std::uint64_t communities) : seed_(seed), communities_(communities) {}

  std::size_t add_type(std::string name, char prefix, std::uint64_t count) {
    types_.push_back({std::move(name), prefix, count});
    return types_.size() - 1;
  }
  std::size_t add_population(std::size_t type, std::uint64_t offset, std::uint64_t count) {
    if (count == 0)
      throw ConfigError(fmt::format("generated graph: found no vertices of type '{}'", types_[type].name));
    populations_.push_back(
        {type, offset, KeyedPermutation(seed_, Purpose::kGenerate, kTypeStreams + populations_.size(), count)});
    return populations_.size() - 1;
  }
  void add_list(std::string relation, std::size_t source, std::size_t target, DistinctPairsSpec spec, bool weights,
                bool times) {
    const std::size_t list = lists_.size();
    spec.sources = populations_[source].number.size();
    spec.targets = populations_[target].number.size();
    pairs_.push_back({source, target, DistinctPairs(spec, seed_, kListStreams + list, relation.c_str()),
                      RandomStream(seed_, Purpose::kGenerate, kAttributeStreams + list)});
    lists_.push_back(
        {populations_[source].type, std::move(relation), populations_[target].type, spec.pairs, weights, times});
  }

  [[nodiscard]] std::uint64_t community_of(std::size_t type, std::uint64_t vertex) const override {
    for (const Population& population : populations_) {
      const bool inside = population.type == type && vertex >= population.offset &&
                          vertex - population.offset < population.number.size();
      if (inside) return population.number.invert(vertex - population.offset) % communities_;
    }
    return 0;
  }

  void generate(std::size_t list, IndexRange edges, const EdgeSink& sink) const override {
    ROVE_ASSERT_LIGHT(list < lists_.size() && edges.end <= lists_[list].num_edges);
    if (edges.size() == 0) return;
    const PairList& pairs = pairs_[list];
    const Population& from = populations_[pairs.source];
    DistinctPairs::Scratch scratch;
    EdgeBatch batch;
    batch.first = edges.begin;
    std::uint64_t position = edges.begin;
    for (std::uint64_t source = pairs.law.source_at(position); position < edges.end; ++source) {
      const std::uint64_t first = pairs.law.first(source);
      const std::uint64_t number = from.offset + from.number.apply(source);
      const auto targets = pairs.law.targets_of(source, scratch);
      for (; position < edges.end && position - first < targets.size(); ++position) {
        add(list, position, {source, number, targets[position - first]}, batch);
        if (batch.size() == kBatch) flush(batch, sink);
      }
    }
    if (batch.size() > 0) flush(batch, sink);
  }

 private:
  struct PairList {
    std::size_t source;
    std::size_t target;
    DistinctPairs law;
    RandomStream attributes;
  };

  struct Pair {
    std::uint64_t source;         ///< popularity rank
    std::uint64_t source_number;  ///< what it is called
    std::uint64_t target;
  };

  void add(std::size_t list, std::uint64_t position, const Pair& pair, EdgeBatch& batch) const {
    const PairList& pairs = pairs_[list];
    const Population& to = populations_[pairs.target];
    batch.sources.push_back(pair.source_number);
    batch.targets.push_back(to.offset + to.number.apply(pair.target));
    if (!lists_[list].has_weights && !lists_[list].has_times) return;
    const RandomBlock bits = pairs.attributes.block(position, 0, 0);
    if (lists_[list].has_weights) {
      const bool alike = communities_ > 1 && pairs.law.community_of(pair.source) == pairs.law.community_of(pair.target);
      const std::uint32_t lowest = alike ? 3 : 1;
      batch.weights.push_back(static_cast<float>(lowest + bits[0] % (6 - lowest)));
    }
    if (lists_[list].has_times) {
      const std::uint64_t draw = bits[2] | (std::uint64_t{bits[3]} << 32U);
      batch.times.push_back(kFirstTime + static_cast<std::int64_t>(slot_multiply_shift(draw, kSecondsPerYear)));
    }
  }

  static void flush(EdgeBatch& batch, const EdgeSink& sink) {
    sink(batch);
    batch.first += batch.size();
    batch.sources.clear();
    batch.targets.clear();
    batch.weights.clear();
    batch.times.clear();
  }

  std::uint64_t seed_;
  std::uint64_t communities_;
  std::vector<Population> populations_;
  std::vector<PairList> pairs_;
};

}  // namespace

std::uint64_t EdgeGenerator::community_of(std::size_t, std::uint64_t) const {
  return 0;
}

std::unique_ptr<EdgeGenerator> make_bipartite(const BipartiteSpec& spec) {
  return make_typed({spec, {}, 0});
}

std::unique_ptr<EdgeGenerator> make_typed(const TypedSpec& spec) {
  const BipartiteSpec& interactions = spec.interactions;
  auto generator =
      std::make_unique<PairListGenerator>(interactions.seed, std::max<std::uint64_t>(interactions.communities, 1));
  const std::size_t user = generator->add_type("user", 'u', interactions.users);
  const std::size_t item = generator->add_type("item", 'i', interactions.items);
  const std::size_t users = generator->add_population(user, 0, interactions.users);
  const std::size_t items = generator->add_population(item, 0, interactions.items);
  const DistinctPairsSpec common{0,
                                 0,
                                 interactions.interactions,
                                 interactions.user_exponent,
                                 interactions.item_exponent,
                                 interactions.communities,
                                 interactions.affinity,
                                 false};
  generator->add_list("rates", users, items, common, interactions.weights, interactions.times);
  if (!spec.attributes.empty()) {
    std::uint64_t total = 0;
    for (const AttributeSpec& attribute : spec.attributes) total += attribute.attributes;
    const std::size_t type = generator->add_type("attribute", 'a', total);
    std::uint64_t offset = 0;
    for (const AttributeSpec& attribute : spec.attributes) {
      const std::size_t population = generator->add_population(type, offset, attribute.attributes);
      offset += attribute.attributes;
      DistinctPairsSpec pairs = common;
      pairs.pairs = attribute.per_item * interactions.items;
      pairs.source_exponent = 0;  // every item has as many
      generator->add_list(attribute.relation, items, population, pairs, false, false);
    }
  }
  if (spec.follows > 0) {
    DistinctPairsSpec pairs = common;
    pairs.pairs = spec.follows;
    pairs.target_exponent = interactions.user_exponent;
    pairs.exclude_same_rank = true;
    generator->add_list("follows", users, users, pairs, false, false);
  }
  return generator;
}

}  // namespace rove::algorithms
