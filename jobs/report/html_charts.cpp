// SPDX-License-Identifier: Apache-2.0
#include "jobs/report/html_charts.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "jobs/report/html_text.hpp"

namespace rove::jobs::html {
namespace {

constexpr double kWidth = 1000;  // units of the plots' view boxes
constexpr double kHeight = 300;
constexpr std::size_t kMostColumns = 128;
constexpr std::size_t kMostPoints = 400;

/// Values at which an axis from 0 or `low` to `high` is labelled: about four, each 1, 2 or 5 times a power of ten.
std::vector<double> axis_ticks(double low, double high) {
  const double span = high > low ? high - low : std::max(std::abs(high), 1e-6);
  double step = 1;
  while (step > span / 4) step /= 10;
  while (step * 10 <= span / 4) step *= 10;
  const double rest = span / 4 / step;
  step *= rest > 5 ? 10 : rest > 2 ? 5 : rest > 1 ? 2 : 1;
  std::vector<double> ticks;
  const double first = std::floor(low / step);
  const auto steps = static_cast<int>(std::ceil(std::max(high, low + step / 2) / step - first));
  for (int i = 0; i <= steps; ++i) ticks.push_back((first + i) * step);
  return ticks;
}

/// Enough digits to tell neighbouring ticks apart.
std::string tick_label(double value, double step) {
  int digits = 0;
  for (double unit = step; unit < 0.999 && digits < 8; unit *= 10) ++digits;
  return fmt::format("{:.{}f}", value, digits);
}

struct Bins {
  std::size_t width = 1;  ///< ranks or parts per column
  std::vector<std::pair<std::uint64_t, std::uint64_t>> columns;
};

/// The highest of each group, so that an outlier is seen.
Bins bin(const Columns& chart) {
  Bins bins;
  bins.width = (chart.values.size() + kMostColumns - 1) / kMostColumns;
  for (std::size_t i = 0; i < chart.values.size(); ++i) {
    const std::pair column{chart.values[i], i < chart.above.size() ? chart.above[i] : 0};
    if (i % bins.width == 0) bins.columns.push_back(column);
    auto& highest = bins.columns.back();
    if (column.first + column.second > highest.first + highest.second) highest = column;
  }
  return bins;
}

}  // namespace

std::string bar(double outer, double inner, const std::string& description) {
  const double width = std::clamp(outer, 0.0, 1.0) * 100;
  return fmt::format(
      "<svg class=\"bar\" role=\"img\" aria-label=\"{0}\"><title>{0}</title>"
      "<rect class=\"track\" width=\"100%\" height=\"100%\" rx=\"3\"/>"
      "<rect class=\"outer\" width=\"{1:.2f}%\" height=\"100%\" rx=\"3\"/>"
      "<rect class=\"inner\" width=\"{2:.2f}%\" height=\"100%\" rx=\"3\"/></svg>",
      escape(description), width, std::min(std::clamp(inner, 0.0, 1.0) * 100, width));
}

std::string columns(const Columns& chart) {
  const Bins bins = bin(chart);
  std::uint64_t highest = 1;
  for (const auto& [value, above] : bins.columns) highest = std::max(highest, value + above);
  const bool show_limit = chart.limit > 0 && chart.limit / 2 <= highest;
  const double top = static_cast<double>(show_limit ? std::max(highest, chart.limit) : highest);
  const double step = kWidth / static_cast<double>(bins.columns.size());
  const double gap = std::min(step * 0.15, 6.0);

  std::string svg;
  for (std::size_t i = 0; i < bins.columns.size(); ++i) {
    const auto [value, above] = bins.columns[i];
    const double low = static_cast<double>(value) / top * kHeight;
    const double high = static_cast<double>(above) / top * kHeight;
    const double x = static_cast<double>(i) * step + gap / 2;
    const std::size_t last = std::min((i + 1) * bins.width, chart.values.size()) - 1;
    std::string label = bins.width == 1 ? fmt::format("{} {}: ", chart.what, i)
                                        : fmt::format("highest of {}s {} to {}: ", chart.what, i * bins.width, last);
    label += chart.format(value);
    if (!chart.above.empty()) label += fmt::format(" + {}", chart.format(above));
    svg += fmt::format(
        "<g><title>{}</title><rect class=\"inner\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" "
        "height=\"{:.1f}\"/>",
        escape(label), x, kHeight - low, step - gap, low);
    if (above > 0) {
      svg += fmt::format("<rect class=\"outer\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\"/>", x,
                         kHeight - low - high, step - gap, high);
    }
    svg += "</g>";
  }
  if (show_limit) {
    const double y = kHeight - static_cast<double>(chart.limit) / top * kHeight;
    svg += fmt::format("<path class=\"limit\" d=\"M0 {0:.1f}H1000\"><title>limit {1}</title></path>", y,
                       escape(chart.format(chart.limit)));
  }
  std::string legend;
  if (!chart.above.empty()) {
    legend = fmt::format(
        "<div class=\"legend\"><span class=\"key inner\">{}</span><span class=\"key outer\">{}</span></div>",
        escape(chart.values_name), escape(chart.above_name));
  }
  const std::string last = chart.values.empty() ? "" : fmt::format("{}", chart.values.size() - 1);
  return fmt::format(
      "<figure><figcaption>{0}</figcaption>{5}<div class=\"plot\"><div class=\"y\"><span style=\"top:0\">{1}</span>"
      "<span style=\"top:100%\">0</span></div><svg viewBox=\"0 0 1000 300\" preserveAspectRatio=\"none\" role=\"img\" "
      "aria-label=\"{0}\"><path class=\"grid\" d=\"M0 300H1000M0 0H1000\"/>{2}</svg></div>"
      "<div class=\"x\"><span>{3} 0</span><span>{4}</span></div></figure>\n",
      escape(chart.title), escape(chart.format(static_cast<std::uint64_t>(top))), svg, escape(chart.what),
      chart.values.size() > 1 ? last : "", legend);
}

std::string lines(const std::string& title, const std::string& x_name, const std::vector<Series>& series) {
  double x_low = 0;
  double x_high = 0;
  double y_low = 0;
  double y_high = 0;
  bool any = false;
  for (const Series& line : series) {
    for (std::size_t i = 0; i < line.x.size(); ++i) {
      if (!std::isfinite(line.y[i])) continue;
      x_low = any ? std::min(x_low, line.x[i]) : line.x[i];
      x_high = any ? std::max(x_high, line.x[i]) : line.x[i];
      y_low = any ? std::min(y_low, line.y[i]) : line.y[i];
      y_high = any ? std::max(y_high, line.y[i]) : line.y[i];
      any = true;
    }
  }
  if (!any) return "";
  // An axis that starts at zero shows sizes; one that does not is better for a curve that hardly moves.
  if (y_low > 0 && y_low < 0.5 * y_high) y_low = 0;
  const std::vector<double> ticks = axis_ticks(y_low, y_high);
  const auto x_of = [&](double x) { return x_high > x_low ? (x - x_low) / (x_high - x_low) * kWidth : kWidth / 2; };
  const auto share_of = [&](double y) { return (ticks.back() - y) / (ticks.back() - ticks.front()); };

  std::string svg = "<path class=\"grid\" d=\"";
  std::string labels;
  for (const double tick : ticks) {
    svg += fmt::format("M0 {:.1f}H1000", share_of(tick) * kHeight);
    labels += fmt::format("<span style=\"top:{:.1f}%\">{}</span>", share_of(tick) * 100,
                          tick_label(tick, ticks[1] - ticks[0]));
  }
  svg += "\"/>";
  std::string legend;
  for (std::size_t s = 0; s < series.size(); ++s) {
    const Series& line = series[s];
    const std::size_t stride = (line.x.size() + kMostPoints - 1) / kMostPoints;
    std::string path;
    std::string dots;
    for (std::size_t i = 0; i < line.x.size(); ++i) {
      const bool shown = i % stride == 0 || i + 1 == line.x.size();
      if (!shown || !std::isfinite(line.y[i])) continue;
      const std::string point = fmt::format("{:.1f} {:.1f}", x_of(line.x[i]), share_of(line.y[i]) * kHeight);
      path += (path.empty() ? "M" : "L") + point;
      dots += fmt::format("M{}h0", point);
    }
    svg += fmt::format("<path class=\"line s{}\" d=\"{}\"/>", s, path);
    if (line.x.size() <= 40) svg += fmt::format("<path class=\"dots s{}\" d=\"{}\"/>", s, dots);
    legend += fmt::format("<span class=\"key s{}\">{}</span>", s, escape(line.name));
  }
  return fmt::format(
      "<figure><figcaption>{0}</figcaption><div class=\"legend\">{1}</div><div class=\"plot\"><div "
      "class=\"y\">{2}</div>"
      "<svg viewBox=\"0 0 1000 300\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{0}\">{3}</svg></div>"
      "<div class=\"x\"><span>{4} {5:.0f}</span><span>{6}</span></div></figure>\n",
      escape(title), legend, labels, svg, escape(x_name), x_low, x_high > x_low ? fmt::format("{:.0f}", x_high) : "");
}

}  // namespace rove::jobs::html
