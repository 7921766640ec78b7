// SPDX-License-Identifier: Apache-2.0
#include "engine/base/memory_plan.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <optional>
#include <string_view>

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include "engine/base/assert.hpp"
#include "engine/base/detail/memory_sources.hpp"
#include "engine/base/error.hpp"

namespace rove {
namespace {

constexpr std::uint64_t kKiB = 1024;
constexpr std::uint64_t kMiB = kKiB * 1024;
constexpr std::array<std::string_view, 7> kUnits = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
constexpr std::size_t kItemsInMessage = 4;

std::optional<std::uint64_t> parse_count(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> count_in_file(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  if (!file || !std::getline(file, line)) return std::nullopt;
  return parse_count(line);  // "max" is no number, and no limit
}

std::optional<std::uint64_t> count_in_environment(const char* name) {
  const char* text = std::getenv(name);
  if (text == nullptr || *text == '\0') return std::nullopt;
  const auto value = parse_count(text);
  if (!value) throw ConfigError(fmt::format("{} is '{}', expected a number of MiB or processors", name, text));
  return value;
}

void keep_tightest(std::optional<std::uint64_t>& limit, std::optional<std::uint64_t> candidate) {
  // Version 1 spells "no limit" as a number near 2^63.
  if (!candidate || *candidate >= (std::uint64_t{1} << 62U)) return;
  limit = limit ? std::min(*limit, *candidate) : *candidate;
}

/// Limits in `name` of the group at `path` below `mount`, and of every group above it.
void walk_groups(std::optional<std::uint64_t>& limit, const std::string& mount, std::string path, const char* name) {
  while (true) {
    keep_tightest(limit, count_in_file(mount + path + "/" + name));
    if (path.empty()) return;
    path.resize(path.find_last_of('/') == std::string::npos ? 0 : path.find_last_of('/'));
  }
}

}  // namespace

namespace detail {

std::optional<std::uint64_t> cgroup_memory_limit(const std::string& root) {
  std::optional<std::uint64_t> limit;
  std::ifstream groups(root + "/proc/self/cgroup");
  std::string line;
  while (std::getline(groups, line)) {  // hierarchy:controllers:path
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = fmt::format(",{},", line.substr(first + 1, second - first - 1));
    std::string path = line.substr(second + 1);
    if (path == "/") path.clear();
    if (controllers == ",,") {
      walk_groups(limit, root + "/sys/fs/cgroup", path, "memory.max");
    } else if (controllers.find(",memory,") != std::string::npos) {
      walk_groups(limit, root + "/sys/fs/cgroup/memory", path, "memory.limit_in_bytes");
    }
  }
  return limit;
}

std::optional<SlurmMemory> slurm_memory_limit() {
  const auto per_node = count_in_environment("SLURM_MEM_PER_NODE");
  if (per_node && *per_node > 0) return SlurmMemory{*per_node * kMiB, "SLURM_MEM_PER_NODE"};
  const auto per_cpu = count_in_environment("SLURM_MEM_PER_CPU");
  const auto processors = count_in_environment("SLURM_CPUS_ON_NODE");
  if (per_cpu && *per_cpu > 0 && processors && *processors > 0) {
    return SlurmMemory{*per_cpu * *processors * kMiB, "SLURM_MEM_PER_CPU"};
  }
  return std::nullopt;  // Slurm spells "the whole node" as 0
}

}  // namespace detail

MemoryPlan& MemoryPlan::hold(std::string what, std::uint64_t bytes) {
  items_.push_back({std::move(what), bytes});
  return *this;
}

std::uint64_t MemoryPlan::total_bytes() const {
  std::uint64_t total = 0;
  for (const Item& item : items_) {
    // A plan beyond 2^64 bytes must say "does not fit", not wrap around to something that does.
    if (__builtin_add_overflow(total, item.bytes, &total)) return std::numeric_limits<std::uint64_t>::max();
  }
  return total;
}

void MemoryPlan::require_fits(std::uint64_t limit_bytes, const std::string& limit_name) const {
  const std::uint64_t total = total_bytes();
  if (total <= limit_bytes) return;
  std::vector<Item> largest = items_;
  std::stable_sort(largest.begin(), largest.end(), [](const Item& a, const Item& b) { return a.bytes > b.bytes; });
  if (largest.size() > kItemsInMessage) largest.resize(kItemsInMessage);
  std::string listing;
  for (const Item& item : largest) {
    listing += fmt::format("{}{} {}", listing.empty() ? "" : ", ", item.what, format_bytes(item.bytes));
  }
  throw DoesNotFitError(
      fmt::format("stage '{}' would hold {} per rank, but the limit is {} ({}); the largest parts are: {}. Run on more "
                  "nodes or with "
                  "fewer ranks per node, or raise resources.memory if the node has more",
                  stage_, format_bytes(total), format_bytes(limit_bytes), limit_name, listing));
}

MemoryLimit detect_memory_limit(std::uint32_t ranks_on_node) {
  ROVE_ASSERT_LIGHT(ranks_on_node > 0);
  const auto pages = sysconf(_SC_PHYS_PAGES);
  const auto page_bytes = sysconf(_SC_PAGESIZE);
  if (pages <= 0 || page_bytes <= 0) {
    throw InternalError("the system does not tell its memory size; set resources.memory");
  }
  MemoryLimit limit{static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page_bytes), "machine"};
  if (const auto cgroup = detail::cgroup_memory_limit(""); cgroup && *cgroup < limit.bytes) {
    limit = {*cgroup, "cgroup"};
  }
  if (const auto slurm = detail::slurm_memory_limit(); slurm && slurm->bytes < limit.bytes) {
    limit = {slurm->bytes, slurm->source};
  }
  limit.bytes /= ranks_on_node;
  return limit;
}

std::uint64_t peak_resident_bytes() {
  // Not getrusage alone: its maximum is inherited from the process that called exec.
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line)) {
    constexpr std::string_view kName = "VmHWM:";
    if (!line.starts_with(kName)) continue;
    const std::size_t begin = line.find_first_of("0123456789");
    const std::size_t end = line.find(" kB");
    if (begin == std::string::npos || end == std::string::npos) break;
    if (const auto kib = parse_count(std::string_view(line).substr(begin, end - begin))) return *kib * kKiB;
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) * kKiB;
}

