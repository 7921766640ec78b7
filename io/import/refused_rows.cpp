// SPDX-License-Identifier: Apache-2.0
#include "io/import/refused_rows.hpp"

#include <memory>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "io/text/input_files.hpp"

namespace rove::io {
namespace {

/// Throws at the edge of this number among those that the filter keeps.
class EdgeFinder final : public text::RowConsumer {
 public:
  EdgeFinder(const RowFilter& filter, bool mirrored, std::size_t index, const DescribeRow& describe)
      : filter_(filter), mirrored_(mirrored), index_(index), describe_(describe) {}

  void consume(const text::RowBatch& batch) override {
    for (std::size_t i = 0; i < batch.size(); ++i) {
      if (verdict_of(filter_, batch, i) != Verdict::kKept) continue;
      // Of a symmetric file one triangle is read and both are kept.
      next_ += mirrored_ && batch.sources[i] != batch.targets[i] ? 2U : 1U;
      if (next_ > index_) throw describe_(batch.sources[i], batch.targets[i]);
    }
  }

 private:
  const RowFilter& filter_;
  bool mirrored_;
  std::size_t index_;
  const DescribeRow& describe_;
  std::size_t next_ = 0;
};

}  // namespace

void throw_at_edge(const comm::Communicator& comm, const EdgeInput& input, EdgePlace place,
                   const DescribeRow& describe) {
  text::reread_block(input.files, comm.rank(), comm.size(), input.block_bytes, place.list,
                     [&](const text::InputFile& file, std::uint64_t) {
                       const bool mirrored = file.layout.symmetric && !input.filter.one_direction;
                       return std::make_unique<EdgeFinder>(input.filter, mirrored, place.index, describe);
                     });
  throw IoError(fmt::format("'{}' changed while it was read", input.files.front().info.path.string()));
}

}  // namespace rove::io
