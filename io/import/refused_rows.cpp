// SPDX-License-Identifier: Apache-2.0
#include "io/import/refused_rows.hpp"

#include <algorithm>
#include <compare>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "io/text/input_files.hpp"
#include "io/text/row_reader.hpp"

namespace rove::io {
namespace {

/// Goes over the edges of a block that the filter keeps.
class KeptEdges : public text::RowConsumer {
 public:
  KeptEdges(const EdgeInput& input, const text::InputFile& file)
      : filter_(input.filter), mirrored_(file.layout.symmetric && !input.filter.one_direction) {}

  void consume(const text::RowBatch& batch) final {
    for (std::size_t i = 0; i < batch.size(); ++i) {
      if (verdict_of(filter_, batch, i) != Verdict::kKept) continue;
      // Of a symmetric file one triangle is read and both are kept.
      end_ += mirrored_ && batch.sources[i] != batch.targets[i] ? 2U : 1U;
      meet(batch, i, end_);
    }
  }

 protected:
  /// `end`: how many edges the block's list holds up to this row, its own included.
  virtual void meet(const text::RowBatch& batch, std::size_t i, std::size_t end) = 0;
  [[nodiscard]] bool mirrored() const { return mirrored_; }

 private:
  const RowFilter& filter_;
  bool mirrored_;
  std::size_t end_ = 0;
};

/// Throws at the first edge that is refused.
class RefusedFinder final : public KeptEdges {
 public:
  RefusedFinder(const EdgeInput& input, const text::InputFile& file, const RefusedEdges& edges,
                const DescribeRefused& describe, std::uint64_t total)
      : KeptEdges(input, file), edges_(edges), describe_(describe), total_(total) {}

 private:
  void meet(const text::RowBatch& batch, std::size_t i, std::size_t end) override {
    if (end <= edges_.index) return;
    const std::string_view id = edges_.at_target ? batch.targets[i] : batch.sources[i];
    const Refusal refusal = describe_(id, edges_.at_target, total_);
    throw text::ParseError(id.data(), refusal.found, refusal.expected);
  }

  const RefusedEdges& edges_;
  const DescribeRefused& describe_;
  std::uint64_t total_;
};

/// Where an edge stands in the blocks of a share, which are read by several threads.
class Places {
 public:
  struct Place {
    std::uint64_t block = 0;
    std::size_t index = 0;
    friend auto operator<=>(const Place&, const Place&) = default;
  };

  void add(std::uint64_t block, std::span<const std::size_t> indices) {
    const std::lock_guard lock(mutex_);
    for (const std::size_t index : indices) places_.push_back({block, index});
  }
  [[nodiscard]] std::vector<Place> take_in_order() {
    std::ranges::sort(places_);
    return std::move(places_);
  }

 private:
  std::mutex mutex_;
  std::vector<Place> places_;
};

class RepeatFinder final : public KeptEdges {
 public:
  RepeatFinder(const EdgeInput& input, const text::InputFile& file, const NamedEdge& edge, std::uint64_t block,
               Places& places)
      : KeptEdges(input, file), edge_(edge), block_(block), places_(places) {}

  void finish() override { places_.add(block_, indices_); }

 private:
  void meet(const text::RowBatch& batch, std::size_t i, std::size_t end) override {
    if (indices_.size() == 2) return;
    const bool reversed =
        (edge_.either_way || mirrored()) && batch.sources[i] == edge_.target && batch.targets[i] == edge_.source;
    const bool is_pair = reversed || (batch.sources[i] == edge_.source && batch.targets[i] == edge_.target);
    if (is_pair && (batch.relations.empty() || batch.relations[i] == edge_.relation)) indices_.push_back(end - 1);
  }

  const NamedEdge& edge_;
  std::uint64_t block_;
  Places& places_;
  std::vector<std::size_t> indices_;
};

}  // namespace

void refuse_edges(const comm::Communicator& comm, const EdgeInput& input, const RefusedEdges& mine,
                  const DescribeRefused& describe) {
  const std::uint64_t total = comm.all_reduce(mine.count, comm::ReduceOp::kSum);
  if (total == 0) return;
  // Ranks read shares of the input in its order, and the lowest rank that fails is heard.
  comm.agree([&] {
    if (mine.count == 0) return;
    text::reread_block(input.files, comm.rank(), comm.size(), input.block_bytes, mine.list,
                       [&](const text::InputFile& file, std::uint64_t) {
                         return std::make_unique<RefusedFinder>(input, file, mine, describe, total);
                       });
    throw IoError(fmt::format("'{}' changed while it was read", input.files.front().info.path.string()));
  });
}

void refuse_repeated(const comm::Communicator& comm, const EdgeInput& input, const NamedEdge& edge, std::uint64_t total,
                     const DescribeRefused& describe) {
  Places found;
  comm.agree([&] {
    (void)text::read_share(
        input.files, comm.rank(), comm.size(), input.block_bytes,
        [&](const text::InputFile& file, std::uint64_t block) {
          return std::make_unique<RepeatFinder>(input, file, edge, block, found);
        },
        no_progress());
  });
  const std::vector<Places::Place> places = found.take_in_order();
  // Ranks read shares of the input in its order.
  const std::uint64_t before = comm.exclusive_scan(places.size());
  RefusedEdges second;
  if (before < 2 && before + places.size() >= 2) {
    const Places::Place& place = places[1 - before];
    second = {total, place.block, place.index, false};
  }
  refuse_edges(comm, input, second, describe);
  throw IoError(fmt::format("'{}' changed while it was read", input.files.front().info.path.string()));
}

}  // namespace rove::io
