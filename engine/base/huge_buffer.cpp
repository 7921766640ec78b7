// SPDX-License-Identifier: Apache-2.0
#include "engine/base/huge_buffer.hpp"

#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <sys/mman.h>

#include "engine/base/error.hpp"
#include "engine/base/memory_plan.hpp"

namespace rove::detail {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20U;
constexpr std::size_t kPage = 4096;

constexpr std::size_t round_up(std::size_t bytes, std::size_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

std::size_t mapped_size(std::size_t bytes) {
  return round_up(bytes, bytes < kHugePage ? kPage : kHugePage);
}

}  // namespace

void* map_huge(std::size_t bytes) {
  if (bytes == 0) return nullptr;
  const bool huge = bytes >= kHugePage;
  const bool countable = bytes <= std::numeric_limits<std::size_t>::max() - 2 * kHugePage;
  const std::size_t wanted = countable ? mapped_size(bytes) : bytes;
  const std::size_t slack = huge ? kHugePage - kPage : 0;  // enough to cut an aligned piece out
  void* mapped = countable ? mmap(nullptr, wanted + slack, PROT_READ | PROT_WRITE,
                                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
                           : MAP_FAILED;
  if (mapped == MAP_FAILED) {
    throw DoesNotFitError(fmt::format("cannot map an array of {}: {}; run on more nodes or with fewer ranks per node",
                                      format_bytes(bytes),
                                      countable ? std::strerror(errno) : "larger than the address space"));
  }
  auto* const begin = static_cast<std::byte*>(mapped);
  if (!huge) return begin;
  const std::size_t misaligned = reinterpret_cast<std::uintptr_t>(begin) % kHugePage;
  const std::size_t head = misaligned == 0 ? 0 : kHugePage - misaligned;
  if (head > 0) munmap(begin, head);
  if (slack > head) munmap(begin + head + wanted, slack - head);
  madvise(begin + head, wanted, MADV_HUGEPAGE);  // refused: ordinary pages, as documented
  return begin + head;
}

void unmap_huge(void* address, std::size_t bytes) noexcept {
  if (address != nullptr) munmap(address, mapped_size(bytes));
}

}  // namespace rove::detail
