// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "engine/base/exact_sum.hpp"
#include "engine/base/ids.hpp"

/// The thin layer over oneTBB, and the only folder that includes it. Nothing here lets the number of threads change a
/// result: bodies write to disjoint places, reductions are exact, ordered, or by integers.
namespace rove::parallel {

/// Caps the threads of this process for the lifetime of the object. 0 means: as many as this rank may use
/// (affinity mask, cgroup quota, SLURM_CPUS_PER_TASK). One at a time, in `jobs/` or a test's main.
class ConcurrencyLimit {
 public:
  explicit ConcurrencyLimit(std::uint32_t threads);
  ~ConcurrencyLimit();
  ConcurrencyLimit(const ConcurrencyLimit&) = delete;
  ConcurrencyLimit& operator=(const ConcurrencyLimit&) = delete;

 private:
  void* control_;
};

/// Threads that loops may use now.
[[nodiscard]] std::uint32_t concurrency();
/// Index of the calling thread in [0, concurrency()) inside a parallel loop; 0 outside.
[[nodiscard]] std::uint32_t thread_index();

/// Calls `body(chunk)` for disjoint chunks of at most `grain` covering `range`, in any order on any threads. Chunk
/// boundaries are multiples of `grain` from `range.begin`, the same for any number of threads. Exceptions are rethrown.
void for_chunks(IndexRange range, std::uint64_t grain, const std::function<void(IndexRange)>& body);

/// Calls `body(i)` for every i of `range`.
template <class Body>
void for_each(IndexRange range, std::uint64_t grain, const Body& body) {
  for_chunks(range, grain, [&](IndexRange chunk) {
    for (std::uint64_t i = chunk.begin; i < chunk.end; ++i) body(i);
  });
}

/// Runs the tasks, each once, possibly at the same time.
void invoke(std::span<const std::function<void()>> tasks);

/// One `T` per thread, made on first use, visited afterwards in thread-index order (so use it only for values whose
/// combination does not depend on order, such as buffers, integer counts and `ExactSum`).
template <class T>
class PerThread {
 public:
  PerThread() : slots_(concurrency()) {}
  explicit PerThread(const T& initial) : slots_(concurrency(), Slot{initial}) {}
  [[nodiscard]] T& local() { return slots_[thread_index()].value; }
  template <class Visit>
  void for_each(const Visit& visit) {
    for (Slot& slot : slots_) visit(slot.value);
  }

 private:
  struct alignas(64) Slot {
    T value{};
  };
  std::vector<Slot> slots_;
};

/// Exact sum of `value(i)` over the range: independent of threads and order.
template <class Value>
[[nodiscard]] ExactSum exact_sum(IndexRange range, std::uint64_t grain, const Value& value) {
  PerThread<ExactSum> partial;
  for_chunks(range, grain, [&](IndexRange chunk) {
    ExactSum& sum = partial.local();
    for (std::uint64_t i = chunk.begin; i < chunk.end; ++i) sum.add(static_cast<double>(value(i)));
  });
  ExactSum total;
  partial.for_each([&](ExactSum& sum) { total.merge(sum); });
  return total;
}

/// Replaces counts by their exclusive prefix sums and returns the total.
std::uint64_t exclusive_prefix_sum(std::span<std::uint64_t> counts);

/// Sorts in parallel. Equal elements may be exchanged: give a total order.
template <class T, class Less>
void sort(std::span<T> values, const Less& less);

}  // namespace rove::parallel

#include "engine/parallel/detail/sort.hpp"
