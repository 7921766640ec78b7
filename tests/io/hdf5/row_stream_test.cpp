// SPDX-License-Identifier: Apache-2.0
#include "io/hdf5/row_stream.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/error.hpp"
#include "engine/base/hash.hpp"
#include "engine/graph/block_distribution.hpp"
#include "io/hdf5/input_file.hpp"
#include "tests/support/mpi.hpp"
#include "tests/support/shared_temp_directory.hpp"

namespace rove::tests {
namespace {

using io::hdf5::ElementType;
using io::hdf5::InputFile;
using io::hdf5::OutputFile;
using io::hdf5::RowStream;

constexpr io::hdf5::StoredType kUint64{ElementType::kUint64, 8};

std::vector<std::uint64_t> rows_of(IndexRange rows, std::uint64_t width) {
  std::vector<std::uint64_t> values;
  for (std::uint64_t i = rows.begin * width; i < rows.end * width; ++i) values.push_back(mix64(i, 3));
  return values;
}

TEST(RowStream, GivesTheBytesAndTheDigestOfOneWrite) {
  const comm::Communicator& comm = world();
  const SharedTempDirectory directory(comm);
  // Sections of no rows, of few, and of several digest blocks (8,192 rows of one value).
  for (const std::uint64_t width : {std::uint64_t{0}, std::uint64_t{3}}) {
    const std::uint64_t columns = std::max<std::uint64_t>(width, 1);
    const std::vector<std::uint64_t> sections{100, 0, 40'000, 7, 20'000, 1};
    std::uint64_t total = 0;
    for (const std::uint64_t rows : sections) total += rows;
    {
      OutputFile file(comm, directory / "streamed.h5", {.bytes_per_call = 4096});
      RowStream stream(file, "/values", kUint64, total, width);
      std::uint64_t first = 0;
      for (const std::uint64_t rows : sections) {
        const IndexRange mine = graph::BlockDistribution(rows, comm.size()).block(comm.rank());
        stream.begin_section(mine.size());
        // Ranks write pieces of different sizes; as many calls on all.
        const auto piece = 1'000 + 517 * static_cast<std::uint64_t>(comm.rank().value());
        const std::uint64_t calls = comm.all_reduce((mine.size() + piece - 1) / piece, comm::ReduceOp::kMax);
        std::uint64_t at = mine.begin;
        for (std::uint64_t call = 0; call < calls; ++call) {
          EXPECT_EQ(stream.next_row(), first + at);
          const std::uint64_t end = std::min(mine.end, at + piece);
          stream.write<std::uint64_t>(rows_of({first + at, first + end}, columns));
          at = end;
        }
        first += rows;
      }
      stream.finish();
      file.commit();
    }
    {
      OutputFile file(comm, directory / "whole.h5");
      const IndexRange mine = graph::BlockDistribution(total, comm.size()).block(comm.rank());
      if (width > 0) {
        file.write_matrix<std::uint64_t>("/values", rows_of(mine, columns), width);
      } else {
        file.write<std::uint64_t>("/values", rows_of(mine, columns));
      }
      file.commit();
    }
    const InputFile streamed(directory / "streamed.h5");
    const InputFile whole(directory / "whole.h5");
    EXPECT_EQ(streamed.read<std::uint64_t>("/values"), rows_of({0, total}, columns));
    EXPECT_EQ(streamed.info("/values").text(), whole.info("/values").text());
    EXPECT_EQ(streamed.attribute<std::string>("/values", "xxh3"), whole.attribute<std::string>("/values", "xxh3"));
    comm.barrier();
  }
}

TEST(RowStream, RefusesRowsThatAreMissingOrTooMany) {
  const comm::Communicator& comm = world();
  const SharedTempDirectory directory(comm);
  const auto ranks = static_cast<std::uint64_t>(comm.size());
  OutputFile file(comm, directory / "values.h5");
  RowStream stream(file, "/values", kUint64, 4 * ranks);
  stream.begin_section(3);
  EXPECT_THROW(stream.write<std::uint64_t>(rows_of({0, 4}, 1)), InternalError);
  stream.write<std::uint64_t>(rows_of({0, 2}, 1));
  EXPECT_THROW(stream.begin_section(1), InternalError);
  stream.write<std::uint64_t>(rows_of({0, 1}, 1));
  EXPECT_THROW(stream.finish(), InternalError);
  EXPECT_THROW(stream.begin_section(2), InternalError);
}

}  // namespace
}  // namespace rove::tests
