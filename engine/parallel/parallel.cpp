// SPDX-License-Identifier: Apache-2.0
#include "engine/parallel/parallel.hpp"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/parallel_invoke.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_scheduler_observer.h>
#include <sched.h>

#include "engine/base/assert.hpp"
#include "engine/base/checked_cast.hpp"
#include "engine/base/error.hpp"
#include "engine/base/stop.hpp"

#ifdef ROVE_THREAD_SANITIZER
#include <sanitizer/tsan_interface.h>
#endif

namespace rove::parallel {
namespace {

/// Tells the thread sanitizer that tasks start after the caller's writes and end before it goes on: it cannot see the
/// synchronisation inside oneTBB, whose library is not instrumented, and nor is this source, where oneTBB's templates
/// become code. Nothing in other builds.
class ForkJoin {
 public:
#ifdef ROVE_THREAD_SANITIZER
  ForkJoin() { __tsan_release(&fork_); }
  ~ForkJoin() { __tsan_acquire(&join_); }
  void begin_task() { __tsan_acquire(&fork_); }
  void end_task() { __tsan_release(&join_); }
#else
  ForkJoin() = default;
  ~ForkJoin() = default;
  void begin_task() {}
  void end_task() {}
#endif
  ForkJoin(const ForkJoin&) = delete;
  ForkJoin& operator=(const ForkJoin&) = delete;

 private:
  [[maybe_unused]] char fork_ = 0;
  [[maybe_unused]] char join_ = 0;
};

class Task {
 public:
  explicit Task(ForkJoin& region) : region_(region) { region_.begin_task(); }
  ~Task() { region_.end_task(); }
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;

 private:
  ForkJoin& region_;
};

/// Every worker leaves the signals that ask to stop to the main thread.
class WorkerSignals final : public tbb::task_scheduler_observer {
 public:
  explicit WorkerSignals(tbb::task_arena& arena) : tbb::task_scheduler_observer(arena) { observe(); }
  ~WorkerSignals() override { observe(false); }
  WorkerSignals(const WorkerSignals&) = delete;
  WorkerSignals& operator=(const WorkerSignals&) = delete;

  void on_scheduler_entry(bool is_worker) override {
    if (is_worker) stop::leave_signals_to_main_thread();
  }
};

/// All loops run inside one arena of exactly as many slots as threads may be used, so that slot numbers index
/// per-thread storage.
struct Pool {
  explicit Pool(std::uint32_t thread_count)
      : threads(thread_count),
        control(tbb::global_control::max_allowed_parallelism, thread_count),
        arena(checked_cast<int>(thread_count, "number of threads")),
        signals(arena) {}

  std::uint32_t threads;
  tbb::global_control control;
  tbb::task_arena arena;
  WorkerSignals signals;
};

std::atomic<Pool*> limited{nullptr};

std::uint32_t positive_from_environment(const char* name) {
  const char* text = std::getenv(name);
  if (text == nullptr || *text == '\0') return 0;
  const std::string_view digits(text);
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size() || value == 0) {
    throw ConfigError(fmt::format("{} is '{}', expected a positive number of threads", name, digits));
  }
  return value;
}

/// Processors' worth of time per period that control group version 2 grants; 0 when there is no quota.
std::uint32_t cgroup_processors() {
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  double quota = 0;
  double period = 0;
  if (!(file >> quota >> period) || period <= 0) return 0;  // "max 100000": no quota
  return std::max(1U, static_cast<std::uint32_t>(std::ceil(quota / period)));
}

std::uint32_t default_threads() {
  if (const std::uint32_t asked = positive_from_environment("ROVE_THREADS")) return asked;
  if (const std::uint32_t granted = positive_from_environment("SLURM_CPUS_PER_TASK")) return granted;
  cpu_set_t set;
  CPU_ZERO(&set);
  std::uint32_t processors = 1;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) processors = static_cast<std::uint32_t>(CPU_COUNT(&set));
  const std::uint32_t quota = cgroup_processors();
  return std::max(1U, quota == 0 ? processors : std::min(processors, quota));
}

Pool& pool() {
  if (Pool* current = limited.load(std::memory_order_acquire)) return *current;
  static Pool unlimited(default_threads());
  return unlimited;
}

}  // namespace

