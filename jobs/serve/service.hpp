// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "jobs/query/neighbor_index.hpp"
#include "jobs/query/query_json.hpp"

namespace rove::jobs {

struct ServiceOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 8470;                         ///< 0: any free one
  std::uint32_t threads = 64;                        ///< connections served at a time
  std::uint64_t max_body = std::uint64_t{1} << 20U;  ///< bytes of a request's body
  std::uint64_t max_batch = 1'000;                   ///< requests
  std::uint32_t timeout_seconds = 5;                 ///< to receive a request, to send an answer, between two
  std::string token;                                 ///< empty: no authentication
  RequestLimits limits;
};

/// Answers HTTP/JSON requests from an index in memory until it is told to stop (docs/serving.md): `/v1/neighbors`,
/// `/v1/explain`, `/v1/batch`, `/healthz`, `/metrics`. A request is answered from one index from its beginning to its
/// end; `replace_index` lets requests in flight end on the old one.
class Service {
 public:
  /// Binds the address. Throws `IoError` when it cannot.
  Service(std::shared_ptr<const NeighborIndex> index, ServiceOptions options);
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  [[nodiscard]] std::uint16_t port() const;
  /// Serves until `stop`; requests in flight are answered, and connections end within the timeout, those that wait for
  /// an answer within as long after it. Throws `IoError` when accepting connections fails.
  void run();
  /// Returns once no new connection is accepted. Thread-safe, but only while another thread runs or is about to.
  void stop();
  /// Thread-safe. Null: a reload failed and the old index stays.
  void replace_index(std::shared_ptr<const NeighborIndex> index);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace rove::jobs
