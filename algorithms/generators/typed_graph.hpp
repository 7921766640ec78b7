// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "algorithms/generators/edge_generator.hpp"

namespace rove::algorithms {

/// Users and items with exactly `interactions` distinct pairs. User u has a share of them proportional to
/// (u + 1)^-user_exponent, at most `items`; its items are drawn without repetition by (i + 1)^-item_exponent. The
/// defaults are the graph of the published comparisons.
struct BipartiteSpec {
  std::uint64_t users = 1'000'000;
  std::uint64_t items = 200'000;
  std::uint64_t interactions = 20'000'000;
  double user_exponent = 0.5;
  double item_exponent = 0.9;
  std::uint64_t communities = 1;  ///< user u and item i share a community when u mod communities = i mod communities
  double affinity = 0;            ///< share of a user's draws within the community, in [0, 1)
};

/// A unit is a user. Throws `ConfigError` for a specification that no graph fulfils.
[[nodiscard]] std::unique_ptr<EdgeGenerator> make_bipartite(const BipartiteSpec& spec, std::uint64_t seed);

/// Users, items and attributes in planted communities that every relation follows, so that links of one relation
/// predict those of the others.
struct TypedGraphSpec {
  BipartiteSpec rates{10'000, 2'000, 200'000, 0.5, 0.9, 20, 0.7};
  std::uint64_t attributes = 200;
  std::uint64_t attribute_links = 6'000;  ///< "item,has,attribute"; 0: no such relation
  std::uint64_t follows = 40'000;         ///< "user,follows,user", nobody follows oneself; 0: no such relation
};

struct GeneratedRelation {
  std::string source_type;
  std::string relation;
  std::string target_type;
  std::unique_ptr<EdgeGenerator> edges;
};

/// "user,rates,item", "item,has,attribute" and "user,follows,user". A unit is a source.
/// Throws `ConfigError` for a specification that no graph fulfils.
[[nodiscard]] std::vector<GeneratedRelation> make_typed_graph(const TypedGraphSpec& spec, std::uint64_t seed);

}  // namespace rove::algorithms
