// SPDX-License-Identifier: Apache-2.0
#include "jobs/display/progress_display.hpp"

#include <cmath>
#include <cstdlib>

#include <fmt/format.h>
#include <unistd.h>

namespace rove::jobs {
namespace {

constexpr std::chrono::milliseconds kRedrawInterval{100};
constexpr std::chrono::seconds kCalmInterval{15};
constexpr int kBarWidth = 24;

}  // namespace

std::string format_seconds(double seconds) {
  if (seconds < 59.95) return fmt::format("{:.1f} s", seconds);
  const auto whole = static_cast<std::uint64_t>(std::llround(seconds));
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole % 3600 / 60);
}

std::string format_count(std::uint64_t count) {
  if (count >= 10'000'000'000U) return fmt::format("{:.1f}G", static_cast<double>(count) * 1e-9);
  if (count >= 10'000'000U) return fmt::format("{:.1f}M", static_cast<double>(count) * 1e-6);
  std::string digits = fmt::format("{}", count);
  for (std::size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, 1, ',');
  return digits;
}

ProgressDisplay::Style ProgressDisplay::style_for(std::FILE* out) {
  const char* term = std::getenv("TERM");
  const bool dumb = term == nullptr || std::string_view(term) == "dumb";
  return isatty(fileno(out)) == 1 && !dumb ? Style::kTerminal : Style::kCalm;
}

void ProgressDisplay::begin(std::string_view stage, std::uint64_t total, std::string_view unit) {
  if (open_) end("");
  stage_ = stage;
  unit_ = unit;
  total_ = total;
  done_ = 0;
  first_done_ = 0;
  open_ = true;
  updated_ = false;
  start_ = Clock::now();
  counted_from_ = start_;
  shown_ = start_;
  if (style_ == Style::kTerminal) {
    fmt::print(out_, "\r{}\x1b[K", line(0, "", 0));
    std::fflush(out_);
  } else if (style_ == Style::kCalm) {
    fmt::print(out_, "{:<10} started{}\n", stage_,
               total_ == 0 ? "" : fmt::format(", {} {}", format_count(total_), unit_));
    std::fflush(out_);
  }
}

std::string ProgressDisplay::line(std::uint64_t done, std::string_view detail, double elapsed_s) const {
  const double rate = elapsed_s > 0 ? static_cast<double>(done - first_done_) / elapsed_s : 0;
  std::string text = fmt::format("{:<10} ", stage_);
  if (total_ > 0) {
    const double share = static_cast<double>(done) / static_cast<double>(total_);
    const int filled = static_cast<int>(share * kBarWidth);
    if (style_ == Style::kTerminal)
      text += fmt::format("[{:<{}}] ", std::string(static_cast<std::size_t>(filled), '#'), kBarWidth);
    text += fmt::format("{:3.0f}% {}/{} {}", share * 100, format_count(done), format_count(total_), unit_);
  } else {
    text += fmt::format("{} {}", format_count(done), unit_);
  }
  if (rate == 0) return detail.empty() ? text : fmt::format("{}  {}", text, detail);
  text += rate >= 100 ? fmt::format(", {}/s", format_count(static_cast<std::uint64_t>(rate)))
                      : fmt::format(", {:.2f}/s", rate);
  if (total_ > done) text += fmt::format(", {} left", format_seconds(static_cast<double>(total_ - done) / rate));
  if (!detail.empty()) text += fmt::format("  {}", detail);
  return text;
}

void ProgressDisplay::update(std::uint64_t done, std::string_view detail) {
  if (!updated_) {
    // What was done before, by the run that this one goes on from, says nothing of the rate.
    updated_ = true;
    first_done_ = done;
    if (done > 0) counted_from_ = Clock::now();
  }
  done_ = done;
  if (style_ == Style::kSilent || !open_) return;
  const auto now = Clock::now();
  const double elapsed_s = std::chrono::duration<double>(now - counted_from_).count();
  if (style_ == Style::kTerminal) {
    if (now - shown_ < kRedrawInterval && done != total_) return;
    fmt::print(out_, "\r{}\x1b[K", line(done, detail, elapsed_s));
  } else {
    if (now - shown_ < kCalmInterval) return;
    fmt::print(out_, "{}\n", line(done, detail, elapsed_s));
  }
  shown_ = now;
  std::fflush(out_);
}

void ProgressDisplay::end(std::string_view detail) {
  if (!open_) return;
  open_ = false;
  if (style_ == Style::kSilent) return;
  const double elapsed_s = std::chrono::duration<double>(Clock::now() - start_).count();
  std::string text = fmt::format("{:<10} done in {}", stage_, format_seconds(elapsed_s));
  if (done_ > 0) text += fmt::format(", {} {}", format_count(done_), unit_);
  if (!detail.empty()) text += fmt::format("  {}", detail);
  print_line(text);
}

void ProgressDisplay::note(std::string_view stage, std::string_view text) {
  if (style_ != Style::kSilent) print_line(fmt::format("{:<10} {}", stage, text));
}

void ProgressDisplay::print_line(const std::string& text) const {
  fmt::print(out_, "{}\n", style_ == Style::kTerminal ? fmt::format("\r{}\x1b[K", text) : text);
  std::fflush(out_);
}

}  // namespace rove::jobs
