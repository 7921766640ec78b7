// SPDX-License-Identifier: Apache-2.0
//
// Stored walks over nights of random changes, against walking every walk again, one step at a time, on lists of lists.
#include "algorithms/maintained_walks/maintained_walks.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "algorithms/maintained_walks/consistent_adjacency.hpp"
#include "algorithms/maintained_walks/graph_change.hpp"
#include "engine/base/error.hpp"
#include "engine/base/hash.hpp"
#include "engine/base/random.hpp"
#include "engine/exec/consistent_slot.hpp"
#include "tests/support/graphs.hpp"
#include "tests/support/mpi.hpp"

namespace rove::tests {
namespace {

using algorithms::kNoVertex;
using algorithms::kWalkStopped;
using algorithms::MaintainedWalks;

/// As printed in the paper.
std::int32_t jump_hash(std::uint64_t key, std::int32_t num_buckets) {
  std::int64_t b = -1;
  std::int64_t j = 0;
  while (j < num_buckets) {
    b = j;
    key = key * 2862933555777941757ULL + 1;
    j = static_cast<std::int64_t>(static_cast<double>(b + 1) *
                                  (static_cast<double>(1LL << 31) / static_cast<double>((key >> 33) + 1)));
  }
  return static_cast<std::int32_t>(b);
}

TEST(ConsistentSlot, IsThePapersFunctionAndTellsItsNextMove) {
  const RandomStream random(1, Purpose::kWalk);
  for (std::uint64_t i = 0; i < 2000; ++i) {
    const std::uint64_t draw = random.draw(i, 0, 0);
    for (const std::uint32_t degree : {1U, 2U, 3U, 7U, 40U, 1000U}) {
      const exec::ConsistentSlot chosen = exec::consistent_slot(draw, degree);
      ASSERT_EQ(chosen.slot, static_cast<std::uint32_t>(jump_hash(draw, static_cast<std::int32_t>(degree))));
      ASSERT_GE(chosen.next, degree);
      if (chosen.next > 1'000'000) continue;
      const auto next = static_cast<std::int32_t>(chosen.next);
      ASSERT_EQ(static_cast<std::uint32_t>(jump_hash(draw, next)), chosen.slot);
      ASSERT_EQ(static_cast<std::uint32_t>(jump_hash(draw, next + 1)), chosen.next);
    }
  }
  EXPECT_EQ(exec::consistent_slot(7, 0).next, 0U);
}

TEST(ConsistentSlot, IsUniformAndMovesAsLittleAsItMust) {
  constexpr std::uint32_t kDegree = 36;
  constexpr std::uint32_t kDraws = 200'000;
  const RandomStream random(2, Purpose::kWalk);
  std::array<double, kDegree> counts{};
  std::uint32_t moved = 0;
  for (std::uint32_t i = 0; i < kDraws; ++i) {
    const std::uint64_t draw = random.draw(i, 0, 0);
    const std::uint32_t slot = exec::consistent_slot(draw, kDegree).slot;
    const std::uint32_t longer = exec::consistent_slot(draw, kDegree + 1).slot;
    counts.at(slot) += 1;
    moved += slot == longer ? 0U : 1U;
    ASSERT_TRUE(slot == longer || longer == kDegree);
  }
  double chi_square = 0;
  for (const double count : counts) {
    const double expected = static_cast<double>(kDraws) / kDegree;
    chi_square += (count - expected) * (count - expected) / expected;
  }
  EXPECT_LT(chi_square, 73.4) << "35 degrees of freedom: exceeded with probability 1.6e-4";
  const double share = 1.0 / (kDegree + 1);
  EXPECT_NEAR(moved / static_cast<double>(kDraws), share, 4 * std::sqrt(share / kDraws));
}

/// A graph that changes: ids are keys, slots as decision 0130 says.
class Model {
 public:
  struct Relation {
    int source;
    int destination;
    std::map<std::uint64_t, std::vector<std::uint64_t>> out;
    std::map<std::uint64_t, std::vector<std::uint64_t>> in;
  };

  /// Users and items; with `follows` also users who follow users: users then have three lanes.
  explicit Model(bool follows) {
    relations_.push_back({0, 1, {}, {}});
    if (follows) relations_.push_back({0, 0, {}, {}});
  }

