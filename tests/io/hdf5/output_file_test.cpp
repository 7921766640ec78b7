// SPDX-License-Identifier: Apache-2.0
#include "io/hdf5/output_file.hpp"

#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/hdf5/digest.hpp"
#include "io/hdf5/input_file.hpp"
#include "io/hdf5/node_rows.hpp"
#include "tests/io/hdf5/sample_files.hpp"
#include "tests/support/mpi.hpp"
#include "tests/support/shared_temp_directory.hpp"

namespace rove::tests {
namespace {

using io::hdf5::InputFile;
using io::hdf5::OutputFile;

/// Rank r has r * 1000 values, so rank 0 has none; values continue over ranks.
std::vector<std::int64_t> my_values(const comm::Communicator& comm) {
  const auto r = static_cast<std::int64_t>(comm.rank().value());
  std::vector<std::int64_t> values(static_cast<std::size_t>(r) * 1000);
  std::iota(values.begin(), values.end(), 1000 * r * (r - 1) / 2);
  return values;
}

TEST(OutputFile, RowsOfAllRanksFollowEachOther) {
  const SharedTempDirectory directory(world());
  const std::vector<std::int64_t> mine = my_values(world());

  // Seventeen values per call: several calls, and not equally many on all ranks.
  OutputFile file(world(), directory / "values.h5", {.bytes_per_call = 17 * 8});
  file.write<std::int64_t>("/a/b/values", mine);
  file.write_matrix<std::int64_t>("/matrix", mine, 4);
  file.commit();

  const InputFile read(directory / "values.h5");
  const std::vector<std::int64_t> all = read.read<std::int64_t>("/a/b/values");
  std::vector<std::int64_t> expected(all.size());
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(all.size(), static_cast<std::size_t>(500 * world().size() * (world().size() - 1)));
  EXPECT_EQ(all, expected);
  EXPECT_EQ(read.read<std::int64_t>("/matrix"), expected);
  EXPECT_EQ(read.info("/matrix").width(), 4U);
  EXPECT_FALSE(std::filesystem::exists(directory / "values.h5.part"));
}

TEST(OutputFile, RanksMustGiveTheSameAttributes) {
  const SharedTempDirectory directory(world());
  OutputFile file(world(), directory / "values.h5");
  file.set_attribute("/", "seconds", 1.5 + world().rank().value());
  if (world().size() == 1) {
    EXPECT_NO_THROW(file.commit());
  } else {
    EXPECT_THROW(file.commit(), InternalError);
  }
}

TEST(OutputFile, DigestDependsOnBytesAlone) {
  const SharedTempDirectory directory(world());
  const std::vector<std::int64_t> mine = my_values(world());

  OutputFile file(world(), directory / "values.h5");
  file.write<std::int64_t>("/values", mine);
  file.write_matrix<std::int64_t>("/matrix", mine, 20);
  file.commit();

  const InputFile read(directory / "values.h5");
  for (const auto& [name, row_bytes] : {std::pair("/values", 8), std::pair("/matrix", 160)}) {
    const std::vector<std::byte> all = read.read_bytes(name, {0, read.info(name).rows()});
    io::hdf5::DatasetDigest serial;
    serial.add_blocks(0, all, static_cast<std::uint64_t>(row_bytes));
    EXPECT_EQ(read.attribute<std::string>(name, "xxh3"), serial.text()) << name;
    if (all.empty()) continue;
    std::vector<std::byte> flipped = all;
    flipped[all.size() / 2] ^= std::byte{1};
    io::hdf5::DatasetDigest other;
    other.add_blocks(0, flipped, static_cast<std::uint64_t>(row_bytes));
    EXPECT_NE(other, serial);
  }
}

TEST(OutputFile, AttributesAndTextsComeBack) {
  const SharedTempDirectory directory(world());
  const std::string config(200'000, 'x');

  OutputFile file(world(), directory / "values.h5");
  file.make_group("/group");
  file.set_attribute("/group", "text", std::string("été"));
  file.set_attribute("/group", "empty", std::string());
  file.set_attribute("/group", "count", std::int64_t{1} << 40);
  file.set_attribute("/group", "ratio", 0.15);
  file.set_attribute("/group", "flag", true);
  file.write_text("/config", config);
  file.write_text("/nothing", "");
  file.commit();

  const InputFile read(directory / "values.h5");
  EXPECT_EQ(read.attribute<std::string>("/group", "text"), "été");
  EXPECT_EQ(read.attribute<std::string>("/group", "empty"), "");
  EXPECT_EQ(read.attribute<std::int64_t>("/group", "count"), std::int64_t{1} << 40);
  EXPECT_EQ(read.attribute<double>("/group", "ratio"), 0.15);
  EXPECT_TRUE(read.attribute<bool>("/group", "flag"));
  EXPECT_EQ(read.read_text("/config"), config);
  EXPECT_EQ(read.read_text("/nothing"), "");
  EXPECT_EQ(read.attribute_names("/group"), (std::vector<std::string>{"count", "empty", "flag", "ratio", "text"}));
  EXPECT_THROW((void)read.attribute<std::string>("/group", "count"), InputError);
  EXPECT_THROW((void)read.attribute<bool>("/group", "missing"), InputError);
  EXPECT_THROW((void)read.read<float>("/config"), InputError);
  EXPECT_THROW((void)read.info("/no/such"), InputError);
}

TEST(OutputFile, EmptyDatasetsAndRowOffsets) {
  const SharedTempDirectory directory(world());
  const auto rank = static_cast<std::uint64_t>(world().rank().value());

  OutputFile file(world(), directory / "values.h5");
  file.write<float>("/empty", {});
  file.write_matrix<float>("/empty_matrix", {}, 8);
  const std::vector<std::uint64_t> offsets{0, rank, rank + 2};  // two rows per rank
  file.write_indptr("/indptr", offsets);
  file.commit();

  const InputFile read(directory / "values.h5");
  EXPECT_EQ(read.info("/empty").text(), "float32 [0]");
  EXPECT_EQ(read.info("/empty_matrix").text(), "float32 [0, 8]");
  EXPECT_TRUE(read.read<float>("/empty").empty());
  const auto indptr = read.read<std::uint64_t>("/indptr");
  std::vector<std::uint64_t> expected{0};
  for (std::uint64_t r = 0; r < static_cast<std::uint64_t>(world().size()); ++r) {
    expected.push_back(expected.back() + r);
    expected.push_back(expected.back() + 2);
  }
  EXPECT_EQ(indptr, expected);
}

TEST(OutputFile, IdsOfAnyLengthComeBack) {
  for (const std::size_t longest : {0U, 5U, 256U, 257U, 3000U}) {
    const SharedTempDirectory directory(world());
    io::IdBlock ids;
    if (world().rank().value() % 2 == 0) {  // odd ranks have no rows
      io::append(ids, "");
      io::append(ids, std::string(longest, 'z'));
      io::append(ids, "é/0");
    }

    OutputFile file(world(), directory / "ids.h5");
    io::write_texts(file, "/nodes/user", "ids", ids);
    file.commit();

    const InputFile read(directory / "ids.h5");
    EXPECT_EQ(read.contains("/nodes/user/ids_offsets"), longest > 256);
    const std::uint64_t before = world().exclusive_scan(ids.size());
    const io::IdBlock back = io::read_texts(read, "/nodes/user", "ids", {before, before + ids.size()});
    EXPECT_EQ(back.offsets, ids.offsets);
    EXPECT_EQ(back.bytes, ids.bytes);
  }
}

TEST(OutputFile, ADirectoryMissingOnOneRankStopsAllWithTheSameError) {
  const SharedTempDirectory directory(world());
  const bool is_last = world().rank().value() + 1 == world().size();
  const auto path = directory / (is_last ? "missing/values.h5" : "values.h5");
  try {
    const OutputFile file(world(), path);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kFile);
    EXPECT_NE(std::string(error.what()).find("No such file or directory"), std::string::npos) << error.what();
  }
}

TEST(OutputFile, AnAbandonedFileLeavesNothing) {
  const SharedTempDirectory directory(world());
  {
    OutputFile file(world(), directory / "values.h5");
    file.write<float>("/values", std::vector<float>(10, 1.0F));
  }
  world().barrier();
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

TEST(InputFile, ErrorsNameTheFileAndTheReason) {
  const SharedTempDirectory directory(world());
  const auto message_of = [](const std::filesystem::path& path) -> std::string {
    try {
      const InputFile file(path);
    } catch (const Error& error) {
      return error.what();
    }
    return "opened";
  };
  OutputFile file(world(), directory / "values.h5");
  file.write<float>("/values", std::vector<float>(100'000, 1.0F));
  file.commit();
  if (world().is_root()) std::filesystem::resize_file(directory / "values.h5", 100'000);
  world().barrier();

  EXPECT_THAT(message_of(directory / "none.h5"), ::testing::HasSubstr("No such file"));
  EXPECT_THAT(message_of(directory / "values.h5"), ::testing::HasSubstr("truncated"));
}

TEST(InputFile, RowsThatAreNotThereAreRefusedBeforeTheyTakeMemory) {
  const SharedTempDirectory directory(world());
  OutputFile file(world(), directory / "values.h5");
  file.write<float>("/values", std::vector<float>(world().is_root() ? 10U : 0U, 1.0F));
  file.write_fixed_text("/texts", std::vector<char>(world().is_root() ? 20U : 0U, 'x'), 2);
  file.commit();

  const InputFile read(directory / "values.h5");
  for (const IndexRange rows : {IndexRange{5, 3}, IndexRange{10, 11}, IndexRange{0, std::uint64_t{1} << 60U}}) {
    EXPECT_THROW((void)read.read<float>("/values", rows), InputError);
    EXPECT_THROW((void)read.read_bytes("/values", rows), InputError);
    EXPECT_THROW((void)read.read_fixed_text("/texts", rows), InputError);
  }
  EXPECT_EQ(read.read_fixed_text("/texts", {9, 10}), std::vector<std::string>{"xx"});
  EXPECT_NO_THROW(read.require_columns("/values", 1));
  EXPECT_THROW(read.require_columns("/values", 2), InputError);
}

}  // namespace
}  // namespace rove::tests