std::string format_bytes(std::uint64_t bytes) {
  if (bytes < kKiB) return fmt::format("{} B", bytes);
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1023.95 && unit + 1 < kUnits.size()) {  // 1023.95 would print as 1024.0
    value /= 1024.0;
    ++unit;
  }
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::uint64_t parse_bytes(const std::string& text) {
  const auto refuse = [&](const char* why) -> ConfigError {
    return ConfigError(fmt::format(
        "memory size '{}' {}, expected a number with an optional binary unit, such as 4GiB, 4G, 512M or 1048576", text,
        why));
  };
  double number = 0;
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  const auto [rest, error] = std::from_chars(begin, end, number, std::chars_format::fixed);
  if (error != std::errc() || !(number >= 0)) throw refuse("does not start with a number");
  std::string unit(rest, end);
  std::erase(unit, ' ');
  if (!unit.empty() && unit != "B" && unit.size() != 1 && !unit.ends_with("iB")) throw refuse("has an unknown unit");
  std::size_t power = 0;
  if (!unit.empty() && unit != "B") {
    constexpr std::string_view kLetters = "KMGTPE";
    const auto letter = static_cast<char>(unit[0] >= 'a' && unit[0] <= 'z' ? unit[0] - 'a' + 'A' : unit[0]);
    const std::size_t index = kLetters.find(letter);
    if (index == std::string_view::npos || unit.size() == 2 || unit.size() > 3) throw refuse("has an unknown unit");
    power = index + 1;
  }
  if (power == 0) {
    std::uint64_t bytes = 0;
    const auto [stop, whole_error] = std::from_chars(begin, rest, bytes);
    if (whole_error != std::errc() || stop != rest) throw refuse("is no whole number of bytes");
    return bytes;
  }
  const double bytes = std::ldexp(number, static_cast<int>(10 * power));
  if (!(bytes < 0x1.0p64)) throw refuse("is too large");
  return static_cast<std::uint64_t>(bytes);
}

}  // namespace rove
