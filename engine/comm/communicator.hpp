// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "engine/base/exact_sum.hpp"
#include "engine/base/ids.hpp"

namespace rove::comm {

/// What may travel: copied byte by byte, and without padding (specialise `allow_padding` to opt in).
template <class T>
inline constexpr bool allow_padding = false;
template <class T>
concept Message = std::is_trivially_copyable_v<T> &&
                  (std::has_unique_object_representations_v<T> || std::is_floating_point_v<T> || allow_padding<T>);

/// Element-wise reductions. Floating point has no `kSum`: the result would depend on the number of ranks; use
/// `all_reduce(ExactSum)`.
enum class ReduceOp : std::uint8_t { kSum, kMin, kMax, kBitOr };

namespace detail {
enum class Kind : std::uint8_t { kInt32, kUint32, kInt64, kUint64, kFloat, kDouble };
template <class T>
consteval Kind kind_of() {
  if constexpr (std::is_same_v<T, float>)
    return Kind::kFloat;
  else if constexpr (std::is_same_v<T, double>)
    return Kind::kDouble;
  else if constexpr (std::is_integral_v<T> && sizeof(T) == 4)
    return std::is_signed_v<T> ? Kind::kInt32 : Kind::kUint32;
  else {
    static_assert(std::is_integral_v<T> && sizeof(T) == 8, "reductions take 32- and 64-bit integers, float and double");
    return std::is_signed_v<T> ? Kind::kInt64 : Kind::kUint64;
  }
}
struct Impl;
}  // namespace detail

template <class T>
concept Reducible = std::is_floating_point_v<T> || (std::is_integral_v<T> && (sizeof(T) == 4 || sizeof(T) == 8));

/// A `ReduceOp` known at compile time and checked against the type it reduces: a floating-point sum does not compile.
template <Reducible T>
class ReduceOpFor {
 public:
  consteval ReduceOpFor(ReduceOp op) : op_(op) {
    if (std::is_floating_point_v<T> && op != ReduceOp::kMin && op != ReduceOp::kMax) {
      throw "floating point takes kMin and kMax only; sum through ExactSum";
    }
  }
  [[nodiscard]] constexpr ReduceOp op() const { return op_; }

 private:
  ReduceOp op_;
};

/// Data of all ranks in rank order: rank r's part is [offsets[r], offsets[r + 1]).
template <class T>
struct Gathered {
  std::vector<T> data;
  std::vector<std::uint64_t> offsets;

  [[nodiscard]] std::span<const T> from(Rank rank) const {
    return std::span<const T>(data).subspan(offsets[rank.index()], offsets[rank.index() + 1] - offsets[rank.index()]);
  }
};

/// An exchange under way. It owns the requests, not the buffers: those stay where they are, untouched, until `wait()`.
/// Destroying an unfinished one is a programmer's mistake: it asserts in debug and waits in release and while
/// unwinding. Must not outlive its communicator.
template <Message T>
class [[nodiscard]] Pending;

/// Move-only owner of a duplicated MPI communicator. All counts are 64-bit: transfers above MPI's int are cut in
/// chunks. Not thread-safe: one thread communicates (MPI_THREAD_FUNNELED); oneTBB computes. Every operation marked
/// **Collective** must be called by all ranks in the same order. Failures of MPI throw `CommError`.
class Communicator {
 public:
  Communicator(Communicator&&) noexcept;
  Communicator& operator=(Communicator&&) noexcept;
  ~Communicator();

  [[nodiscard]] Rank rank() const;
  [[nodiscard]] std::int32_t size() const;
  [[nodiscard]] bool is_root() const { return rank() == Rank{0}; }

  /// **Collective.** A communicator of the same ranks with traffic of its own.
  [[nodiscard]] Communicator duplicate() const;
  /// **Collective.** One communicator per color, ordered by the present rank.
  [[nodiscard]] Communicator split(std::int32_t color) const;
  /// **Collective.** The ranks that share this rank's node (memory).
  [[nodiscard]] Communicator split_node() const;

  /// **Collective.**
  void barrier() const;

