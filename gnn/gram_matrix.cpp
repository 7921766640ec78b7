// SPDX-License-Identifier: Apache-2.0
#include "gnn/gram_matrix.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

#include "engine/base/error.hpp"
#include "engine/base/isa.hpp"
#include "engine/parallel/parallel.hpp"
#include "gnn/detail/ials_kernels.hpp"

namespace rove::gnn {
namespace {

/// Products of at most 2^44 add up exactly to 2^53.
constexpr std::uint64_t kChunkRows = 512;
static_assert(kChunkRows << (2 * detail::kGramBits) <= std::uint64_t{1} << 53U);

/// A sum of whole doubles is kept as high · 2^40 + low.
constexpr std::uint32_t kLowBits = 40;
constexpr std::int64_t kLowMask = (std::int64_t{1} << kLowBits) - 1;

struct Partial {
  std::vector<double> work;
  std::vector<double> sums;
  std::vector<std::int64_t> high;
  std::vector<std::int64_t> low;
};

void carry(std::span<std::int64_t> high, std::span<std::int64_t> low) {
  for (std::size_t i = 0; i < high.size(); ++i) {
    high[i] += low[i] >> kLowBits;
    low[i] &= kLowMask;
  }
}

/// Bits of the largest magnitude: NaN above infinity above all numbers.
std::uint32_t largest_magnitude(std::span<const float> values) {
  parallel::PerThread<std::uint32_t> largest;
  parallel::for_chunks({0, values.size()}, kChunkRows * 64, [&](IndexRange chunk) {
    std::uint32_t most = 0;
    for (std::uint64_t i = chunk.begin; i < chunk.end; ++i) {
      most = std::max(most, std::bit_cast<std::uint32_t>(values[i]) & 0x7FFFFFFFU);
    }
    std::uint32_t& so_far = largest.local();
    so_far = std::max(so_far, most);
  });
  std::uint32_t most = 0;
  largest.for_each([&](std::uint32_t value) { most = std::max(most, value); });
  return most;
}

/// Magnitudes are below 2^exponent; `scale` brings them to at most 2^kGramBits.
struct Quantiser {
  int exponent = 0;
  float scale = 1.0F;

  explicit Quantiser(float largest)
      : exponent(std::ilogb(largest) + 1), scale(std::ldexp(1.0F, detail::kGramBits - exponent)) {}
};
// Below this, squares vanish in float anyway, and the scale stays a finite power of two.
constexpr float kSmallest = 1e-30F;

/// **Collective.** The sums over all ranks of what `add(chunk, partial)` adds for chunks of rows.
template <class Add>
std::vector<double> exact_sums(const comm::Communicator& comm, std::uint64_t rows, std::size_t work,
                               std::size_t entries, const Add& add) {
  parallel::PerThread<Partial> partials;
  parallel::for_chunks({0, rows}, kChunkRows, [&](IndexRange chunk) {
    Partial& partial = partials.local();
    if (partial.sums.empty()) {
      partial.work.resize(work);
      partial.sums.resize(entries);
      partial.high.resize(entries);
      partial.low.resize(entries);
    }
    std::ranges::fill(partial.sums, 0.0);
    add(chunk, partial);
    for (std::size_t i = 0; i < entries; ++i) {
      const auto sum = static_cast<std::int64_t>(partial.sums[i]);
      partial.high[i] += sum >> kLowBits;
      partial.low[i] += sum & kLowMask;
    }
  });
  std::vector<std::int64_t> total(2 * entries);
  const std::span<std::int64_t> high = std::span(total).first(entries);
  const std::span<std::int64_t> low = std::span(total).last(entries);
  partials.for_each([&](const Partial& partial) {
    for (std::size_t i = 0; i < partial.sums.size(); ++i) {
      high[i] += partial.high[i];
      low[i] += partial.low[i];
    }
  });
  carry(high, low);
  comm.all_reduce(std::span(total), comm::ReduceOp::kSum);
  carry(high, low);
  std::vector<double> result(entries);
  for (std::size_t i = 0; i < entries; ++i) {
    result[i] = std::ldexp(static_cast<double>(high[i]), kLowBits) + static_cast<double>(low[i]);
  }
  return result;
}

}  // namespace

std::vector<float> gram_matrix(const comm::Communicator& comm, std::span<const float> rows, std::uint32_t width) {
  const std::uint32_t largest_bits = comm.all_reduce(largest_magnitude(rows), comm::ReduceOp::kMax);
  const auto largest = std::bit_cast<float>(largest_bits);
  if (!std::isfinite(largest)) throw ConfigError("an entry of the factors is not a finite number");
  const std::size_t entries = std::size_t{width} * width;
  std::vector<float> result(entries);
  if (largest < kSmallest) return result;
  const Quantiser quantiser(largest);
  detail::AddGram* const add = pick_isa(detail::avx2::add_gram, detail::avx512::add_gram);
  const std::vector<double> sums = exact_sums(comm, rows.size() / width, detail::kGramBlock * width, entries,
                                              [&](IndexRange chunk, Partial& partial) {
                                                add(rows.data() + chunk.begin * width, chunk.size(), width,
                                                    quantiser.scale, partial.work.data(), partial.sums.data());
                                              });
  const double unit = std::ldexp(1.0, 2 * (quantiser.exponent - detail::kGramBits));
  for (std::size_t i = 0; i < width; ++i) {
    for (std::size_t j = i; j < width; ++j) {
      result[i * width + j] = result[j * width + i] = static_cast<float>(sums[i * width + j] * unit);
    }
  }
  return result;
}

std::vector<float> cross_gram(const comm::Communicator& comm, std::span<const float> left, std::uint32_t left_width,
                              std::span<const float> right, std::uint32_t right_width) {
  std::array<std::uint32_t, 2> largest{largest_magnitude(left), largest_magnitude(right)};
  comm.all_reduce(std::span<std::uint32_t>(largest), comm::ReduceOp::kMax);
  const std::array<float, 2> bounds{std::bit_cast<float>(largest[0]), std::bit_cast<float>(largest[1])};
  const std::size_t entries = std::size_t{left_width} * right_width;
  if (!std::isfinite(bounds[0]) || !std::isfinite(bounds[1])) {
    return std::vector<float>(entries, std::numeric_limits<float>::quiet_NaN());
  }
  std::vector<float> result(entries);
  if (bounds[0] < kSmallest || bounds[1] < kSmallest) return result;
  const Quantiser of_left(bounds[0]);
  const Quantiser of_right(bounds[1]);
  detail::AddCrossGram* const add = pick_isa(detail::avx2::add_cross_gram, detail::avx512::add_cross_gram);
  const std::vector<double> sums = exact_sums(
      comm, left.size() / left_width, detail::kGramBlock * (left_width + right_width), entries,
      [&](IndexRange chunk, Partial& partial) {
        add({left.data() + chunk.begin * left_width, right.data() + chunk.begin * right_width, chunk.size(), left_width,
             right_width, of_left.scale, of_right.scale, partial.work.data(), partial.sums.data()});
      });
  const double unit = std::ldexp(1.0, of_left.exponent + of_right.exponent - 2 * detail::kGramBits);
  for (std::size_t i = 0; i < entries; ++i) result[i] = static_cast<float>(sums[i] * unit);
  return result;
}

}  // namespace rove::gnn
