// SPDX-License-Identifier: Apache-2.0
#include "jobs/report/html_text.hpp"

#include <cmath>

#include <fmt/format.h>

#include "jobs/display/progress_display.hpp"

namespace rove::jobs::html {
namespace {

/// With a sign that is as wide as a plus.
std::string with_sign(const std::string& text, bool negative) {
  return (negative ? "−" : "+") + text;
}

}  // namespace

std::string escape(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      case '\'':
        result += "&#39;";
        break;
      default: {
        const bool forbidden = static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t';
        result += forbidden || c == '\x7f' ? '?' : c;
      }
    }
  }
  return result;
}

std::string count(std::uint64_t value) {
  std::string digits = fmt::format("{}", value);
  for (std::size_t end = digits.size(); end > 3; end -= 3) digits.insert(end - 3, 1, ',');
  return digits;
}

std::string real(double value) {
  if (!std::isfinite(value)) return "not a number";
  const double size = std::abs(value);
  if (size == 0) return "0";
  if (size < 0.001) return fmt::format("{:.1e}", value);
  if (size < 10) return fmt::format("{:.4f}", value);
  if (size < 1000) return fmt::format("{:.2f}", value);
  return fmt::format("{:.4g}", value);
}

std::string duration(double seconds) {
  if (!std::isfinite(seconds)) return "not a number";
  if (seconds >= 0.9995) return format_seconds(seconds);
  return seconds < 0.0005 ? "0 s" : fmt::format("{:.0f} ms", seconds * 1000);
}

std::string percent(double share) {
  if (!std::isfinite(share)) return "not a number";
  return fmt::format("{:.1f} %", share * 100);
}

std::string difference(double now, double before) {
  const double change = now - before;
  if (!std::isfinite(change)) return "";
  return change == 0 ? "±0" : with_sign(real(std::abs(change)), change < 0);
}

std::string relative_difference(double now, double before) {
  const double change = (now - before) / std::abs(before);
  if (before == 0 || !std::isfinite(change)) return "";
  const std::string text = fmt::format("{:.1f} %", std::abs(change) * 100);
  return text == "0.0 %" ? "±0.0 %" : with_sign(text, change < 0);
}

}  // namespace rove::jobs::html
