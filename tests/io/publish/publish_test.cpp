// SPDX-License-Identifier: Apache-2.0
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/publish/file_system.hpp"
#include "io/publish/publisher.hpp"
#include "tests/io/hdf5/sample_files.hpp"
#include "tests/support/graphs.hpp"
#include "tests/support/mpi.hpp"
#include "tests/support/shared_temp_directory.hpp"

namespace rove::tests {
namespace {

namespace fs = std::filesystem;
namespace publish = io::publish;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

publish::PublishOptions options(std::uint64_t keep = 7) {
  publish::PublishOptions result;
  result.keep = keep;
  result.created_utc = "2026-01-31T02:00:00Z";
  result.software_version = "0.0.1-test";
  result.exclude = {"run.log"};
  return result;
}

/// **Collective.** A new run with files in it.
fs::path make_run(const fs::path& output, double recall) {
  const fs::path run = publish::create_run(world(), output);
  write_sample_files(world(), random_bipartite(9, 6, 30, 2), run);
  if (world().is_root()) {
    publish::write_metrics(run / "metrics.json", {{"recall@20", recall}});
    std::ofstream(run / "run.log") << "still growing";
    std::ofstream(run / "old.h5.part") << "left by a killed attempt";
  }
  world().barrier();
  return run;
}

TEST(Publish, ACompleteRunBecomesLatest) {
  const SharedTempDirectory output(world());
  const fs::path first = make_run(output.path(), 0.1);
  const publish::Manifest manifest = publish::publish_run(world(), output.path(), first, options(), nullptr);
  const fs::path second = make_run(output.path(), 0.2);
  publish::GateInput seen;
  publish::publish_run(world(), output.path(), second, options(),
                       [&](const publish::GateInput& input) { seen = input; });

  EXPECT_EQ(first.filename(), "0001");
  EXPECT_EQ(second.filename(), "0002");
  EXPECT_EQ(publish::published_run(output.path()), output / "0002");
  EXPECT_EQ(manifest.files.size(), 6U);
  EXPECT_EQ(manifest.metrics.at("recall@20"), 0.1);
  EXPECT_THAT(publish::verify_run(world(), output / "latest"), IsEmpty());
  if (world().is_root()) {
    EXPECT_EQ(seen.metrics.at("recall@20"), 0.2);
    EXPECT_EQ(seen.previous_metrics.value().at("recall@20"), 0.1);
  }
  const publish::Manifest read = publish::read_manifest(second);
  EXPECT_EQ(read.status, "complete");
  EXPECT_EQ(read.files[0].name, "embeddings.h5");
  EXPECT_EQ(read.files[0].rows.at("user"), 9U);
  EXPECT_EQ(read.files[0].sha256_blocks[0].size(), 64U);
  EXPECT_FALSE(fs::exists(second / "old.h5.part"));
}

TEST(Publish, AGateThatRefusesLeavesTheOldRunPublished) {
  const SharedTempDirectory output(world());
  publish::publish_run(world(), output.path(), make_run(output.path(), 0.2), options(), nullptr);
  const fs::path worse = make_run(output.path(), 0.1);
  const auto gate = [](const publish::GateInput& input) {
    if (input.metrics.at("recall@20") < input.previous_metrics->at("recall@20")) throw GateError("recall fell");
  };

  EXPECT_THROW(publish::publish_run(world(), output.path(), worse, options(), gate), GateError);

  EXPECT_EQ(publish::published_run(output.path()), output / "0001");
  EXPECT_EQ(publish::status_of(worse), "refused");
  EXPECT_THAT(publish::read_manifest(worse).reason, HasSubstr("recall fell"));
}

TEST(Publish, ADamagedFileIsNotPublished) {
  const SharedTempDirectory output(world());
  const fs::path run = make_run(output.path(), 0.2);
  if (world().is_root()) {
    std::fstream file(run / "embeddings.h5", std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(0, std::ios::end);
    const auto size = static_cast<std::streamoff>(file.tellg());
    for (std::streamoff at = 4096; at < size; at += 512) {
      file.seekp(at);
      file.put('\x5a');
    }
  }
  world().barrier();

  EXPECT_THROW(publish::publish_run(world(), output.path(), run, options(), nullptr), Error);
  EXPECT_FALSE(publish::published_run(output.path()).has_value());
}

TEST(Publish, VerifyRunNamesTheFileThatChanged) {
  const SharedTempDirectory output(world());
  const fs::path run = make_run(output.path(), 0.2);
  publish::publish_run(world(), output.path(), run, options(), nullptr);
  if (world().is_root()) {
    std::ofstream(run / "metrics.json") << R"({"recall@20": 0.9})" << '\n';
    fs::remove(run / "ppr.h5");
  }
  world().barrier();

  const std::vector<std::string> problems = publish::verify_run(world(), run);
  EXPECT_THAT(problems, Contains(HasSubstr("metrics.json")));
  EXPECT_THAT(problems, Contains(HasSubstr("ppr.h5: listed in the manifest, but missing")));
}

TEST(Publish, OldRunsAreRetiredAndRollbackGoesBack) {
  const SharedTempDirectory output(world());
  for (int i = 0; i < 4; ++i) {
    publish::publish_run(world(), output.path(), make_run(output.path(), 0.1), options(3), nullptr);
  }
  const auto numbers = [&] {
    std::vector<std::uint64_t> found;
    for (const publish::Run& run : publish::list_runs(output.path())) found.push_back(run.number);
    return found;
  };
  EXPECT_THAT(numbers(), ElementsAre(2, 3, 4));
  world().barrier();

  if (world().is_root()) {
    EXPECT_EQ(publish::roll_back(output.path()), output / "0003");
    EXPECT_EQ(publish::roll_back(output.path(), 2), output / "0002");
    EXPECT_THROW(publish::roll_back(output.path()), ConfigError);
    EXPECT_THROW(publish::roll_back(output.path(), 1), ConfigError);
    // The published run stays, whatever its age, and so does everything newer.
    EXPECT_THAT(publish::retire_runs(output.path(), 1), IsEmpty());
    EXPECT_EQ(publish::roll_back(output.path(), 4), output / "0004");
    {
      const publish::RunLock slow_night(output / "0002");
      EXPECT_THAT(publish::retire_runs(output.path(), 1), ElementsAre(3));
    }
    EXPECT_THAT(publish::retire_runs(output.path(), 1), ElementsAre(2));
  }
  world().barrier();
  EXPECT_THAT(numbers(), ElementsAre(4));
}

TEST(Publish, TwoPublishersDoNotMix) {
  const SharedTempDirectory output(world());
  const fs::path run = make_run(output.path(), 0.1);
  std::optional<publish::PublishLock> other;
  if (world().is_root()) other.emplace(output.path());
  world().barrier();
  try {
    publish::publish_run(world(), output.path(), run, options(), nullptr);
    FAIL() << "published";
  } catch (const IoError& error) {
    EXPECT_THAT(error.what(), HasSubstr("held by another publisher (process "));
  }
  other.reset();
  EXPECT_NO_THROW(publish::publish_run(world(), output.path(), run, options(), nullptr));
}

}  // namespace
}  // namespace rove::tests