  void add_vertex(int type, std::uint64_t key) { vertices_.at(static_cast<std::size_t>(type)).insert(key); }
  void remove_vertex(int type, std::uint64_t key) {
    for (std::size_t r = 0; r < relations_.size(); ++r) {
      if (relations_[r].source == type) {
        while (!relations_[r].out[key].empty()) remove_edge(r, key, relations_[r].out[key].front());
      }
      if (relations_[r].destination == type) {
        while (!relations_[r].in[key].empty()) remove_edge(r, relations_[r].in[key].front(), key);
      }
    }
    vertices_.at(static_cast<std::size_t>(type)).erase(key);
  }
  void add_edge(std::size_t relation, std::uint64_t source, std::uint64_t target) {
    relations_[relation].out[source].push_back(target);
    relations_[relation].in[target].push_back(source);
  }
  void remove_edge(std::size_t relation, std::uint64_t source, std::uint64_t target) {
    const auto drop = [](std::vector<std::uint64_t>& slots, std::uint64_t value) {
      *std::ranges::find(slots, value) = slots.back();
      slots.pop_back();
    };
    drop(relations_[relation].out[source], target);
    drop(relations_[relation].in[target], source);
  }

  /// Of all edges between the two. Weight 0 among them.
  void set_weight(std::size_t relation, std::uint64_t source, std::uint64_t target, float weight) {
    weights_[{relation, source, target}] = weight;
  }
  [[nodiscard]] float weight(std::size_t relation, std::uint64_t source, std::uint64_t target) const {
    const auto found = weights_.find({relation, source, target});
    return found == weights_.end() ? 1.0F : found->second;
  }

  [[nodiscard]] std::size_t num_relations() const { return relations_.size(); }
  [[nodiscard]] const Relation& relation(std::size_t r) const { return relations_[r]; }
  [[nodiscard]] std::vector<std::uint64_t> vertices(int type) const {
    const auto& all = vertices_.at(static_cast<std::size_t>(type));
    return {all.begin(), all.end()};
  }

  [[nodiscard]] graph::GraphBlocks blocks() const {
    graph::GraphBlocks result;
    std::array<std::map<std::uint64_t, std::uint32_t>, 2> row_of;
    for (std::size_t t = 0; t < 2; ++t) {
      (void)result.schema.add_vertex_type(t == 0 ? "user" : "item", vertices_[t].size());
      auto& keys = result.keys.emplace_back();
      for (const std::uint64_t key : vertices_[t]) {
        row_of[t][key] = static_cast<std::uint32_t>(keys.size());
        keys.emplace_back(key);
      }
    }
    for (std::size_t r = 0; r < relations_.size(); ++r) {
      const Relation& relation = relations_[r];
      graph::EdgeBlocks edges;
      const auto fill = [&](const auto& lists, int rows, int targets, graph::AdjacencyBlock& block) {
        const bool by_source = &block == &edges.by_source;
        for (const std::uint64_t key : vertices_.at(static_cast<std::size_t>(rows))) {
          const auto found = lists.find(key);
          if (found != lists.end()) {
            for (const std::uint64_t target : found->second) {
              block.targets.push_back(row_of.at(static_cast<std::size_t>(targets)).at(target));
              block.weights.push_back(by_source ? weight(r, key, target) : weight(r, target, key));
            }
          }
          block.offsets.push_back(block.targets.size());
        }
      };
      fill(relation.out, relation.source, relation.destination, edges.by_source);
      fill(relation.in, relation.destination, relation.source, edges.by_destination);
      edges.edge_positions.resize(edges.by_destination.targets.size());
      graph::EdgeType type;
      type.source = VertexTypeId{static_cast<std::uint16_t>(relation.source)};
      type.relation = relation.source == relation.destination ? "follows" : "rates";
      type.destination = VertexTypeId{static_cast<std::uint16_t>(relation.destination)};
      type.count = edges.by_source.targets.size();
      type.has_weights = true;
      (void)result.schema.add_edge_type(type);
      result.edges.push_back(std::move(edges));
    }
    return result;
  }

