// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.hpp"
#include "engine/base/fault.hpp"
#include "io/hdf5/delta_file.hpp"
#include "io/hdf5/lookup.hpp"
#include "io/hdf5/node_rows.hpp"
#include "io/hdf5/verify.hpp"
#include "tests/io/hdf5/sample_files.hpp"
#include "tests/support/graphs.hpp"
#include "tests/support/mpi.hpp"
#include "tests/support/shared_temp_directory.hpp"

namespace rove::tests {
namespace {

using ::testing::IsEmpty;

using Vectors = std::map<std::uint64_t, std::vector<float>>;
/// Key of the source to (key of the target, score), best first.
using Lists = std::map<std::uint64_t, std::vector<std::pair<std::uint64_t, float>>>;

std::vector<std::uint64_t> keys_of(const io::hdf5::InputFile& file, const std::string& type) {
  return file.read<std::uint64_t>("/nodes/" + type + "/keys");
}

void take_vectors(const io::hdf5::InputFile& file, const std::string& type, const std::string& dataset,
                  const std::vector<std::uint64_t>& rows, Vectors& into) {
  const auto keys = keys_of(file, type);
  const auto values = file.read<float>(dataset);
  const std::uint64_t dim = file.info(dataset).width();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto begin = values.begin() + static_cast<std::ptrdiff_t>(i * dim);
    into[keys[rows[i]]].assign(begin, begin + static_cast<std::ptrdiff_t>(dim));
  }
}

void take_lists(const io::hdf5::InputFile& file, const std::string& group, const std::vector<std::uint64_t>& rows,
                Lists& into) {
  const auto sources = keys_of(file, file.attribute<std::string>(group, "source"));
  const auto targets = keys_of(file, file.attribute<std::string>(group, "target"));
  const auto indptr = file.read<std::uint64_t>(group + "/indptr");
  const auto indices = file.read<std::uint64_t>(group + "/indices");
  const auto scores = file.read<float>(group + "/scores");
  for (std::size_t i = 0; i < rows.size(); ++i) {
    auto& list = into[sources[rows[i]]];
    list.clear();
    for (std::uint64_t slot = indptr[i]; slot < indptr[i + 1]; ++slot) {
      list.emplace_back(targets[indices[slot]], scores[slot]);
    }
  }
}

std::vector<std::uint64_t> all_rows_of(const io::hdf5::InputFile& file, const std::string& type) {
  std::vector<std::uint64_t> rows(keys_of(file, type).size());
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = i;
  return rows;
}

template <class Rows>
void remove_gone(const io::hdf5::InputFile& delta, const std::string& type, Rows& rows) {
  for (const std::uint64_t key : delta.read<std::uint64_t>("/removed/" + type + "/keys")) {
    EXPECT_EQ(rows.erase(key), 1U);
  }
}

/// Last night's results after the delta must be tonight's.
void expect_applies(const std::filesystem::path& before, const std::filesystem::path& delta_file,
                    const std::filesystem::path& tonight) {
  const io::hdf5::InputFile delta(delta_file);
  for (const std::string type : {"user", "item"}) {
    const io::hdf5::InputFile first(before / "embeddings.h5");
    const io::hdf5::InputFile second(tonight / "embeddings.h5");
    Vectors found;
    take_vectors(first, type, "/nodes/" + type + "/vectors", all_rows_of(first, type), found);
    remove_gone(delta, type, found);
    const std::string group = "/embeddings/" + type;
    take_vectors(delta, type, group + "/vectors", delta.read<std::uint64_t>(group + "/rows"), found);
    Vectors expected;
    take_vectors(second, type, "/nodes/" + type + "/vectors", all_rows_of(second, type), expected);
    EXPECT_EQ(found, expected) << type;
  }
  for (const auto& [name, group] :
       {std::pair("ppr.h5", "/neighbors/user/item"), std::pair("recommendations.h5", "/recommendations/user/item")}) {
    const io::hdf5::InputFile first(before / name);
    const io::hdf5::InputFile second(tonight / name);
    Lists found;
    take_lists(first, group, all_rows_of(first, "user"), found);
    remove_gone(delta, "user", found);
    take_lists(delta, group, delta.read<std::uint64_t>(std::string(group) + "/rows"), found);
    Lists expected;
    take_lists(second, group, all_rows_of(second, "user"), expected);
    EXPECT_EQ(found, expected) << name;
  }
}

class Delta : public ::testing::Test {
 protected:
  Delta() {
    write_sample_files(world(), random_bipartite(90, 60, 300, 2), few.path());
    write_sample_files(world(), random_bipartite(110, 60, 300, 2), many.path());
  }

