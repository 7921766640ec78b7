// SPDX-License-Identifier: Apache-2.0
#include "io/import/refused_rows.hpp"

#include <memory>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "io/text/input_files.hpp"
#include "io/text/row_reader.hpp"

namespace rove::io {
namespace {

/// Throws at the edge of this number among those that the filter keeps.
class EdgeFinder final : public text::RowConsumer {
 public:
  EdgeFinder(const RowFilter& filter, bool mirrored, const RefusedEdges& edges, const DescribeRefused& describe,
             std::uint64_t total)
      : filter_(filter), mirrored_(mirrored), edges_(edges), describe_(describe), total_(total) {}

  void consume(const text::RowBatch& batch) override {
    for (std::size_t i = 0; i < batch.size(); ++i) {
      if (verdict_of(filter_, batch, i) != Verdict::kKept) continue;
      // Of a symmetric file one triangle is read and both are kept.
      next_ += mirrored_ && batch.sources[i] != batch.targets[i] ? 2U : 1U;
      if (next_ <= edges_.index) continue;
      const std::string_view id = edges_.at_target ? batch.targets[i] : batch.sources[i];
      const Refusal refusal = describe_(id, edges_.at_target, total_);
      throw text::ParseError(id.data(), refusal.found, refusal.expected);
    }
  }

 private:
  const RowFilter& filter_;
  bool mirrored_;
  const RefusedEdges& edges_;
  const DescribeRefused& describe_;
  std::uint64_t total_;
  std::size_t next_ = 0;
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
                         const bool mirrored = file.layout.symmetric && !input.filter.one_direction;
                         return std::make_unique<EdgeFinder>(input.filter, mirrored, mine, describe, total);
                       });
    throw IoError(fmt::format("'{}' changed while it was read", input.files.front().info.path.string()));
  });
}

}  // namespace rove::io
