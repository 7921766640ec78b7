// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

/// Charts as inline SVG that stretches with the page. Labels are HTML beside it and stay legible at any width.
namespace rove::jobs::html {

/// A horizontal bar with a second, shorter one inside it ("slowest" and "average"). Shares of the full width in [0, 1].
[[nodiscard]] std::string bar(double outer, double inner, const std::string& description);

struct Columns {
  std::string title;                  ///< plain text
  std::vector<std::uint64_t> values;  ///< the lower part of each column
  std::vector<std::uint64_t> above;   ///< stacked on `values`; may be empty
  std::string values_name;            ///< for the legend, when there is something above
  std::string above_name;
  std::uint64_t limit = 0;  ///< drawn as a line when it is at most twice the highest column; 0: none
  std::string what;         ///< "rank", "part"
  std::string (*format)(std::uint64_t) = nullptr;
};
/// A column per rank or part; beyond 128 of them each column stands for several and shows the highest.
[[nodiscard]] std::string columns(const Columns& chart);

struct Series {
  std::string name;
  std::vector<double> x;
  std::vector<double> y;
};
/// Lines over a common x axis with a legend; points that are not finite are left out. Beyond 400 points a line is
/// thinned out.
[[nodiscard]] std::string lines(const std::string& title, const std::string& x_name, const std::vector<Series>& series);

}  // namespace rove::jobs::html
