// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "algorithms/ppr/fingerprint_table.hpp"
#include "algorithms/ppr/slot_lists.hpp"
#include "engine/base/ids.hpp"
#include "engine/base/top_k.hpp"

/// PPR lists from a fingerprint index: PowerWalk's online half (VERD) with conserved flow. Seeds hand their flow on
/// along their slots for some hops; what is not handed on is answered by the fingerprint of the vertex it has reached:
/// pi = (what stopped on the way) + sum over x of flow(x) * pi_x.
///
/// *Conserved.* Flow that a vertex does not forward stays with the vertex (the released PowerWalk drops it), so hops
/// and threshold trade work for accuracy and never lose mass. All flow is counted in units of 2^-32 of the seeds' mass,
/// so the sums are sums of integers: no order of seeds, vertices, slots or threads can change a bit
/// (docs/decisions/0125).
namespace rove::algorithms {

/// The fingerprints that answer for one target type. Owns nothing; immutable, thread-safe.
struct FingerprintSet {
  struct OfType {
    IndexRange vertices;           ///< stable ids of a vertex type
    FingerprintView fingerprints;  ///< of its rows, or empty
    /// Whether flow may be handed on from here to good purpose: every type its slots lead to has fingerprints.
    bool leads_to_fingerprints = false;
  };
  std::vector<OfType> types;  ///< in the order of the stable ids
  IndexRange targets;         ///< stable ids of the target type
  double restart = 0.15;
  std::uint32_t walks = 0;  ///< behind every fingerprint

  [[nodiscard]] const OfType& of(std::uint32_t vertex) const {
    std::size_t type = 0;
    while (vertex >= types[type].vertices.end) ++type;
    return types[type];
  }
};

struct WeightedSeed {
  std::uint32_t vertex = 0;  ///< stable id
  double weight = 1.0;       ///< above 0, finite
};

struct PprQuery {
  std::span<const WeightedSeed> seeds;  ///< at least one; a vertex named twice counts with both weights
  std::uint32_t top_k = 100;
  bool exclude_linked = true;                                  ///< leave out what any seed is linked to
  std::span<const std::uint32_t> excluded;                     ///< target rows to leave out; the seeds are always
  std::optional<std::span<const std::uint32_t>> allowed = {};  ///< target rows to choose among; nothing: all
  std::span<const std::uint8_t> candidates = {};               ///< the same by target row, as in `PprOptions`
  std::uint32_t hops = 1;
  double threshold = 1e-4;  ///< a vertex hands its flow on if each of its slots would get at least this share
  /// Pixie's multi-hit booster (Eksombatchai et al., WWW 2018), which prefers what several seeds lead to: the score is
  /// (sum over the seeds of sqrt(share of the seed's weight * its score))^2, no probability. One flow per seed.
  bool boost = false;
};

struct PprAnswer {
  std::vector<Scored> ranked;  ///< ids are rows of the target type; scores above 0
  double error_bound = 0.0;  ///< of every score, with probability 0.99 (see `PprResult::error_bounds`); none if boosted
  bool cold = false;         ///< no seed has slots: nothing is known
  std::uint64_t fingerprints = 0;  ///< added up
};

/// Answers queries, one at a time; holds the scratch: 16 bytes per target row and 4 per row that a query reached (8 and
/// 4 more once boosted), and where alias tables are made, 28 bytes per slot of the largest vertex that handed flow on.
/// Not thread-safe: one per thread.
class IndexQuery {
 public:
  explicit IndexQuery(std::uint64_t num_targets);
  ~IndexQuery();
  IndexQuery(IndexQuery&&) noexcept;
  IndexQuery& operator=(IndexQuery&&) noexcept;

  /// Cost: at most 1 / threshold slots per hop (a seed without fingerprint: all its slots), and the entries of the
  /// fingerprints reached. Throws `ConfigError` for a query out of range.
  [[nodiscard]] PprAnswer answer(const FingerprintSet& set, const SlotLists& slots, const PprQuery& query);

  /// Where the seeds' flow goes, in units of 2^-32; for tests. stopped + kept + lost + unanswered = 2^32.
  struct Flow {
    struct AtVertex {
      std::uint32_t vertex = 0;
      std::uint64_t units = 0;
      friend bool operator==(const AtVertex&, const AtVertex&) = default;
    };
    std::vector<AtVertex> stopped;  ///< on the way; a vertex may occur once per hop
    std::vector<AtVertex> kept;     ///< to be answered by the vertex's fingerprint; ascending
    std::uint64_t lost = 0;         ///< walked out of dangling vertices
    std::uint64_t unanswered = 0;   ///< left over by rounding, or at vertices without fingerprint after the last hop
  };
  [[nodiscard]] const Flow& decompose(const FingerprintSet& set, const SlotLists& slots, const PprQuery& query);

 private:
  struct Scratch;
  /// Of each seed's scores the roots, in the scratch.
  void add_roots(const FingerprintSet& set, const SlotLists& slots, const PprQuery& query, PprAnswer& answer);
  /// Calls `exclude` with every target row that must not be listed.
  template <class Exclude>
  void for_excluded(const FingerprintSet& set, const SlotLists& slots, const PprQuery& query, const Exclude& exclude);
  /// The best of the rows that may be listed.
  template <class Score>
  [[nodiscard]] std::vector<Scored> select(const PprQuery& query, std::span<const std::uint32_t> rows,
                                           const Score& score);
  std::unique_ptr<Scratch> scratch_;
};

/// Scratch of one `IndexQuery` by target rows, at most, without boosting.
[[nodiscard]] std::uint64_t index_query_scratch_bytes(std::uint64_t num_targets);

}  // namespace rove::algorithms
