// SPDX-License-Identifier: Apache-2.0
#include "jobs/serve/service.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cctype>
#include <charconv>
#include <chrono>
#include <ctime>
#include <limits>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>

#include <fmt/format.h>
#include <httplib.h>
#include <nlohmann/json.hpp>
#include <sys/socket.h>

#include "engine/base/error.hpp"
#include "jobs/serve/bounded_server.hpp"
#include "jobs/serve/service_metrics.hpp"

namespace rove::jobs {
namespace {

using Clock = std::chrono::steady_clock;
using Endpoint = ServiceMetrics::Endpoint;

/// The library asks for a backlog of five connections; as many as the kernel allows may wait.
constexpr int kBacklog = 4096;

constexpr auto kPostPaths = std::to_array<std::string_view>({"/v1/neighbors", "/v1/explain", "/v1/batch"});

/// Takes as long for a wrong token as for the right one.
bool same_secret(std::string_view given, std::string_view wanted) {
  unsigned difference = given.size() == wanted.size() ? 0U : 1U;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const char c = i < given.size() ? given[i] : '\0';
    difference |= static_cast<unsigned>(c != wanted[i]);
  }
  return difference == 0;
}

std::string error_json(const std::string& message) {
  return QueryJson{{"error", message}}.dump(-1, ' ', false, QueryJson::error_handler_t::replace) + "\n";
}

/// Capitals count for nothing in what HTTP names (RFC 9110).
bool is_same_word(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
  });
}

struct Refusal {
  int status = 0;
  std::string message;
};

Refusal not_found(const httplib::Request& request) {
  return {404, fmt::format("no '{} {}' here; see docs/serving.md", request.method, request.path)};
}

Refusal too_large(std::uint64_t max_body) {
  return {413, fmt::format("the request is larger than the {} bytes allowed (serve.max_body)", max_body)};
}

/// What the library would do with a body that is announced like this is not wanted: to read one that has no end, to
/// unpack one into any size, or to take one for forms.
std::optional<Refusal> refusal_of(const httplib::Request& request, std::uint64_t max_body) {
  const auto header = [&](const char* name) { return request.get_header_value(name); };
  if (request.method != "GET" && request.method != "HEAD" && request.method != "POST") {
    return Refusal{405, fmt::format("the method is {}, expected GET, HEAD or POST", request.method)};
  }
  const std::string transfer = header("Transfer-Encoding");
  if (!transfer.empty() && !is_same_word(transfer, "chunked")) {
    return Refusal{501, fmt::format("Transfer-Encoding is '{}', expected chunked or none", transfer)};
  }
  const std::string length = header("Content-Length");
  std::uint64_t bytes = 0;
  const auto [end, error] = std::from_chars(length.data(), length.data() + length.size(), bytes);
  if (!length.empty() && (error != std::errc{} || end != length.data() + length.size())) {
    return Refusal{400, fmt::format("Content-Length is '{}', expected a number of bytes", length)};
  }
  if (request.method != "POST") {
    if (transfer.empty() && bytes == 0) return std::nullopt;
    return Refusal{400, fmt::format("a {} has no body; send it with POST", request.method)};
  }
  if (std::ranges::find(kPostPaths, request.path) == kPostPaths.end()) return not_found(request);
  if (transfer.empty() && length.empty()) {
    return Refusal{411, "a POST needs a body, with Content-Length or in chunks"};
  }
  if (transfer.empty() && bytes > max_body) return too_large(max_body);
  const std::string encoding = header("Content-Encoding");
  if (!encoding.empty() && !is_same_word(encoding, "identity")) {
    return Refusal{415, fmt::format("Content-Encoding is '{}'; send the JSON as it is", encoding)};
  }
  if (request.is_multipart_form_data()) return Refusal{415, "the body is a form of parts; send JSON alone"};
  return std::nullopt;
}

