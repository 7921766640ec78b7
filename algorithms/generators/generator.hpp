// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/ids.hpp"

/// Seeded graphs for benchmarks and tests, of any size, made in place: every edge is a function of the specification
/// and its position, so any process makes any range of any list, in any order, and all ranges together are the same
/// list for any number of ranks and threads. Nothing is held but one batch.
namespace rove::algorithms {

/// Vertices of a generated graph are numbered from 0 within their type; the number says nothing about degree or
/// community (ranks are permuted by a keyed bijection). As text: prefix and number, "u123".
struct GeneratedType {
  std::string name;
  char prefix = 'v';
  std::uint64_t count = 0;
};

struct GeneratedList {
  std::size_t source_type = 0;
  std::string relation;
  std::size_t destination_type = 0;
  std::uint64_t num_edges = 0;
  bool has_weights = false;
  bool has_times = false;
};

/// Consecutive edges of one list. Attributes the list does not have are empty.
struct EdgeBatch {
  std::uint64_t first = 0;  ///< position of the first edge in its list
  std::vector<std::uint64_t> sources;
  std::vector<std::uint64_t> targets;
  std::vector<float> weights;
  std::vector<std::int64_t> times;  ///< Unix seconds

  [[nodiscard]] std::size_t size() const { return sources.size(); }
};

/// Called with consecutive batches of at most `EdgeGenerator::kBatch` edges, in order of position.
using EdgeSink = std::function<void(const EdgeBatch&)>;

/// Immutable; `generate` is thread-safe: parallel writers generate a range each.
class EdgeGenerator {
 public:
  static constexpr std::uint64_t kBatch = std::uint64_t{1} << 16U;

  virtual ~EdgeGenerator() = default;
  [[nodiscard]] const std::vector<GeneratedType>& types() const { return types_; }
  [[nodiscard]] const std::vector<GeneratedList>& lists() const { return lists_; }
  /// The planted community of a vertex; 0 where none were asked for.
  [[nodiscard]] virtual std::uint64_t community_of(std::size_t type, std::uint64_t vertex) const;
  /// The edges of positions `edges` of a list. Precondition: edges.end <= lists()[list].num_edges.
  virtual void generate(std::size_t list, IndexRange edges, const EdgeSink& sink) const = 0;

 protected:
  std::vector<GeneratedType> types_;
  std::vector<GeneratedList> lists_;
};

/// R-MAT (Chakrabarti, Zhan and Faloutsos, SDM 2004) with the parameters of Graph500: 2^scale vertices, edge_factor
/// 2^scale edges. Loops and repeated edges occur, as in Graph500; import drops or counts them as its rules say.
struct RmatSpec {
  std::uint32_t scale = 16;
  std::uint64_t edge_factor = 16;
  double a = 0.57;
  double b = 0.19;
  double c = 0.19;
  bool weights = false;  ///< uniform in (0, 1]
  std::uint64_t seed = 42;
};

/// Users and items with power-law activity and popularity; exactly `interactions` distinct pairs.
struct BipartiteSpec {
  std::uint64_t users = 0;
  std::uint64_t items = 0;
  std::uint64_t interactions = 0;
  double user_exponent = 0.5;
  double item_exponent = 0.9;
  std::uint64_t communities = 1;  ///< planted: users prefer items of their own community
  double affinity = 0;            ///< share of choices made within the community, in [0, 1)
  bool weights = false;           ///< ratings 1 to 5; 3 to 5 within a community
  bool times = false;             ///< within the year after 1 January 2023
  std::uint64_t seed = 42;
};

/// A relation from items to attributes of its own: "genre", "artist".
struct AttributeSpec {
  std::string relation;
  std::uint64_t attributes = 0;
  std::uint64_t per_item = 1;  ///< distinct attributes of every item
};

/// Users, items and attributes: "user rates item" as in `BipartiteSpec`, "item <relation> attribute" per attribute
/// relation (all of one type, "attribute", numbered relation by relation), and "user follows user". Items prefer
/// attributes, and users followees, of their own community.
struct TypedSpec {
  BipartiteSpec interactions;
  std::vector<AttributeSpec> attributes;
  std::uint64_t follows = 0;  ///< distinct directed pairs of users, none with itself
};

/// These throw `ConfigError` when the specification cannot be met.
[[nodiscard]] std::unique_ptr<EdgeGenerator> make_rmat(const RmatSpec& spec);
[[nodiscard]] std::unique_ptr<EdgeGenerator> make_bipartite(const BipartiteSpec& spec);
[[nodiscard]] std::unique_ptr<EdgeGenerator> make_typed(const TypedSpec& spec);

}  // namespace rove::algorithms
