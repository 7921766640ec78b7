// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace rove::jobs {

/// Counters of a service, as Prometheus reads them. Thread-safe: each is one atomic integer.
class ServiceMetrics {
 public:
  enum class Endpoint : std::uint8_t { kNeighbors, kExplain, kBatch, kOther };
  static constexpr std::array<std::string_view, 4> kEndpointNames = {"neighbors", "explain", "batch", "other"};

  void count_request(Endpoint endpoint, int status, std::chrono::nanoseconds took);
  void count_answers(std::uint64_t answers, std::uint64_t cold) {
    answers_.fetch_add(answers, std::memory_order_relaxed);
    cold_.fetch_add(cold, std::memory_order_relaxed);
  }
  void count_reload(bool succeeded) {
    (succeeded ? reloads_ : failed_reloads_).fetch_add(1, std::memory_order_relaxed);
  }
  void set_index(std::int64_t created_seconds) { index_created_.store(created_seconds, std::memory_order_relaxed); }

  /// The text exposition format, version 0.0.4.
  [[nodiscard]] std::string text() const;

 private:
  using Counter = std::atomic<std::uint64_t>;
  /// Upper bounds of the histogram's buckets in microseconds; a last one takes the rest.
  static constexpr std::array<std::uint32_t, 13> kBounds = {50,     100,    250,    500,     1'000,   2'500,    5'000,
                                                            10'000, 25'000, 50'000, 100'000, 250'000, 1'000'000};
  struct OfEndpoint {
    std::array<Counter, 6> by_class{};  ///< statuses 2xx in [2] and so on
    std::array<Counter, kBounds.size() + 1> buckets{};
    Counter nanoseconds{0};
  };

  std::array<OfEndpoint, kEndpointNames.size()> endpoints_{};
  Counter answers_{0};
  Counter cold_{0};
  Counter reloads_{0};
  Counter failed_reloads_{0};
  std::atomic<std::int64_t> index_created_{0};
};

}  // namespace rove::jobs