/// The parameters of a GET as the JSON a POST would have: repeated `id` parameters are a basket.
QueryJson json_of(const httplib::Params& parameters) {
  QueryJson json = QueryJson::object();
  const auto number = [](const std::string& name, const std::string& text) {
    QueryJson value = QueryJson::parse(text, nullptr, false);
    if (!value.is_number()) throw ConfigError(fmt::format("'{}' is '{}', expected a number", name, text));
    return value;
  };
  std::vector<std::string> ids;
  std::string type;
  for (const auto& [name, text] : parameters) {
    if (name == "id") {
      ids.push_back(text);
    } else if (name == "type") {
      type = text;
    } else if (name == "k" || name == "hops" || name == "threshold" || name == "paths") {
      json[name] = number(name, text);
    } else if (name == "exclude_linked" || name == "boost") {
      if (text != "true" && text != "false") throw ConfigError(fmt::format("'{}' must be true or false", name));
      json[name] = text == "true";
    } else if (name == "exclude" || name == "allow" || name == "allow_lists") {
      json[name].push_back(text);
    } else if (name == "seeds") {
      throw ConfigError("'seeds' go with a POST; in a GET repeat 'id'");
    } else if (name == "to_type") {
      json["to"]["type"] = text;
    } else if (name == "to") {
      json["to"]["id"] = text;
    } else {
      json[name] = text;
    }
  }
  for (const std::string& id : ids) {
    QueryJson seed{{"id", id}};
    if (!type.empty()) seed["type"] = type;
    json["seeds"].push_back(std::move(seed));
  }
  return json;
}

std::int64_t seconds_of(const std::string& utc) {
  std::tm time{};
  if (::strptime(utc.c_str(), "%Y-%m-%dT%H:%M:%SZ", &time) == nullptr) return 0;
  return ::timegm(&time);
}

}  // namespace

struct Service::State {
  explicit State(ServiceOptions service_options)
      : options(std::move(service_options)),
        server({std::chrono::seconds(options.timeout_seconds), options.max_body}) {}

  ServiceOptions options;
  BoundedServer server;
  ServiceMetrics metrics;
  std::uint16_t port = 0;
  std::atomic<bool> stopping{false};
  std::atomic<bool> told{false};      ///< the library knows
  std::atomic<bool> finished{false};  ///< `run` has ended
  mutable std::mutex mutex;
  std::shared_ptr<const NeighborIndex> index;

  [[nodiscard]] std::shared_ptr<const NeighborIndex> current() const {
    const std::lock_guard lock(mutex);
    return index;
  }

  [[nodiscard]] bool is_authorised(const httplib::Request& request) const {
    if (options.token.empty()) return true;
    constexpr std::string_view kScheme = "Bearer ";
    const std::string header = request.get_header_value("Authorization");
    return header.size() > kScheme.size() &&
           is_same_word(std::string_view(header).substr(0, kScheme.size()), kScheme) &&
           same_secret(std::string_view(header).substr(kScheme.size()), options.token);
  }

  static void refuse_token(httplib::Response& response) {
    response.status = 401;
    response.set_header("WWW-Authenticate", "Bearer");
    response.set_content(error_json("this service wants the header 'Authorization: Bearer TOKEN'"), "application/json");
  }

  void refuse(const Refusal& refusal, httplib::Response& response) {
    response.status = refusal.status;
    response.set_content(error_json(refusal.message), "application/json");
    metrics.count_request(Endpoint::kOther, response.status, std::chrono::nanoseconds(0));
  }

  [[nodiscard]] Refusal too_late() const {
    return {408, fmt::format("the request did not arrive within {} seconds (serve.timeout)", options.timeout_seconds)};
  }

  /// In words, what the library refuses itself: paths that are not there, requests that it cannot read.
  [[nodiscard]] Refusal refusal_by_library(const httplib::Request& request, int status) const {
    if (status == 404) return not_found(request);
    switch (BoundedServer::failure()) {
      case BoundedServer::Failure::kLate:
        return too_late();
      case BoundedServer::Failure::kTooLarge:
        return {431, fmt::format("the headers are larger than {} bytes together", BoundedServer::kHeadBytes)};
      case BoundedServer::Failure::kNone:
        break;
    }
    if (status == 400) return {400, "this is no HTTP request, or a line of its headers is longer than 8 KiB"};
    if (status == 414) return {414, "the request line is longer than 8 KiB; send the request as the body of a POST"};
    return {status, fmt::format("refused with status {}", status)};
  }

  /// Nothing: it was refused, and where it would have ended is not known.
  std::optional<std::string> read_body(const httplib::Request& request, const httplib::ContentReader& reader,
                                       httplib::Response& response) {
    std::string body;
    bool fits = true;
    const bool is_whole = reader([&](const char* data, std::size_t size) {
      fits = size <= options.max_body - body.size();
      if (fits) body.append(data, size);
      return fits;
    });
    if (is_whole) {
      // The library takes a chunk that ends wrongly for the last one: what follows may be no request.
      if (request.has_header("Transfer-Encoding")) BoundedServer::close_after(response);
      return body;
    }
    const BoundedServer::Failure failure = BoundedServer::failure();
    if (!fits || failure == BoundedServer::Failure::kTooLarge) {
      refuse(too_large(options.max_body), response);
    } else if (failure == BoundedServer::Failure::kLate) {
      refuse(too_late(), response);
    } else {
      refuse({400, "the body ends early, or its chunks are malformed"}, response);
    }
    BoundedServer::close_after(response);
    return std::nullopt;
  }

