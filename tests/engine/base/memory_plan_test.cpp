// SPDX-License-Identifier: Apache-2.0
#include "engine/base/memory_plan.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

#include "engine/base/detail/memory_sources.hpp"
#include "engine/base/error.hpp"

namespace rove {
namespace {

TEST(Bytes, AreReadInBinaryUnits) {
  EXPECT_EQ(parse_bytes("1048576"), 1048576U);
  EXPECT_EQ(parse_bytes("512B"), 512U);
  EXPECT_EQ(parse_bytes("512M"), 512U << 20U);
  EXPECT_EQ(parse_bytes("4G"), std::uint64_t{4} << 30U);
  EXPECT_EQ(parse_bytes("4GiB"), std::uint64_t{4} << 30U);
  EXPECT_EQ(parse_bytes("1.5 GiB"), std::uint64_t{3} << 29U);
  EXPECT_EQ(parse_bytes("2t"), std::uint64_t{2} << 40U);
  EXPECT_EQ(parse_bytes("18446744073709551615"), ~std::uint64_t{0});
}

TEST(Bytes, RefuseGuesswork) {
  for (const char* text : {"", "G", "4GB", "-1G", "1.5", "4 X", "4GiBs", "99E", "18446744073709551616", "nan", "inf"}) {
    EXPECT_THROW((void)parse_bytes(text), ConfigError) << text;
  }
}

TEST(Bytes, ArePrintedShort) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(1023), "1023 B");
  EXPECT_EQ(format_bytes(1536), "1.5 KiB");
  EXPECT_EQ(format_bytes((std::uint64_t{1} << 20U) - 1), "1.0 MiB");
  EXPECT_EQ(format_bytes(std::uint64_t{3} << 29U), "1.5 GiB");
  EXPECT_EQ(format_bytes(~std::uint64_t{0}), "16.0 EiB");
}

TEST(MemoryPlan, SaysWhatDoesNotFit) {
  MemoryPlan plan("train");
  plan.hold("embeddings", 3000).hold("adjacency", 5000).hold("batch", 10);
  EXPECT_EQ(plan.total_bytes(), 8010U);
  plan.require_fits(8010, "cgroup");
  try {
    plan.require_fits(8009, "cgroup");
    FAIL();
  } catch (const DoesNotFitError& error) {
    const std::string message = error.what();
    EXPECT_NE(message.find("'train'"), std::string::npos);
    EXPECT_NE(message.find("(cgroup)"), std::string::npos);
    EXPECT_LT(message.find("adjacency"), message.find("embeddings"));
    EXPECT_NE(message.find("resources.memory"), std::string::npos);
  }
}

TEST(MemoryPlan, DoesNotWrapAround) {
  MemoryPlan plan("index");
  plan.hold("a", ~std::uint64_t{0}).hold("b", 2);
  EXPECT_THROW(plan.require_fits(std::uint64_t{1} << 40U, "machine"), DoesNotFitError);
}

/// A made-up system tree, removed at the end.
class SystemTree {
 public:
  SystemTree() : root_(std::filesystem::temp_directory_path() / ("rove_cgroup_" + std::to_string(getpid()))) {}
  ~SystemTree() { std::filesystem::remove_all(root_); }
  SystemTree(const SystemTree&) = delete;
  SystemTree& operator=(const SystemTree&) = delete;

  void write(const std::string& path, const std::string& content) const {
    const std::filesystem::path file = root_ / path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << content << "\n";
  }
  [[nodiscard]] std::string root() const { return root_.string(); }

 private:
  std::filesystem::path root_;
};

TEST(CgroupLimit, IsTheTightestOfAllAncestors) {
  const SystemTree tree;
  EXPECT_FALSE(detail::cgroup_memory_limit(tree.root()).has_value());
  tree.write("proc/self/cgroup", "0::/slurm/job_7/step_0");
  tree.write("sys/fs/cgroup/slurm/job_7/step_0/memory.max", "max");
  EXPECT_FALSE(detail::cgroup_memory_limit(tree.root()).has_value());
  tree.write("sys/fs/cgroup/slurm/job_7/memory.max", "4294967296");
  tree.write("sys/fs/cgroup/slurm/memory.max", "8589934592");
  EXPECT_EQ(detail::cgroup_memory_limit(tree.root()), 4294967296U);
}

TEST(CgroupLimit, KnowsVersionOne) {
  const SystemTree tree;
  tree.write("proc/self/cgroup", "12:cpu,cpuacct:/a\n5:memory:/slurm/job\n0::/");
  tree.write("sys/fs/cgroup/memory/slurm/job/memory.limit_in_bytes", "9223372036854771712");  // no limit
  tree.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "1073741824");
  EXPECT_EQ(detail::cgroup_memory_limit(tree.root()), 1073741824U);
}

TEST(SlurmLimit, ReadsBothSpellings) {
  unsetenv("SLURM_MEM_PER_NODE");
  setenv("SLURM_MEM_PER_CPU", "100", 1);
  setenv("SLURM_CPUS_ON_NODE", "4", 1);
  EXPECT_EQ(detail::slurm_memory_limit()->bytes, std::uint64_t{400} << 20U);
  setenv("SLURM_MEM_PER_NODE", "16", 1);
  EXPECT_EQ(detail::slurm_memory_limit()->bytes, std::uint64_t{16} << 20U);
  EXPECT_EQ(detail::slurm_memory_limit()->source, "SLURM_MEM_PER_NODE");
  EXPECT_EQ(detect_memory_limit(4).bytes, std::uint64_t{4} << 20U);
  setenv("SLURM_MEM_PER_NODE", "many", 1);
  EXPECT_THROW((void)detail::slurm_memory_limit(), ConfigError);
  setenv("SLURM_MEM_PER_NODE", "0", 1);
  unsetenv("SLURM_MEM_PER_CPU");
  EXPECT_FALSE(detail::slurm_memory_limit().has_value());
  unsetenv("SLURM_MEM_PER_NODE");
  unsetenv("SLURM_CPUS_ON_NODE");
  EXPECT_GT(detect_memory_limit(1).bytes, detect_memory_limit(2).bytes);
}

TEST(PeakResident, IsPlausible) {
  EXPECT_GT(peak_resident_bytes(), std::uint64_t{1} << 20U);
  EXPECT_LT(peak_resident_bytes(), std::uint64_t{1} << 40U);
}

}  // namespace
}  // namespace rove
