// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "engine/comm/communicator.hpp"
#include "engine/graph/neighbor_lists.hpp"
#include "gnn/embedding_table.hpp"
#include "gnn/interactions.hpp"
#include "gnn/retrieval.hpp"

namespace rove::gnn {

/// What ranks items for users: vectors, or a model that scores items without them. Evaluation and recommendation see
/// models through this alone. Immutable; refers to the graph it was made for.
class Scorer {
 public:
  Scorer() = default;
  Scorer(const Scorer&) = delete;
  Scorer& operator=(const Scorer&) = delete;
  virtual ~Scorer() = default;

  /// **Collective.** The `options.top_k` items of largest score for every owned user that `wanted` (counted from the
  /// first owned one) chooses, exactly: score (float32) descending, ties by ascending item row. Targets are rows of the
  /// item type; users not wanted get empty lists, users with fewer items left get those. The bits depend on the graph
  /// and the model alone.
  [[nodiscard]] virtual graph::NeighborLists top_items(const comm::Communicator& comm, const Interactions& interactions,
                                                       const RetrievalOptions& options,
                                                       const std::function<bool(std::uint64_t)>& wanted) const = 0;
  /// What a score is, for people and files: "inner product".
  [[nodiscard]] virtual std::string_view score_name() const = 0;
  /// What `top_items` holds on this rank beside the lists; models of vectors: 0, their blocks follow from the width.
  [[nodiscard]] virtual std::uint64_t working_bytes(const Interactions& /*interactions*/) const { return 0; }
  /// The vectors, or nullptr.
  [[nodiscard]] virtual const EmbeddingTable* vectors() const { return nullptr; }
};

/// Rows of users and items scored by inner product.
class VectorScorer final : public Scorer {
 public:
  explicit VectorScorer(EmbeddingTable embeddings) : embeddings_(std::move(embeddings)) {}
  [[nodiscard]] graph::NeighborLists top_items(const comm::Communicator& comm, const Interactions& interactions,
                                               const RetrievalOptions& options,
                                               const std::function<bool(std::uint64_t)>& wanted) const override {
    return gnn::top_items(comm, interactions, embeddings_, options, wanted);
  }
  [[nodiscard]] std::string_view score_name() const override { return "inner product"; }
  [[nodiscard]] const EmbeddingTable* vectors() const override { return &embeddings_; }

 private:
  EmbeddingTable embeddings_;
};

/// **Collective.** `top_items` of all users, at the home block of the user type: what `recommendations.h5` holds.
[[nodiscard]] graph::NeighborLists recommend(const comm::Communicator& comm, const Interactions& interactions,
                                             const Scorer& scorer, const RetrievalOptions& options);

}  // namespace rove::gnn