 private:
  std::array<std::set<std::uint64_t>, 2> vertices_;
  std::vector<Relation> relations_;
  std::map<std::tuple<std::size_t, std::uint64_t, std::uint64_t>, float> weights_;
};

/// The walks of one source, vertex by vertex; nothing: no vertex.
using SlowWalk = std::vector<std::optional<std::uint64_t>>;

SlowWalk slow_walk(const Model& model, int type, std::uint64_t key, std::uint32_t walk, double restart,
                   std::uint64_t seed, bool weighted) {
  const RandomStream random(seed, Purpose::kWalk);
  SlowWalk visits;
  std::optional<std::uint64_t> at = key;
  for (std::uint32_t step = 0;; ++step) {
    visits.push_back(at);
    const RandomBlock words = random.block(key, walk, step);
    if (words[0] < static_cast<std::uint32_t>(restart * 4294967296.0)) return visits;
    if (!at) continue;
    // Lanes: edge types in order, by destination before by source.
    std::vector<std::pair<const std::vector<std::uint64_t>*, int>> lanes;
    std::vector<std::vector<float>> weights;
    float largest = 0.0F;
    std::size_t degree = 0;
    for (std::size_t r = 0; r < model.num_relations(); ++r) {
      const Model::Relation& relation = model.relation(r);
      const auto add = [&](const auto& lists, int other) {
        const auto found = lists.find(*at);
        if (found == lists.end() || found->second.empty()) return;
        lanes.emplace_back(&found->second, other);
        degree += found->second.size();
        auto& of_lane = weights.emplace_back();
        for (const std::uint64_t target : found->second) {
          of_lane.push_back(&lists == &relation.out ? model.weight(r, *at, target) : model.weight(r, target, *at));
          largest = std::max(largest, of_lane.back());
        }
      };
      if (relation.destination == type) add(relation.in, relation.source);
      if (relation.source == type) add(relation.out, relation.destination);
    }
    if (degree == 0 || (weighted && largest == 0.0F)) {
      at.reset();
      continue;
    }
    for (std::uint32_t attempt = 0;; ++attempt) {
      const RandomBlock tried = RandomStream(seed, Purpose::kWalk, attempt).block(key, walk, step);
      std::uint64_t place = (std::uint64_t{tried[3]} * degree) >> 32U;
      std::size_t lane = 0;
      for (; place >= lanes[lane].first->size(); ++lane) place -= lanes[lane].first->size();
      const std::uint64_t draw = tried[1] | (std::uint64_t{tried[2]} << 32U);
      const std::vector<std::uint64_t>& slots = *lanes[lane].first;
      const auto slot = static_cast<std::size_t>(jump_hash(draw, static_cast<std::int32_t>(slots.size())));
      const RandomBlock second = RandomStream(seed, Purpose::kWalkSecond, attempt).block(key, walk, step);
      const double dart = lanes.size() > 1 ? second[0] : tried[3];
      const double share = static_cast<double>(weights[lane][slot]) / static_cast<double>(largest);
      if (weighted && share < 1.0 && dart >= std::floor(share * 0x1.0p32)) continue;
      at = slots[slot];
      type = lanes[lane].second;
      break;
    }
  }
}

/// Everything that one night's graph needs.
struct Night {
  graph::GraphBlocks whole;
  graph::GraphBlocks mine;
  algorithms::ConsistentAdjacency lists;

  explicit Night(const Model& model, bool weighted)
      : whole(model.blocks()),
        mine(cut(whole, world().rank(), world().size())),
        lists(world(), mine, {exec::Direction::kBoth, {}}, weighted) {}

