// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include <httplib.h>

namespace rove::jobs {

/// The library's server with bounds that it lacks: it gives every read its own timeout and looks at no length but
/// Content-Length, so that clients which drip, or send headers or chunks without end, would hold threads and memory.
/// - A request arrives within `timeout` of its first byte, its answer is taken within as long, and a connection without
///   requests is closed after as long.
/// - Request line and headers have `kHeadBytes` together; a body has twice `max_body` and as much again, so that frames
///   of chunks fit beside it. What a handler keeps of it is its own to bound.
/// - Requests that come together are answered one after another; a range of bytes is not served.
class BoundedServer final : public httplib::Server {
 public:
  using Clock = std::chrono::steady_clock;
  struct Bounds {
    std::chrono::seconds timeout{5};
    std::uint64_t max_body = std::uint64_t{1} << 20U;  ///< bytes
  };
  enum class Failure : std::uint8_t { kNone, kLate, kTooLarge };
  static constexpr std::uint64_t kHeadBytes = std::uint64_t{1} << 16U;

  explicit BoundedServer(Bounds bounds) : bounds_(bounds) {}

  /// Every connection ends within the timeout, counted from the first call, or, once the answer that it waits for is
  /// computed, within another. Thread-safe.
  void close_soon();

  /// For handlers, about the request that their thread answers: which bound it has met.
  [[nodiscard]] static Failure failure();
  /// For handlers: the connection ends with this answer. What the client still sends is read and dropped, or it would
  /// lose the answer.
  static void close_after(httplib::Response& response);

 private:
  bool process_and_close_socket(socket_t descriptor) override;

  Bounds bounds_;
  std::atomic<Clock::time_point> closing_{Clock::time_point::max()};
};

}  // namespace rove::jobs