  SharedTempDirectory few{world()};
  SharedTempDirectory many{world()};
  SharedTempDirectory out{world()};
};

TEST_F(Delta, AppliedToLastNightIsTonight) {
  const auto summary = io::write_delta(world(), out / "delta.h5", many.path(), few.path(), {}, sample_provenance());
  ASSERT_TRUE(summary.has_value());
  ASSERT_EQ(summary->types.size(), 2U);
  EXPECT_EQ(summary->types[0].added, 20U);
  EXPECT_EQ(summary->types[0].removed, 0U);
  EXPECT_EQ(summary->types[1].added, 0U);
  ASSERT_EQ(summary->changes.size(), 4U);
  EXPECT_EQ(summary->changes[1].what, "embeddings/item");
  EXPECT_EQ(summary->changes[1].changed, 0U) << "vectors of items are functions of the row";
  EXPECT_THAT(io::verify_file(world(), out / "delta.h5").problems, IsEmpty());
  expect_applies(few.path(), out / "delta.h5", many.path());

  const auto back = io::write_delta(world(), out / "back.h5", few.path(), many.path(), {}, sample_provenance());
  EXPECT_EQ(back->types[0].removed, 20U);
  EXPECT_THAT(io::verify_file(world(), out / "back.h5").problems, IsEmpty());
  expect_applies(many.path(), out / "back.h5", few.path());
}

TEST_F(Delta, BytesAreThoseOfOneRank) {
  for (const auto& [tonight, before] : {std::pair(many.path(), few.path()), std::pair(few.path(), many.path())}) {
    expect_same_at_one_rank(world(), [&](const comm::Communicator& comm, const std::filesystem::path& path) {
      static_cast<void>(io::write_delta(comm, path, tonight, before, {}, sample_provenance()));
    });
  }
}

TEST_F(Delta, ToleranceLeavesSmallMovesOut) {
  // Cosines may be -1: a fall of 2 takes in all.
  const auto exact = io::write_delta(world(), out / "exact.h5", many.path(), few.path(), {}, sample_provenance());
  const auto loose = io::write_delta(world(), out / "loose.h5", many.path(), few.path(), {0.5}, sample_provenance());
  const auto added = io::write_delta(world(), out / "added.h5", many.path(), few.path(), {2.0}, sample_provenance());
  EXPECT_GT(exact->changes[0].changed, loose->changes[0].changed);
  EXPECT_GT(loose->changes[0].changed, 20U);
  EXPECT_EQ(added->changes[0].changed, 20U);
  EXPECT_EQ(added->changes[2].changed, 20U);
  const io::hdf5::InputFile file(out / "loose.h5");
  for (const float cosine : file.read<float>("/embeddings/user/cosines")) EXPECT_LT(cosine, 0.5F);
}

TEST_F(Delta, LookupSaysHowAnIdStands) {
  static_cast<void>(io::write_delta(world(), out / "delta.h5", many.path(), few.path(), {}, sample_provenance()));
  static_cast<void>(io::write_delta(world(), out / "back.h5", few.path(), many.path(), {}, sample_provenance()));
  const auto status = [&](const char* file, const char* id) { return io::lookup(out / file, id, "user", 5).at(0); };
  EXPECT_EQ(status("delta.h5", "user100").status, "new");
  EXPECT_EQ(status("delta.h5", "user100").vector.size(), 5U);
  EXPECT_EQ(status("back.h5", "user100").status, "gone");
  EXPECT_EQ(io::lookup(out / "delta.h5", "item3", "item", 5).at(0).status, "same");
  EXPECT_THAT(io::to_text(status("back.h5", "user100")), ::testing::HasSubstr("gone"));
}

/// **Collective.** Flips a bit in the header of every object but the root, which is found when the object is looked at.
void damage_objects(const std::filesystem::path& path) {
  world().barrier();
  if (world().is_root()) {
    std::ifstream in(path, std::ios::binary);
    std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    std::uint64_t root = 0;
    std::memcpy(&root, bytes.data() + 36, sizeof root);  // in the superblock of version 2
    ASSERT_EQ(bytes.substr(root, 4), "OHDR");
    for (std::size_t at = bytes.find("OHDR"); at != std::string::npos; at = bytes.find("OHDR", at + 1)) {
      if (at != root) bytes[at + 8] = static_cast<char>(bytes[at + 8] ^ 1);
    }
    std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  world().barrier();
}

TEST_F(Delta, ALastNightThatCannotBeReadIsBadInput) {
  const auto code_with = [&](const std::string& rule) {
    setenv("ROVE_FAULT", rule.c_str(), 1);
    fault::set_rank(world().rank().value());
    fault::reload();
    ExitCode code = ExitCode::kSuccess;
    try {
      static_cast<void>(io::write_delta(world(), out / "delta.h5", many.path(), few.path(), {}, sample_provenance()));
    } catch (const Error& error) {
      code = error.code();
    }
    unsetenv("ROVE_FAULT");
    fault::reload();
    return code;
  };
  // Its embeddings.h5 is the second file that a rank opens.
  EXPECT_EQ(code_with(fmt::format("io.open:2@{}", world().size() - 1)), ExitCode::kInput);
  EXPECT_EQ(code_with("io.rename@0"), ExitCode::kFile) << "the delta cannot be written";
  EXPECT_EQ(code_with(""), ExitCode::kSuccess);
  damage_objects(few / "embeddings.h5");
  EXPECT_EQ(code_with(""), ExitCode::kInput);
}

TEST_F(Delta, RankZeroSaysWhichFilesThereAre) {
  const SharedTempDirectory empty(world());
  const auto write = [&](bool sees_none) {
    return io::write_delta(world(), out / "delta.h5", many.path(), sees_none ? empty.path() : few.path(), {},
                           sample_provenance());
  };
  EXPECT_FALSE(write(world().is_root()));
  if (world().size() > 1) {
    EXPECT_THROW(static_cast<void>(write(world().rank().value() == world().size() - 1)), InputError);
  }
  EXPECT_FALSE(std::filesystem::exists(out / "delta.h5"));
}

TEST_F(Delta, NothingIsWrittenWithoutCommonResults) {
  const SharedTempDirectory empty(world());
  EXPECT_FALSE(io::write_delta(world(), out / "none.h5", many.path(), empty.path(), {}, sample_provenance()));
  EXPECT_FALSE(std::filesystem::exists(out / "none.h5"));
}

}  // namespace
}  // namespace rove::tests
