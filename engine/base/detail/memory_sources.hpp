// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace rove::detail {

/// The tightest memory limit of this process's control groups and all their ancestors, versions 1 and 2; nothing when
/// there is none. `root` stands for "/" (a test gives a made-up tree with proc/self/cgroup and sys/fs/cgroup).
[[nodiscard]] std::optional<std::uint64_t> cgroup_memory_limit(const std::string& root);

/// Slurm's limit for this job on this node, from SLURM_MEM_PER_NODE, or SLURM_MEM_PER_CPU and SLURM_CPUS_ON_NODE, in
/// MiB.
struct SlurmMemory {
  std::uint64_t bytes = 0;
  std::string source;
};
[[nodiscard]] std::optional<SlurmMemory> slurm_memory_limit();

}  // namespace rove::detail