  QueryJson answer_neighbors(const NeighborIndex& from, const QueryJson& request) {
    const NeighborAnswer answer = from.neighbors(neighbor_request(request, options.limits));
    metrics.count_answers(1, static_cast<std::uint64_t>(answer.cold));
    return to_json(from.names(), from.header(), answer);
  }

  QueryJson answer_explain(const NeighborIndex& from, const QueryJson& json) {
    const ExplainRequest request = explain_request(json, options.limits, from.default_target());
    std::vector<algorithms::WeightedSeed> seeds;
    for (const NamedSeed& seed : request.neighbors.seeds)
      seeds.push_back({from.names().find(seed.vertex), seed.weight});
    const std::uint32_t target = from.names().find(request.to);
    for (const algorithms::WeightedSeed& seed : seeds) {
      if (from.is_blocked(seed.vertex, target)) {
        throw UnknownIdError(fmt::format("'{}' is not shown to this source", from.names().id_of(target)));
      }
    }
    const double score = score_of(from, request.neighbors, target);
    return to_json(from.names(), explain(from.names().graph(), seeds, target, from.info().restart, request.paths),
                   target, score);
  }

  QueryJson answer_batch(const NeighborIndex& from, const QueryJson& json) {
    if (!json.is_object() || !json.contains("requests") || !json["requests"].is_array()) {
      throw ConfigError("a batch is {\"requests\": [...]}");
    }
    if (json["requests"].size() > options.max_batch) {
      throw ConfigError(
          fmt::format("a batch may hold {} requests, found {}", options.max_batch, json["requests"].size()));
    }
    QueryJson results = QueryJson::array();
    for (const QueryJson& request : json["requests"]) {
      try {
        results.push_back(answer_neighbors(from, request));
      } catch (const UnknownIdError& error) {
        results.push_back({{"error", error.what()}, {"status", 404}});
      } catch (const ConfigError& error) {
        results.push_back({{"error", error.what()}, {"status", 400}});
      }
    }
    return {{"results", std::move(results)}};
  }

  template <class Answer, class Read>
  void handle(Endpoint endpoint, const httplib::Request& request, httplib::Response& response, const Answer& answer,
              const Read& read_json) {
    const Clock::time_point begun = Clock::now();
    const auto fail = [&](int status, const std::string& message) {
      response.status = status;
      response.set_content(error_json(message), "application/json");
    };
    // Not before the body has been read: its bytes would be taken for the next request.
    if (!is_authorised(request)) {
      refuse_token(response);
      metrics.count_request(endpoint, response.status, Clock::now() - begun);
      return;
    }
    try {
      const std::shared_ptr<const NeighborIndex> from = current();
      const QueryJson json = answer(*from, read_json());
      response.set_content(json.dump(-1, ' ', false, QueryJson::error_handler_t::replace) + "\n", "application/json");
      response.status = 200;
    } catch (const UnknownIdError& error) {
      fail(404, error.what());
    } catch (const ConfigError& error) {
      fail(400, error.what());
    } catch (const std::exception& error) {
      fail(500, error.what());
    }
    if (stopping) response.set_header("Connection", "close");
    metrics.count_request(endpoint, response.status, Clock::now() - begun);
  }

