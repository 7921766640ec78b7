// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "engine/base/ids.hpp"
#include "engine/comm/communicator.hpp"
#include "gnn/interactions.hpp"

namespace rove::gnn {

/// How the (user, positive, negative) triples of an epoch are drawn.
enum class SamplerKind : std::uint8_t {
  kUserStratified,  ///< every user max(1, floor(interactions / users)) times, its positive uniform (LightGCN, C++
                    ///< sampler)
  kUserUniform,     ///< as many draws of a user as interactions, its positive uniform (LightGCN, Python sampler)
  kEdgeUniform,     ///< every interaction once
};
/// "user-stratified", "user-uniform", "edge-uniform".
[[nodiscard]] std::string_view name_of(SamplerKind kind);
/// Throws `ConfigError` naming the choices.
[[nodiscard]] SamplerKind parse_sampler(std::string_view name);

/// **Collective.** Per owned item its share among the positives of an epoch, in expectation. The same bits on any
/// ranks.
[[nodiscard]] std::vector<double> positive_shares(const comm::Communicator& comm, const Interactions& interactions,
                                                  SamplerKind kind);

/// A triple of one of this rank's users, at its place in the epoch's order.
struct Triple {
  std::uint64_t position = 0;
  LocalVertexId user;
  std::uint32_t positive = 0;  ///< row of the item type
  std::uint32_t negative = 0;  ///< row of the item type
  friend bool operator==(const Triple&, const Triple&) = default;
};

/// Draws an epoch's triples. Which triple stands at which position depends on the seed, the epoch and the graph alone:
/// positions are a keyed bijection over the drawn samples, draws are keyed by the user. The negative is uniform
/// over the items that the user lacks (rejection; directly from the complement when the user has more than half of
/// them). Users that have no item, or all, are left out. Refers to the interactions.
class TripleSampler {
 public:
  /// **Collective.** Throws `InputError` when no user can be trained on.
  TripleSampler(const comm::Communicator& comm, const Interactions& interactions, SamplerKind kind, std::uint64_t seed);

  /// Triples of an epoch over all ranks.
  [[nodiscard]] std::uint64_t num_triples() const { return num_triples_; }
  /// **Collective.** The triples of this rank's users, by position.
  [[nodiscard]] std::vector<Triple> sample(const comm::Communicator& comm, std::uint64_t epoch) const;

 private:
  struct Draw {
    std::uint64_t user = 0;  ///< counted from the first owned one
    std::uint64_t position = 0;
  };
  [[nodiscard]] std::vector<Draw> uniform_users(const comm::Communicator& comm, std::uint64_t epoch) const;

  const Interactions* interactions_;
  SamplerKind kind_;
  std::uint64_t seed_;
  std::uint64_t num_triples_ = 0;
  std::vector<std::uint64_t> first_sample_;       ///< per owned user (stratified, edge-uniform)
  std::vector<std::uint64_t> samples_of_;         ///< per owned user
  std::vector<std::uint64_t> trainable_offsets_;  ///< P + 1: trainable users of the home blocks
  std::vector<GlobalVertexId> trainable_users_;   ///< of my home block, by row (user-uniform)
};

}  // namespace rove::gnn
