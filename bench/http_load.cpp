// SPDX-License-Identifier: Apache-2.0
// Load for `rove serve` on loopback: requests at a fixed rate, whether answers come or not, and their latencies counted
// from the moment each was due (so that a stall is seen by all requests it delays). Usage: http_load PORT RATE SECONDS
// CONNECTIONS IDS_FILE [k]; ids of users, one a line.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace rove::bench {

namespace {

using Clock = std::chrono::steady_clock;

int connect_to(std::uint16_t port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int yes = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  const timeval limit{10, 0};
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    ::close(socket);
    return -1;
  }
  return socket;
}

/// Sends the request and reads one answer; whether it was a complete one with status 200.
bool ask(int socket, const std::string& request, std::string& buffer) {
  if (::send(socket, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size()))
    return false;
  buffer.clear();
  std::size_t expected = 0;
  while (expected == 0 || buffer.size() < expected) {
    char piece[16384];
    const ssize_t got = ::recv(socket, piece, sizeof piece, 0);
    if (got <= 0) return false;
    buffer.append(piece, static_cast<std::size_t>(got));
    const std::size_t head = buffer.find("\r\n\r\n");
    const std::size_t length = buffer.find("Content-Length: ");
    if (expected == 0 && head != std::string::npos && length < head) {
      expected = head + 4 + std::strtoul(buffer.c_str() + length + 16, nullptr, 10);
    }
  }
  return buffer.starts_with("HTTP/1.1 200");
}

struct Result {
  std::vector<double> latencies;
  std::uint64_t errors = 0;
};

int run(std::uint16_t port, double rate, double seconds, std::size_t connections, const std::string& ids_file,
        int top_k) {
  std::vector<std::string> ids;
  std::ifstream in(ids_file);
  for (std::string line; std::getline(in, line);) ids.push_back(line);
  if (ids.empty()) {
    fmt::print(stderr, "no ids in {}\n", ids_file);
    return 1;
  }
  const auto total = static_cast<std::size_t>(rate * seconds);
  std::vector<Result> results(connections);
  std::vector<std::thread> threads;
  const Clock::time_point start = Clock::now() + std::chrono::milliseconds(200);
  for (std::size_t c = 0; c < connections; ++c) {
    threads.emplace_back([&, c] {
      Result& result = results[c];
      std::string buffer;
      int socket = connect_to(port);
      for (std::size_t i = c; i < total; i += connections) {
        const auto due = start + std::chrono::duration_cast<Clock::duration>(
                                     std::chrono::duration<double>(static_cast<double>(i) / rate));
        std::this_thread::sleep_until(due);
        const std::string request =
            fmt::format("GET /v1/neighbors?type=user&id={}&k={} HTTP/1.1\r\nHost: localhost\r\n\r\n",
                        ids[i * 7919 % ids.size()], top_k);
        if (socket < 0) socket = connect_to(port);
        if (socket < 0 || !ask(socket, request, buffer)) {
          ++result.errors;
          if (socket >= 0) ::close(socket);
          socket = -1;
          continue;
        }
        result.latencies.push_back(std::chrono::duration<double, std::milli>(Clock::now() - due).count());
      }
      if (socket >= 0) ::close(socket);
    });
  }
  for (std::thread& thread : threads) thread.join();
  const double took = std::chrono::duration<double>(Clock::now() - start).count();
  std::vector<double> all;
  std::uint64_t errors = 0;
  for (const Result& result : results) {
    all.insert(all.end(), result.latencies.begin(), result.latencies.end());
    errors += result.errors;
  }
  std::sort(all.begin(), all.end());
  const auto quantile = [&](double q) {
    return all.empty() ? 0.0
                       : all[std::min(all.size() - 1, static_cast<std::size_t>(q * static_cast<double>(all.size())))];
  };
  fmt::print("{} requests in {:.1f} s ({:.0f}/s asked for, {:.0f}/s answered), {} errors\n", all.size() + errors, took,
             rate, static_cast<double>(all.size()) / took, errors);
  fmt::print("latency from due time: p50 {:.2f} ms, p90 {:.2f} ms, p99 {:.2f} ms, p99.9 {:.2f} ms, max {:.2f} ms\n",
             quantile(0.5), quantile(0.9), quantile(0.99), quantile(0.999), quantile(1.0));
  return errors == 0 ? 0 : 1;
}

}  // namespace

}  // namespace rove::bench

int main(int argc, char** argv) {
  if (argc < 6) {
    std::fputs("usage: http_load PORT RATE SECONDS CONNECTIONS IDS_FILE [k]\n", stderr);
    return 2;
  }
  return rove::bench::run(static_cast<std::uint16_t>(std::atoi(argv[1])), std::atof(argv[2]), std::atof(argv[3]),
                          static_cast<std::size_t>(std::atoi(argv[4])), argv[5], argc > 6 ? std::atoi(argv[6]) : 10);
}