  void declare_endpoints() {
    const auto on_both = [&](const char* path, Endpoint endpoint, auto answer) {
      server.Get(path, [this, endpoint, answer](const httplib::Request& request, httplib::Response& response) {
        handle(endpoint, request, response, answer, [&] { return json_of(request.params); });
      });
      // Read here: what the library reads itself may be no larger than a form.
      server.Post(path, [this, endpoint, answer](const httplib::Request& request, httplib::Response& response,
                                                 const httplib::ContentReader& reader) {
        const std::optional<std::string> body = read_body(request, reader, response);
        if (body) handle(endpoint, request, response, answer, [&] { return parse_request(*body); });
      });
    };
    server.set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
      const std::optional<Refusal> refusal = refusal_of(request, options.max_body);
      if (!refusal) return httplib::Server::HandlerResponse::Unhandled;
      if (refusal->status == 405) response.set_header("Allow", "GET, HEAD, POST");
      refuse(*refusal, response);
      BoundedServer::close_after(response);
      return httplib::Server::HandlerResponse::Handled;
    });
    on_both("/v1/neighbors", Endpoint::kNeighbors,
            [this](const NeighborIndex& from, const QueryJson& json) { return answer_neighbors(from, json); });
    on_both("/v1/explain", Endpoint::kExplain,
            [this](const NeighborIndex& from, const QueryJson& json) { return answer_explain(from, json); });
    on_both("/v1/batch", Endpoint::kBatch,
            [this](const NeighborIndex& from, const QueryJson& json) { return answer_batch(from, json); });
    server.Get("/healthz", [this](const httplib::Request&, httplib::Response& response) {
      const io::FileHeader& header = current()->header();
      response.status = stopping ? 503 : 200;
      response.set_content(QueryJson{{"status", stopping ? "stopping" : "ok"},
                                     {"graph_digest", header.provenance.graph_digest},
                                     {"created_utc", header.provenance.created_utc}}
                                   .dump() +
                               "\n",
                           "application/json");
    });
    server.Get("/metrics", [this](const httplib::Request& request, httplib::Response& response) {
      if (!is_authorised(request)) {
        refuse_token(response);
        return;
      }
      response.set_content(metrics.text(), "text/plain; version=0.0.4; charset=utf-8");
    });
    const httplib::Server::HandlerWithResponse explain_refusal = [this](const httplib::Request& request,
                                                                        httplib::Response& response) {
      if (!response.body.empty()) return httplib::Server::HandlerResponse::Handled;
      const bool was_read = response.status == 404;
      refuse(refusal_by_library(request, response.status), response);
      if (!was_read) BoundedServer::close_after(response);
      return httplib::Server::HandlerResponse::Handled;
    };
    server.set_error_handler(explain_refusal);
  }

  void configure() {
    server.new_task_queue = [threads = options.threads] { return new httplib::ThreadPool(threads); };
    // What answers tell clients: a connection is kept as long as its client goes on asking.
    server.set_keep_alive_max_count(std::numeric_limits<std::size_t>::max());
    server.set_keep_alive_timeout(static_cast<time_t>(options.timeout_seconds));
    // Head and body go out in two writes: without this the second waits for the client's delayed acknowledgement.
    server.set_tcp_nodelay(true);
  }

  void bind() {
    int listening = -1;
    server.set_socket_options([&](int socket) {
      listening = socket;
      const int yes = 1;
      ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    });
    const int bound = options.port == 0                                 ? server.bind_to_any_port(options.host)
                      : server.bind_to_port(options.host, options.port) ? options.port
                                                                        : -1;
    if (bound <= 0) {
      throw IoError(
          fmt::format("cannot listen on {}:{}; is the port taken, the host one of this machine's? "
                      "(serve.host, serve.port)",
                      options.host, options.port));
    }
    port = static_cast<std::uint16_t>(bound);
    (void)::listen(listening, kBacklog);
  }
};

Service::Service(std::shared_ptr<const NeighborIndex> index, ServiceOptions options)
    : state_(std::make_unique<State>(std::move(options))) {
  state_->index = std::move(index);
  state_->metrics.set_index(seconds_of(state_->index->header().provenance.created_utc));
  state_->configure();
  state_->declare_endpoints();
  state_->bind();
}

Service::~Service() = default;

std::uint16_t Service::port() const {
  return state_->port;
}

void Service::run() {
  const bool ended_well = state_->server.listen_after_bind();
  state_->finished = true;
  if (!ended_well && !state_->stopping) {
    throw IoError(fmt::format("accepting connections on {}:{} failed", state_->options.host, state_->port));
  }
}

void Service::stop() {
  state_->stopping = true;
  state_->server.close_soon();
  // The library forgets a stop that comes before it has begun to accept.
  while (!state_->finished && !state_->server.is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  if (!state_->finished && !state_->told.exchange(true)) state_->server.stop();
}

void Service::replace_index(std::shared_ptr<const NeighborIndex> index) {
  state_->metrics.count_reload(index != nullptr);
  if (!index) return;
  state_->metrics.set_index(seconds_of(index->header().provenance.created_utc));
  // The old index is unmapped by whoever lets go of it last, outside the lock.
  const std::lock_guard lock(state_->mutex);
  state_->index.swap(index);
}

}  // namespace rove::jobs
