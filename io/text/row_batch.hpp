// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace rove::io::text {

/// Some parsed rows, column by column; texts point into the block they were read from, or into `unescaped`.
struct RowBatch {
  static constexpr std::size_t kCapacity = 1024;

  std::vector<std::string_view> sources;
  std::vector<std::string_view> targets;
  std::vector<std::string_view> relations;  ///< empty unless the layout has relations
  std::vector<float> weights;               ///< empty unless the layout has weights
  std::vector<std::int64_t> times;          ///< empty unless the layout has times
  std::vector<std::string_view> vertices;   ///< named without an edge; at most `kCapacity`
  std::vector<float> features;              ///< per vertex, the layout's feature columns
  std::deque<std::string> unescaped;
  std::uint64_t balance = 0;  ///< metis in one direction: of all neighbours read (io/text/mirrored_lists.hpp)

  [[nodiscard]] std::size_t size() const { return sources.size(); }
  void clear() {
    sources.clear();
    targets.clear();
    relations.clear();
    weights.clear();
    times.clear();
    vertices.clear();
    features.clear();
    unescaped.clear();
    balance = 0;
  }
};

/// Receives batches of rows; the texts are valid during the call only.
class RowConsumer {
 public:
  virtual ~RowConsumer() = default;
  virtual void consume(const RowBatch& batch) = 0;
  /// The block is read to its end.
  virtual void finish() {}
};

}  // namespace rove::io::text