  [[nodiscard]] algorithms::WalkSources sources(std::uint16_t type) const {
    return {whole.schema.stable_range(VertexTypeId{type}), whole.keys[type]};
  }
};

void expect_slow(const Model& model, const Night& night, std::uint16_t type, const MaintainedWalks& walks,
                 const algorithms::MaintainedWalkOptions& options) {
  const std::vector<std::uint64_t> keys = model.vertices(type);
  ASSERT_EQ(walks.offsets.size(), keys.size() + 1);
  std::vector<std::uint64_t> key_of;
  for (const auto& some : night.whole.keys) {
    for (const VertexKey key : some) key_of.push_back(key.value());
  }
  for (std::size_t s = 0; s < keys.size(); ++s) {
    const auto visits = walks.visits_of(s);
    std::size_t i = 0;
    for (std::uint32_t walk = 0; walk < options.walks; ++walk) {
      for (const auto& expected :
           slow_walk(model, type, keys[s], walk, options.restart, options.seed, night.lists.is_weighted())) {
        ASSERT_LT(i, visits.size());
        ASSERT_EQ(visits[i] == kNoVertex ? std::nullopt : std::optional(key_of.at(visits[i])), expected)
            << "source " << s << " walk " << walk;
        ++i;
      }
      ASSERT_EQ(walks.ends[s * options.walks + walk], i);
    }
    ASSERT_EQ(i, visits.size());
  }
}

struct Case {
  const char* name;
  bool follows;
  bool vertices_change;
  bool weighted;
};

class MaintainedNights : public testing::TestWithParam<Case> {};

TEST_P(MaintainedNights, EndWithTheWalksOfANewStart) {
  algorithms::MaintainedWalkOptions options;
  options.walks = 20;
  options.restart = 0.2;
  options.seed = 5;
  std::mt19937_64 random(11);  // NOLINT(cert-msc51-cpp): the same changes on every rank and in every run
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  Model model(GetParam().follows);
  const auto any = [&](int type) {
    const auto all = model.vertices(type);
    return all[below(all.size())];
  };
  const auto new_vertex = [&](int type) { model.add_vertex(type, random() >> 1U); };
  const auto new_edge = [&](std::size_t r) {
    const Model::Relation& relation = model.relation(r);
    const auto source = below(3) == 0 ? model.vertices(relation.source).front() : any(relation.source);
    const auto target = any(relation.destination);
    if (GetParam().weighted) model.set_weight(r, source, target, static_cast<float>(below(9)) / 4.0F);
    model.add_edge(r, source, target);
  };
  for (int i = 0; i < 40; ++i) new_vertex(0);
  for (int i = 0; i < 30; ++i) new_vertex(1);
  for (std::size_t r = 0; r < model.num_relations(); ++r) {
    for (int i = 0; i < 150; ++i) new_edge(r);
  }

  auto night = std::make_unique<Night>(model, GetParam().weighted);
  std::array<MaintainedWalks, 2> walks;
  for (std::uint16_t t = 0; t < 2; ++t) {
    walks[t] = algorithms::walk_from(world(), night->lists, night->sources(t), options);
    expect_slow(model, *night, t, walks[t], options);
  }
  std::uint64_t redone = 0;
  for (int n = 0; n < 12; ++n) {
    const bool only_grows = n % 3 == 0;
    for (std::size_t r = 0; r < model.num_relations(); ++r) {
      for (std::size_t i = below(8); i-- > 0;) new_edge(r);
      for (std::size_t i = only_grows ? 0 : below(8); i-- > 0;) {
        const auto source = any(model.relation(r).source);
        const auto found = model.relation(r).out.find(source);
        if (found != model.relation(r).out.end() && !found->second.empty()) {
          model.remove_edge(r, source, found->second[below(found->second.size())]);
        }
      }
    }
    for (std::size_t i = GetParam().weighted && !only_grows ? below(4) : 0; i-- > 0;) {
      const auto source = any(0);
      const auto found = model.relation(0).out.find(source);
      if (found == model.relation(0).out.end() || found->second.empty()) continue;
      model.set_weight(0, source, found->second[below(found->second.size())], static_cast<float>(below(12)) / 4.0F);
    }
    if (GetParam().vertices_change && n % 4 != 1) {
      for (int type = 0; type < 2; ++type) {
        for (std::size_t i = below(3); i-- > 0;) new_vertex(type);
        for (std::size_t i = below(3); i-- > 0;) model.remove_vertex(type, any(type));
        new_edge(0);
      }
    }
    if (n == 8) {
      // The hub loses all its edges: its walks are lost, and come back the night after.
      const auto hub = model.vertices(0).front();
      const auto slots = model.relation(0).out.at(hub);
      for (const std::uint64_t item : slots) model.remove_edge(0, hub, item);
    }
    if (n == 9) model.add_edge(0, model.vertices(0).front(), any(1));

    auto today = std::make_unique<Night>(model, GetParam().weighted);
    const algorithms::VertexMatch match = algorithms::match_vertices(world(), night->mine, today->mine);
    const algorithms::GraphChange change(night->lists, today->lists, match);
    for (std::uint16_t t = 0; t < 2; ++t) {
      algorithms::RefreshCounts counts;
      walks[t] =
          algorithms::refresh(world(), std::move(walks[t]), change, match.before, today->sources(t), options, counts);
      EXPECT_EQ(walks[t], algorithms::walk_from(world(), today->lists, today->sources(t), options)) << "night " << n;
      expect_slow(model, *today, t, walks[t], options);
      EXPECT_EQ(counts.walks + counts.started, today->sources(t).vertices.size() * options.walks);
      EXPECT_LE(counts.redone, counts.walks);
      redone += counts.redone;
    }
    night = std::move(today);
  }
  EXPECT_GT(redone, 0U);
}

INSTANTIATE_TEST_SUITE_P(Graphs, MaintainedNights,
                         testing::Values(Case{"edges", false, false, false}, Case{"vertices", false, true, false},
                                         Case{"lanes", true, true, false}, Case{"weights", false, true, true},
                                         Case{"weights_and_lanes", true, true, true}),
                         [](const testing::TestParamInfo<Case>& info_of) { return std::string(info_of.param.name); });

TEST(MaintainedWalks, OfAnUnchangedGraphAreNotTouched) {
  const graph::GraphBlocks whole = random_bipartite(60, 40, 400, 3);
  const graph::GraphBlocks mine = cut(whole, world().rank(), world().size());
  const algorithms::ConsistentAdjacency lists(world(), mine, {exec::Direction::kBoth, {}});
  const algorithms::WalkSources sources{whole.schema.stable_range(VertexTypeId{0}), whole.keys[0]};
  const algorithms::MaintainedWalkOptions options;
  const MaintainedWalks walks = algorithms::walk_from(world(), lists, sources, options);
  const algorithms::VertexMatch match = algorithms::match_vertices(world(), mine, mine);
  const algorithms::GraphChange change(lists, lists, match);
  EXPECT_EQ(change.num_changed(), 0U);
  algorithms::RefreshCounts counts;
  const MaintainedWalks again = algorithms::refresh(world(), algorithms::walk_from(world(), lists, sources, options),
                                                    change, match.before, sources, options, counts);
  EXPECT_EQ(again, walks);
  EXPECT_EQ(counts.redone, 0U);
  EXPECT_EQ(counts.moves, 0U);
}

TEST(MaintainedWalks, StepsFollowTheWeights) {
  std::vector<Edge> edges;
  double total = 0.0;
  for (std::uint32_t item = 0; item < 12; ++item) {
    Edge edge{0, item};
    edge.weight = static_cast<float>(item);
    edges.push_back(edge);
    total += item;
  }
  graph::EdgeType type;
  type.source = VertexTypeId{0};
  type.relation = "rates";
  type.destination = VertexTypeId{1};
  type.has_weights = true;
  const graph::GraphBlocks whole = make_graph({{"user", 1}, {"item", 12}}, {{type, edges}});
  const algorithms::ConsistentAdjacency lists(world(), cut(whole, world().rank(), world().size()),
                                              {exec::Direction::kBoth, {}}, true);
  algorithms::MaintainedWalkOptions options;
  options.walks = 40'000;
  const algorithms::WalkSources sources{whole.schema.stable_range(VertexTypeId{0}), whole.keys[0]};
  const MaintainedWalks walks = algorithms::walk_from(world(), lists, sources, options);
  std::array<double, 12> counts{};
  double moved = 0.0;
  for (std::uint32_t walk = 0; walk < options.walks; ++walk) {
    const std::uint32_t begin = walk == 0 ? 0 : walks.ends[walk - 1];
    if (walks.ends[walk] - begin < 2) continue;
    counts.at(walks.vertices[begin + 1] - 1) += 1.0;
    moved += 1.0;
  }
  EXPECT_EQ(counts[0], 0.0);
  double chi_square = 0.0;
  for (std::size_t item = 1; item < 12; ++item) {
    const double expected = moved * static_cast<double>(item) / total;
    chi_square += (counts.at(item) - expected) * (counts.at(item) - expected) / expected;
  }
  // Laurent and Massart, as in the tests of the policies: 10 degrees of freedom, exceeded with probability e^-20.
  EXPECT_LT(chi_square, 10.0 + 2.0 * std::sqrt(10.0 * 20.0) + 40.0);
}

TEST(MaintainedWalks, AppendedEdgesMoveAboutOneStepInDegree) {
  // 51 users get one edge more than their 50, which moves a step from them with probability 1/51. Items have no
  // slots, so only the first step of a walk counts, which is made with probability 0.85.
  std::vector<Edge> edges;
  std::vector<Edge> more;
  for (std::uint32_t user = 0; user < 100; ++user) {
    for (std::uint32_t i = 0; i < 51; ++i) {
      const Edge edge{user, (user + i) % 100};
      more.push_back(edge);
      if ((user + i) % 100 != 99) edges.push_back(edge);
    }
  }
  // Item 99 stands last in every row that has it, so leaving it out leaves the other slots alone.
  graph::EdgeType type;
  type.source = VertexTypeId{0};
  type.relation = "rates";
  type.destination = VertexTypeId{1};
  const graph::GraphBlocks before = make_graph({{"user", 100}, {"item", 100}}, {{type, edges}});
  const graph::GraphBlocks now = make_graph({{"user", 100}, {"item", 100}}, {{type, more}});
  const graph::GraphBlocks my_before = cut(before, world().rank(), world().size());
  const graph::GraphBlocks my_now = cut(now, world().rank(), world().size());
  const exec::EdgeSelection out{exec::Direction::kOut, {}};
  const algorithms::ConsistentAdjacency old_lists(world(), my_before, out);
  const algorithms::ConsistentAdjacency new_lists(world(), my_now, out);
  const algorithms::VertexMatch match = algorithms::match_vertices(world(), my_before, my_now);
  const algorithms::GraphChange change(old_lists, new_lists, match);
  EXPECT_EQ(change.num_changed(), 51U);
  const algorithms::WalkSources sources{now.schema.stable_range(VertexTypeId{0}), now.keys[0]};
  const algorithms::MaintainedWalkOptions options;
  algorithms::RefreshCounts counts;
  const MaintainedWalks walks =
      algorithms::refresh(world(), algorithms::walk_from(world(), old_lists, sources, options), change, match.before,
                          sources, options, counts);
  EXPECT_EQ(walks, algorithms::walk_from(world(), new_lists, sources, options));
  const double expected = 51 * 100 * 0.85 / 51;
  EXPECT_NEAR(static_cast<double>(counts.redone), expected, 4 * std::sqrt(expected));
}

TEST(MaintainedWalks, PlansHoldWhatYesterdaysEdgesCarry) {
  constexpr std::uint64_t kEdges = 1'000'000;
  graph::Schema schema;
  schema.add_vertex_type("user", 100);
  schema.add_vertex_type("item", 50);
  graph::EdgeType rates;
  rates.source = VertexTypeId{0};
  rates.relation = "rates";
  rates.destination = VertexTypeId{1};
  rates.count = kEdges;
  rates.has_weights = true;
  rates.has_times = true;
  schema.add_edge_type(rates);
  const std::vector<VertexTypeId> types = {VertexTypeId{1}};
  const MemoryPlan plan =
      algorithms::plan_maintained_walks(schema, 1, types, {exec::Direction::kBoth, {}}, {.walks = 10}, true);
  std::uint64_t bytes = 0;
  for (const MemoryPlan::Item& item : plan.items()) {
    if (item.what == "yesterday's graph in home blocks") bytes += item.bytes;
  }
  // A target, a weight and a time at both ends, and a position at one.
  EXPECT_GE(bytes, kEdges * (2 * (4 + 4 + 8) + 8));
}

TEST(MaintainedWalks, RefuseOptionsOutOfRange) {
  const graph::GraphBlocks whole = random_bipartite(6, 4, 10, 3);
  const algorithms::ConsistentAdjacency lists(world(), cut(whole, world().rank(), world().size()),
                                              {exec::Direction::kBoth, {}});
  const algorithms::WalkSources sources{whole.schema.stable_range(VertexTypeId{0}), whole.keys[0]};
  algorithms::MaintainedWalkOptions options;
  options.restart = 0;
  EXPECT_THROW((void)algorithms::walk_from(world(), lists, sources, options), ConfigError);
  options.restart = 0.5;
  options.walks = 0;
  EXPECT_THROW((void)algorithms::walk_from(world(), lists, sources, options), ConfigError);
}

}  // namespace
}  // namespace rove::tests