  /// **Collective.** Copies root's values to all; the spans have the same size on all ranks.
  template <Message T>
  void broadcast(std::span<T> values, Rank root) const {
    broadcast_bytes(std::as_writable_bytes(values), root);
  }
  template <Message T>
  [[nodiscard]] T broadcast(T value, Rank root) const {
    broadcast(std::span<T>(&value, 1), root);
    return value;
  }
  /// **Collective.** Root's text, of any length.
  [[nodiscard]] std::string broadcast_text(std::string_view text, Rank root) const;

  /// **Collective.** Element-wise reduction, in place, the result on all ranks; as many values on every rank.
  template <Reducible T>
  void all_reduce(std::span<T> values, std::type_identity_t<ReduceOpFor<T>> op) const {
    all_reduce_values(values.data(), values.size(), detail::kind_of<T>(), op.op());
  }
  template <Reducible T>
  [[nodiscard]] T all_reduce(T value, std::type_identity_t<ReduceOpFor<T>> op) const {
    all_reduce(std::span<T>(&value, 1), op);
    return value;
  }
  /// **Collective.** The exact sum over ranks.
  [[nodiscard]] ExactSum all_reduce(const ExactSum& sum) const;

  /// **Collective.** Sum of the values of the ranks below this one (0 on rank 0).
  [[nodiscard]] std::uint64_t exclusive_scan(std::uint64_t value) const;

  /// **Collective.** One value of every rank, in rank order, on all ranks.
  template <Message T>
  [[nodiscard]] std::vector<T> all_gather(const T& value) const {
    return all_gather_v(std::span<const T>(&value, 1)).data;
  }
  /// **Collective.** Every rank's values on all ranks; sizes may differ. Only for what does not grow with the graph.
  template <Message T>
  [[nodiscard]] Gathered<T> all_gather_v(std::span<const T> values) const {
    Gathered<T> result;
    gather_bytes(std::as_bytes(values), sizeof(T), kEverybody, result.offsets, [&](std::size_t count) {
      result.data.resize(count);
      return std::as_writable_bytes(std::span(result.data));
    });
    return result;
  }
  /// **Collective.** Every rank's values on root; empty elsewhere. Only for what does not grow with the graph.
  template <Message T>
  [[nodiscard]] Gathered<T> gather_v(std::span<const T> values, Rank root) const {
    Gathered<T> result;
    gather_bytes(std::as_bytes(values), sizeof(T), root.value(), result.offsets, [&](std::size_t count) {
      result.data.resize(count);
      return std::as_writable_bytes(std::span(result.data));
    });
    return result;
  }
  /// **Collective.** Every rank's text, in rank order, on all ranks.
  [[nodiscard]] std::vector<std::string> all_gather_text(std::string_view text) const;

  /// **Collective.** `values[r]` goes to rank r; returns what each rank sent here.
  template <Message T>
  [[nodiscard]] std::vector<T> all_to_all(std::span<const T> values) const {
    std::vector<T> received(values.size());
    all_to_all_bytes(std::as_bytes(values), sizeof(T), std::as_writable_bytes(std::span(received)));
    return received;
  }

  /// **Collective.** `values` holds counts[0] elements for rank 0, then counts[1] for rank 1, ...; returns what every
  /// rank sent here, in rank order. Peers that have nothing for each other exchange no payload, so the same call serves
  /// dense and sparse patterns. Cost: one all-to-all of counts, then point-to-point messages between the pairs that
  /// have something to say.
  template <Message T>
  [[nodiscard]] Gathered<T> exchange(std::span<const T> values, std::span<const std::uint64_t> counts) const {
    Gathered<T> result;
    exchange_bytes(std::as_bytes(values), counts, sizeof(T), result.offsets, [&](std::size_t count) {
      result.data.resize(count);
      return std::as_writable_bytes(std::span(result.data));
    });
    return result;
  }

  /// **Collective.** Like `exchange` when every rank already knows both sides' counts (a fixed pattern such as a halo).
  /// Returns at once; the send buffer and the receive buffer must stay untouched until `wait()`.
  /// Offsets are in elements, P + 1 each.
  template <Message T>
  [[nodiscard]] Pending<T> start_exchange(std::span<const T> send, std::span<const std::uint64_t> send_offsets,
                                          std::span<T> receive, std::span<const std::uint64_t> receive_offsets) const {
    return Pending<T>(start_exchange_bytes(std::as_bytes(send), send_offsets, std::as_writable_bytes(receive),
                                           receive_offsets, sizeof(T)));
  }