ConcurrencyLimit::ConcurrencyLimit(std::uint32_t threads)
    : control_(std::make_unique<Pool>(threads == 0 ? default_threads() : threads).release()) {
  Pool* expected = nullptr;
  const bool only_one = limited.compare_exchange_strong(expected, static_cast<Pool*>(control_));
  ROVE_ASSERT_LIGHT(only_one);
}

ConcurrencyLimit::~ConcurrencyLimit() {
  limited.store(nullptr, std::memory_order_release);
  delete static_cast<Pool*>(control_);
}

std::uint32_t concurrency() {
  return pool().threads;
}

std::uint32_t thread_index() {
  return static_cast<std::uint32_t>(std::max(0, tbb::this_task_arena::current_thread_index()));
}

void for_chunks(IndexRange range, std::uint64_t grain, const std::function<void(IndexRange)>& body) {
  ROVE_ASSERT_LIGHT(grain > 0);
  if (range.end <= range.begin) return;
  const std::uint64_t num_chunks = (range.size() - 1) / grain + 1;
  const auto run = [&](std::uint64_t first, std::uint64_t last) {
    for (std::uint64_t chunk = first; chunk < last; ++chunk) {
      const std::uint64_t begin = range.begin + chunk * grain;
      body({begin, begin + std::min(grain, range.end - begin)});
    }
  };
  if (num_chunks == 1) return body(range);
  Pool& threads = pool();
  if (threads.threads == 1) return run(0, num_chunks);
  ForkJoin region;
  threads.arena.execute([&] {
    // Isolated: a thread waiting here must not start a chunk of an outer loop, which could find its own per-thread
    // storage in use.
    tbb::this_task_arena::isolate([&] {
      tbb::parallel_for(tbb::blocked_range<std::uint64_t>(0, num_chunks),
                        [&](const tbb::blocked_range<std::uint64_t>& chunks) {
                          const Task task(region);
                          run(chunks.begin(), chunks.end());
                        });
    });
  });
}

void invoke(std::span<const std::function<void()>> tasks) {
  for_each({0, tasks.size()}, 1, [&](std::uint64_t i) { tasks[i](); });
}

std::uint64_t exclusive_prefix_sum(std::span<std::uint64_t> counts) {
  constexpr std::uint64_t kBlock = std::uint64_t{1} << 16U;
  const auto scan = [&](IndexRange range, std::uint64_t sum) {
    for (std::uint64_t i = range.begin; i < range.end; ++i) {
      const std::uint64_t count = counts[i];
      counts[i] = sum;
      sum += count;
    }
    return sum;
  };
  // Two passes over memory pay from four threads on: 20 million counts took 6.4 ms serially, 10.4 ms on two threads.
  constexpr std::uint32_t kMinThreads = 4;
  if (counts.size() <= kBlock || concurrency() < kMinThreads) return scan({0, counts.size()}, 0);
  std::vector<std::uint64_t> block_sums((counts.size() - 1) / kBlock + 1);
  for_chunks({0, counts.size()}, kBlock, [&](IndexRange chunk) {
    std::uint64_t sum = 0;
    for (std::uint64_t i = chunk.begin; i < chunk.end; ++i) sum += counts[i];
    block_sums[chunk.begin / kBlock] = sum;
  });
  std::uint64_t total = 0;
  for (std::uint64_t& sum : block_sums) {
    const std::uint64_t block = sum;
    sum = total;
    total += block;
  }
  for_chunks({0, counts.size()}, kBlock, [&](IndexRange chunk) { scan(chunk, block_sums[chunk.begin / kBlock]); });
  return total;
}

namespace detail {

void fork_join(const std::function<void()>& left, const std::function<void()>& right) {
  ForkJoin region;
  const auto task_of = [&region](const std::function<void()>& side) {
    return [&region, &side] {
      const Task task(region);
      side();
    };
  };
  tbb::parallel_invoke(task_of(left), task_of(right));
}

void isolated(const std::function<void()>& work) {
  ForkJoin region;
  pool().arena.execute([&] {
    const Task task(region);
    tbb::this_task_arena::isolate(work);
  });
}

}  // namespace detail
}  // namespace rove::parallel
