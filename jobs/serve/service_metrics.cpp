// SPDX-License-Identifier: Apache-2.0
#include "jobs/serve/service_metrics.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace rove::jobs {

void ServiceMetrics::count_request(Endpoint endpoint, int status, std::chrono::nanoseconds took) {
  OfEndpoint& counters = endpoints_[static_cast<std::size_t>(endpoint)];
  const auto status_class = static_cast<std::size_t>(std::clamp(status / 100, 0, 5));
  counters.by_class[status_class].fetch_add(1, std::memory_order_relaxed);
  const auto nanoseconds = static_cast<std::uint64_t>(std::max<std::int64_t>(0, took.count()));
  const auto bucket = std::lower_bound(kBounds.begin(), kBounds.end(), nanoseconds / 1'000) - kBounds.begin();
  counters.buckets[static_cast<std::size_t>(bucket)].fetch_add(1, std::memory_order_relaxed);
  counters.nanoseconds.fetch_add(nanoseconds, std::memory_order_relaxed);
}

std::string ServiceMetrics::text() const {
  const auto value = [](const Counter& counter) { return counter.load(std::memory_order_relaxed); };
  std::string text =
      "# HELP rove_requests_total Requests answered, by endpoint and class of status.\n"
      "# TYPE rove_requests_total counter\n";
  for (std::size_t e = 0; e < endpoints_.size(); ++e) {
    for (std::size_t c = 2; c < endpoints_[e].by_class.size(); ++c) {
      text += fmt::format("rove_requests_total{{endpoint=\"{}\",status=\"{}xx\"}} {}\n", kEndpointNames[e], c,
                          value(endpoints_[e].by_class[c]));
    }
  }
  text +=
      "# HELP rove_request_seconds Time from the parsed request to its answer.\n"
      "# TYPE rove_request_seconds histogram\n";
  for (std::size_t e = 0; e < endpoints_.size(); ++e) {
    std::uint64_t below = 0;
    for (std::size_t b = 0; b < endpoints_[e].buckets.size(); ++b) {
      below += value(endpoints_[e].buckets[b]);
      const std::string bound = b < kBounds.size() ? fmt::format("{}", kBounds[b] / 1e6) : "+Inf";
      text +=
          fmt::format("rove_request_seconds_bucket{{endpoint=\"{}\",le=\"{}\"}} {}\n", kEndpointNames[e], bound, below);
    }
    text += fmt::format("rove_request_seconds_sum{{endpoint=\"{}\"}} {:.9f}\n", kEndpointNames[e],
                        static_cast<double>(value(endpoints_[e].nanoseconds)) / 1e9);
    text += fmt::format("rove_request_seconds_count{{endpoint=\"{}\"}} {}\n", kEndpointNames[e], below);
  }
  const auto single = [&](const char* name, const char* type, const char* help, auto number) {
    text += fmt::format("# HELP {0} {1}\n# TYPE {0} {2}\n{0} {3}\n", name, help, type, number);
  };
  single("rove_answers_total", "counter", "Neighbour lists computed.", value(answers_));
  single("rove_cold_answers_total", "counter", "Of them, for seeds without edges.", value(cold_));
  single("rove_index_reloads_total", "counter", "Newly published indexes taken up.", value(reloads_));
  single("rove_index_reload_failures_total", "counter", "Newly published indexes that could not be opened.",
         value(failed_reloads_));
  single("rove_index_created_timestamp_seconds", "gauge", "When the index that answers was made.",
         index_created_.load(std::memory_order_relaxed));
  return text;
}

}  // namespace rove::jobs
