// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>

namespace rove::algorithms {

/// Ranks 1..n with weights rank^-exponent, without a table: sums by the Euler-Maclaurin formula, draws by
/// rejection-inversion (Hormann and Derflinger, ACM TOMACS 6(3), 1996). Bits depend on the arguments alone. Immutable;
/// thread-safe.
class PowerLaw {
 public:
  /// Precondition: n >= 1, exponent >= 0.
  PowerLaw(std::uint64_t n, double exponent);

  [[nodiscard]] std::uint64_t size() const { return n_; }
  [[nodiscard]] double weight(std::uint64_t rank) const;
  /// Sum of the weights of ranks 1..rank, relative error below 1e-12; 0 for rank 0.
  [[nodiscard]] double sum(std::uint64_t rank) const;
  [[nodiscard]] double total() const { return total_; }

  /// The rank that a uniform draw selects, or nothing when the draw is rejected (a few per cent): draw again. Accepted
  /// ranks have exactly the weights' law.
  [[nodiscard]] std::optional<std::uint64_t> select(std::uint64_t draw) const;

 private:
  static constexpr std::uint64_t kTable = 64;

  [[nodiscard]] double integral(double x) const;
  [[nodiscard]] double inverse_integral(double y) const;
  [[nodiscard]] double expansion(double x) const;

  std::uint64_t n_;
  double exponent_;
  std::array<double, kTable + 1> first_sums_{};
  double constant_ = 0;
  double total_ = 0;
  double low_ = 0;
  double high_ = 0;
  double shortcut_ = 0;
};

}  // namespace rove::algorithms
