// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "gnn/interactions.hpp"

namespace rove::gnn {

/// Many negatives per positive at the price of few rows: items that all triples of a batch share, drawn uniformly
/// without replacement. They are active rows of the batch like its users and positives, so that any model computes
/// their representations; a loss weighs every user of the batch against all of them (gnn/batch_contrast.hpp). Whether a
/// user has one of them is the loss's business. A draw is a function of (seed, epoch, batch) alone, made alike on every
/// rank without communication. Refers to the interactions. Thread-safe.
class SharedNegatives {
 public:
  /// `per_batch`: how many; all items when there are fewer.
  SharedNegatives(const Interactions& interactions, std::uint64_t per_batch, std::uint64_t seed);

  [[nodiscard]] std::uint64_t per_batch() const { return per_batch_; }
  /// Rows of the item type, ascending.
  [[nodiscard]] std::vector<std::uint32_t> draw(std::uint64_t epoch, std::uint64_t batch) const;
  /// Local ids of those that this rank owns, ascending.
  [[nodiscard]] std::vector<std::uint32_t> owned(std::span<const std::uint32_t> items) const;

 private:
  const Interactions* interactions_;
  std::uint64_t per_batch_;
  std::uint64_t seed_;
};

}  // namespace rove::gnn