  /// **Collective.** Runs `work` on every rank, then agrees: if it threw anywhere, every rank throws the error of the
  /// lowest failing rank (same class, same exit code, same message; "rank r: " is prefixed unless all ranks failed
  /// alike). `std::bad_alloc` becomes `DoesNotFitError`, other exceptions `InternalError`. The one way to do something
  /// that can fail on one rank between collectives. `work` itself should not communicate: an error that one rank throws
  /// after it did (except one agreed by a nested `agree`) cannot be agreed on any more and is passed on, which ends the
  /// job.
  void agree(const std::function<void()>& work) const;

  /// **Collective.** Whether any rank's stop flag (`rove::stop`) is raised.
  [[nodiscard]] bool agree_stop() const;
  /// **Collective.** Throws `Interrupted` with this message, the same on all ranks and as agreed, when any rank's stop
  /// flag is raised.
  void stop_if_asked(const std::string& message) const;

  /// What this rank is doing ("train epoch 3"), for the message of a rank that waits in vain (`Environment`).
  void set_phase(std::string_view phase) const;

  /// Prints nothing; ends all ranks of the job at once with this exit code. Never returns.
  [[noreturn]] void abort(int exit_code) const;
  /// Something that MPI would close when it ends, such as a parallel file, cannot be closed any more:
  /// `run_to_exit_code` ends the process without MPI's own end, which might wait for ever. For an error on its way out.
  void leave_without_finalize() const;
  [[nodiscard]] bool leaves_without_finalize() const;

  /// The raw handle, for the one file of `io/` that hands it to parallel HDF5: an `MPI_Comm` behind a pointer.
  [[nodiscard]] const void* native_handle() const;

 private:
  friend class Environment;
  static constexpr std::int32_t kEverybody = -1;
  using Allocate = std::function<std::span<std::byte>(std::size_t elements)>;

  explicit Communicator(std::unique_ptr<detail::Impl> impl);
  void broadcast_bytes(std::span<std::byte> bytes, Rank root) const;
  void all_reduce_values(void* values, std::size_t count, detail::Kind kind, ReduceOp op) const;
  void gather_bytes(std::span<const std::byte> bytes, std::size_t element_size, std::int32_t root,
                    std::vector<std::uint64_t>& offsets, const Allocate& allocate) const;
  void all_to_all_bytes(std::span<const std::byte> bytes, std::size_t element_size,
                        std::span<std::byte> received) const;
  void exchange_bytes(std::span<const std::byte> bytes, std::span<const std::uint64_t> counts, std::size_t element_size,
                      std::vector<std::uint64_t>& offsets, const Allocate& allocate) const;
  struct Requests;
  [[nodiscard]] std::unique_ptr<Requests, void (*)(Requests*)> start_exchange_bytes(
      std::span<const std::byte> send, std::span<const std::uint64_t> send_offsets, std::span<std::byte> receive,
      std::span<const std::uint64_t> receive_offsets, std::size_t element_size) const;
  template <Message T>
  friend class Pending;
  static void wait_all(Requests& requests);
  static void abandon(Requests& requests) noexcept;

  std::unique_ptr<detail::Impl> impl_;
};

template <Message T>
class [[nodiscard]] Pending {
 public:
  Pending(Pending&&) noexcept = default;
  Pending& operator=(Pending&&) = delete;
  ~Pending() {
    if (requests_) Communicator::abandon(*requests_);
  }

  /// Blocks until everything has been sent and received. A second call does nothing.
  void wait() {
    const Handle requests = std::move(requests_);
    if (requests) Communicator::wait_all(*requests);
  }

 private:
  friend class Communicator;
  using Handle = std::unique_ptr<Communicator::Requests, void (*)(Communicator::Requests*)>;
  explicit Pending(Handle requests) : requests_(std::move(requests)) {}
  Handle requests_;
};

}  // namespace rove::comm
