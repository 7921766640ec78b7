// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace rove {

/// What a stage will hold at its peak on one rank, declared before anything is allocated.
class MemoryPlan {
 public:
  struct Item {
    std::string what;
    std::uint64_t bytes = 0;
  };

  explicit MemoryPlan(std::string stage) : stage_(std::move(stage)) {}

  MemoryPlan& hold(std::string what, std::uint64_t bytes);
  [[nodiscard]] const std::string& stage() const { return stage_; }
  [[nodiscard]] const std::vector<Item>& items() const { return items_; }
  [[nodiscard]] std::uint64_t total_bytes() const;

  /// Throws `DoesNotFitError` naming the limit, the largest items and the setting to change.
  void require_fits(std::uint64_t limit_bytes, const std::string& limit_name) const;

 private:
  std::string stage_;
  std::vector<Item> items_;
};

/// A memory limit and where it comes from ("resources.memory", "SLURM_MEM_PER_NODE", "cgroup", "machine").
struct MemoryLimit {
  std::uint64_t bytes = 0;
  std::string source;
};

/// The tightest of: Slurm's limit for the node, the cgroup's (v2 and v1), the machine's memory; divided by the ranks on
/// this node.
[[nodiscard]] MemoryLimit detect_memory_limit(std::uint32_t ranks_on_node);

/// Peak resident set of this process so far, in bytes.
[[nodiscard]] std::uint64_t peak_resident_bytes();

/// Binary units with one decimal: "1.5 GiB"; below one KiB plain bytes: "512 B".
[[nodiscard]] std::string format_bytes(std::uint64_t bytes);
/// Reads "4GiB", "4G", "1.5 GiB", "512M", "1048576": units are binary, and a decimal "GB" is refused rather than
/// guessed. Throws `ConfigError`.
[[nodiscard]] std::uint64_t parse_bytes(const std::string& text);

}  // namespace rove
