// SPDX-License-Identifier: Apache-2.0
#include "jobs/serve/bounded_server.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>

#include <poll.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

namespace rove::jobs {
namespace {

/// One connection as the library reads and writes it.
class Connection final : public httplib::Stream {
 public:
  using Clock = BoundedServer::Clock;
  using Failure = BoundedServer::Failure;

  Connection(int descriptor, const BoundedServer::Bounds& bounds, const std::atomic<Clock::time_point>& closing)
      : descriptor_(descriptor), bounds_(bounds), closing_(closing) {}

  /// Whether another request begins in time. The end of the connection passes for one, which the library finds empty.
  [[nodiscard]] bool await_request() const { return begin_ < end_ || wait_for(POLLIN, Clock::now() + bounds_.timeout); }
  void begin_request() {
    allowance_ = BoundedServer::kHeadBytes;
    read_until_ = Clock::now() + bounds_.timeout;
    is_answering_ = false;
  }
  void begin_body() {
    constexpr std::uint64_t kNoOverflow = std::uint64_t{1} << 62U;
    allowance_ = BoundedServer::kHeadBytes + 2 * std::min(bounds_.max_body, kNoOverflow);
  }
  void close_after_answer() { is_last_ = true; }
  [[nodiscard]] Failure failure() const { return failure_; }
  /// A bound was met, or a handler has said so: nobody knows where a next request would begin.
  [[nodiscard]] bool is_over() const { return is_last_ || failure_ != Failure::kNone; }
  /// A connection that is closed with bytes unread is reset, and the answer may be lost with it.
  void drain() {
    ::shutdown(descriptor_, SHUT_WR);
    read_until_ = Clock::now() + bounds_.timeout;
    while (fill()) {
    }
  }

  [[nodiscard]] bool is_readable() const override { return begin_ < end_ || wait_for(POLLIN, read_until_); }
  [[nodiscard]] bool is_writable() const override { return wait_for(POLLOUT, write_until_); }
  ssize_t read(char* into, std::size_t size) override {
    if (begin_ == end_ && !fill()) return failure_ == Failure::kNone ? 0 : -1;
    const std::size_t taken = std::min<std::uint64_t>({size, end_ - begin_, allowance_});
    if (taken == 0 && size > 0) {
      failure_ = Failure::kTooLarge;
      return -1;
    }
    std::copy_n(buffer_.data() + begin_, taken, into);
    begin_ += taken;
    allowance_ -= taken;
    return static_cast<ssize_t>(taken);
  }
  ssize_t write(const char* data, std::size_t size) override {
    if (!is_answering_) {
      is_answering_ = true;
      write_until_ = Clock::now() + bounds_.timeout;
    }
    while (true) {
      const ssize_t sent = ::send(descriptor_, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent >= 0) return sent;
      if (errno == EINTR) continue;
      if (errno == EAGAIN && wait_for(POLLOUT, write_until_)) continue;
      failure_ = Failure::kLate;
      return -1;
    }
  }
  // Nothing here asks who is at the other end.
  void get_remote_ip_and_port(std::string& /*ip*/, int& /*port*/) const override {}
  void get_local_ip_and_port(std::string& /*ip*/, int& /*port*/) const override {}
  [[nodiscard]] socket_t socket() const override { return descriptor_; }

 private:
  /// Reads into the empty buffer. False: the client has sent its last byte, or time is up.
  bool fill() {
    is_answering_ = false;
    // A client that drips is always ready to be read: the clock is asked each time.
    while (Clock::now() < std::min(read_until_, closing_.load())) {
      const ssize_t got = ::recv(descriptor_, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
      if (got > 0) {
        begin_ = 0;
        end_ = static_cast<std::size_t>(got);
        return true;
      }
      if (got < 0 && errno == EAGAIN) {
        static_cast<void>(wait_for(POLLIN, read_until_));
      } else if (got == 0 || errno != EINTR) {
        return false;
      }
    }
    failure_ = Failure::kLate;
    return false;
  }

  [[nodiscard]] bool wait_for(short events, Clock::time_point until) const {
    constexpr std::chrono::milliseconds kSlice(100);  // `closing_` may come nearer meanwhile
    while (true) {
      // An answer that is ready is sent to its end.
      const Clock::time_point end = events == POLLOUT ? until : std::min(until, closing_.load());
      const Clock::duration left = end - Clock::now();
      if (left <= Clock::duration::zero()) return false;
      const auto slice = std::min(kSlice, std::chrono::ceil<std::chrono::milliseconds>(left));
      pollfd entry{descriptor_, events, 0};
      const int ready = ::poll(&entry, 1, static_cast<int>(slice.count()));
      if (ready > 0) return true;
      if (ready < 0 && errno != EINTR) return false;
    }
  }

  int descriptor_;
  const BoundedServer::Bounds& bounds_;
  const std::atomic<Clock::time_point>& closing_;
  std::array<char, std::size_t{1} << 14U> buffer_{};
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::uint64_t allowance_ = 0;  ///< bytes that the request may still have
  Clock::time_point read_until_;
  Clock::time_point write_until_;
  bool is_answering_ = false;
  bool is_last_ = false;
  Failure failure_ = Failure::kNone;
};

/// The library hands its handlers no way to the connection, but calls them on the thread that serves it.
thread_local Connection* served_here = nullptr;

}  // namespace

void BoundedServer::close_soon() {
  Clock::time_point never = Clock::time_point::max();
  closing_.compare_exchange_strong(never, Clock::now() + bounds_.timeout);
}

BoundedServer::Failure BoundedServer::failure() {
  return served_here == nullptr ? Failure::kNone : served_here->failure();
}

void BoundedServer::close_after(httplib::Response& response) {
  response.set_header("Connection", "close");
  if (served_here != nullptr) served_here->close_after_answer();
}

bool BoundedServer::process_and_close_socket(socket_t descriptor) {
  Connection connection(descriptor, bounds_, closing_);
  served_here = &connection;
  bool answered = false;
  while (svr_sock_ != INVALID_SOCKET && connection.await_request()) {
    connection.begin_request();
    bool closes = false;
    answered = process_request(connection, false, closes, [&](httplib::Request& request) {
      request.ranges.clear();
      connection.begin_body();
    });
    if (!answered || closes || connection.is_over()) break;
  }
  if (connection.is_over() && connection.failure() != Failure::kLate) connection.drain();
  served_here = nullptr;
  ::shutdown(descriptor, SHUT_RDWR);
  ::close(descriptor);
  return answered;
}

}  // namespace rove::jobs
