// SPDX-License-Identifier: Apache-2.0
#include "jobs/report/html_report.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "engine/base/memory_plan.hpp"
#include "jobs/display/metrics_table.hpp"
#include "jobs/display/progress_display.hpp"
#include "jobs/report/html_charts.hpp"
#include "jobs/report/html_style.hpp"
#include "jobs/report/html_text.hpp"

namespace rove::jobs {
namespace {

using html::escape;

/// A fall of the first metric by more than this share is worth a look.
constexpr double kNoticeableFall = 0.05;
constexpr double kNearLimit = 0.9;

bool is_count(const std::string& metric) {
  return metric == "users";
}

std::string metric_value(const std::string& name, double value) {
  return is_count(name) && value >= 0 ? html::count(static_cast<std::uint64_t>(value)) : html::real(value);
}

/// "96.1M".
std::string edges_per_second(const EpochSummary& epoch) {
  constexpr double kMost = 1e18;
  if (!(epoch.edges_per_second >= 0 && epoch.edges_per_second < kMost)) return "an unknown number of";
  return format_count(static_cast<std::uint64_t>(epoch.edges_per_second));
}

/// The metric the night is judged by: the first with a floor, else recall at the largest cutoff.
std::string main_metric(const io::publish::Metrics& metrics, const std::map<std::string, double>& floors) {
  for (const auto& [name, floor] : floors) {
    if (metrics.contains(name)) return name;
  }
  std::string main;
  for (const std::string& name : ordered_metric_names(metrics)) {
    if (main.empty() || name.starts_with("recall@")) main = name;
  }
  return main;
}

std::string heading(const std::string& text) {
  return fmt::format("<h2>{}</h2>\n", escape(text));
}

std::string section(const std::string& title, const std::string& body) {
  return fmt::format("<section>\n{}{}</section>\n", heading(title), body);
}

std::string tile(const std::string& what, const std::string& value, const std::string& note) {
  return fmt::format("<div class=\"tile\"><span>{}</span><b>{}</b><span>{}</span></div>\n", escape(what), escape(value),
                     escape(note));
}

/// One cell per text, the first a name. Cells are HTML.
std::string table_row(const std::vector<std::string>& cells, const char* tag = "td") {
  std::string row = "<tr>";
  for (const std::string& cell : cells) row += fmt::format("<{0}>{1}</{0}>", tag, cell);
  return row + "</tr>\n";
}

std::string table(const std::vector<std::string>& columns, const std::string& rows) {
  return fmt::format("<div class=\"scroll\"><table>\n<thead>{}</thead>\n<tbody>{}</tbody></table></div>\n",
                     table_row(columns, "th"), rows);
}

class Page {
 public:
  explicit Page(const ReportData& data)
      : data_(data), run_(data.run), main_(main_metric(data.run.metrics, data.floors)), previous_(data.previous) {}

  [[nodiscard]] std::string text() const {
    const std::string title = fmt::format("{}, run {}", data_.name, run_.run);
    return fmt::format(
               "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
               "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
               "<title>{0}</title>\n<style>{1}</style>\n</head>\n<body>\n<main>\n<h1>{0}</h1>\n<p "
               "class=\"soft\">{2}</p>\n",
               escape(title), html::kStyle, escape(subtitle())) +
           tiles() + attention() + quality() + drift() + training() + time() + memory() + partition() + graph() +
           files() + configuration() + "</main>\n</body>\n</html>\n";
  }

 private:
  [[nodiscard]] std::string subtitle() const {
    return fmt::format(
        "{}: {} rank{} of {} thread{}, seed {}, rove {} ({}); {}", data_.created_utc, data_.ranks,
        data_.ranks == 1 ? "" : "s", data_.threads_per_rank, data_.threads_per_rank == 1 ? "" : "s", data_.seed,
        data_.software_version, data_.commit,
        previous_ ? fmt::format("compared with the published run {}", previous_->run) : "nothing was published before");
  }

  [[nodiscard]] double previous_metric(const std::string& name) const {
    if (!previous_) return std::nan("");
    const auto found = previous_->metrics.find(name);
    return found == previous_->metrics.end() ? std::nan("") : found->second;
  }

  /// ", 2.1 % above run 0006" in words.
  [[nodiscard]] std::string against_previous(double now, double before, const char* more, const char* less) const {
    const std::string change = html::relative_difference(now, before);
    if (change.empty()) return "";
    if (change.starts_with("±")) return fmt::format(", as in run {}", previous_->run);
    return fmt::format(", {:.1f} % {} run {}", std::abs(now / before - 1) * 100, now > before ? more : less,
                       previous_->run);
  }

  [[nodiscard]] std::uint64_t peak_memory() const {
    const auto& peaks = data_.peak_resident_bytes;
    return peaks.empty() ? 0 : *std::ranges::max_element(peaks);
  }
  [[nodiscard]] double memory_share() const {
    return data_.memory_limit_bytes == 0
               ? 0
               : static_cast<double>(peak_memory()) / static_cast<double>(data_.memory_limit_bytes);
  }
  [[nodiscard]] std::uint64_t total_bytes() const {
    std::uint64_t bytes = 0;
    for (const FileSummary& file : run_.files) bytes += file.bytes;
    return bytes;
  }

  /// "run 0006: 3.2 s (+4.0 %)".
  [[nodiscard]] std::string tile_note(double now, double before, const std::string& before_text) const {
    const std::string change = html::relative_difference(now, before);
    if (change.empty()) return "";
    return fmt::format("run {}: {} ({})", previous_->run, before_text, change);
  }

  [[nodiscard]] std::string tiles() const {
    std::string body = "<div class=\"tiles\">\n";
    if (!main_.empty()) {
      const double before = previous_metric(main_);
      body += tile(main_, metric_value(main_, run_.metrics.at(main_)),
                   tile_note(run_.metrics.at(main_), before, metric_value(main_, before)));
    }
    const double before = previous_ ? previous_->total_seconds() : 0;
    body += tile("time", html::duration(run_.total_seconds()),
                 tile_note(run_.total_seconds(), before, html::duration(before)));
    body += tile("memory of the fullest rank", format_bytes(peak_memory()),
                 data_.memory_limit_bytes == 0
                     ? ""
                     : fmt::format("{} of {}", html::percent(memory_share()), format_bytes(data_.memory_limit_bytes)));
    return body + "</div>\n";
  }

  [[nodiscard]] std::vector<std::string> findings() const {
    std::vector<std::string> found;
    for (const auto& [name, floor] : data_.floors) {
      const auto metric = run_.metrics.find(name);
      if (metric == run_.metrics.end()) {
        found.push_back(
            fmt::format("{} has the floor {} in publish.gate but was not evaluated: publish.gate refuses "
                        "this run",
                        name, html::real(floor)));
      } else if (!(metric->second >= floor)) {
        found.push_back(fmt::format("{} is {}, below its floor {}: publish.gate refuses this run", name,
                                    html::real(metric->second), html::real(floor)));
      }
    }
    if (!main_.empty() && run_.metrics.at(main_) < previous_metric(main_) * (1 - kNoticeableFall)) {
      found.push_back(fmt::format("{} is {}{}", main_, html::real(run_.metrics.at(main_)),
                                  against_previous(run_.metrics.at(main_), previous_metric(main_), "above", "below")));
    }
    if (data_.history.size() > 1 && !(data_.history.back().loss <= data_.history.front().loss)) {
      found.push_back(fmt::format("the training loss did not fall: {} in the first epoch, {} in the last",
                                  html::real(data_.history.front().loss), html::real(data_.history.back().loss)));
    }
    if (memory_share() > kNearLimit) {
      found.push_back(fmt::format("the fullest rank used {} of its memory limit", html::percent(memory_share())));
    }
    found.insert(found.end(), data_.warnings.begin(), data_.warnings.end());
    return found;
  }

  [[nodiscard]] std::string attention() const {
    const std::vector<std::string> found = findings();
    if (found.empty()) {
      const char* why = data_.floors.empty() ? "no warnings" : "every floor of publish.gate is met, no warnings";
      return fmt::format("<section class=\"calm\">{}</section>\n", heading(fmt::format("Nothing to do: {}", why)));
    }
    std::string items;
    for (const std::string& text : found) items += fmt::format("<li>{}</li>\n", escape(text));
    return fmt::format(
        "<section class=\"attention\">{}<ul>\n{}</ul></section>\n",
        heading(found.size() == 1 ? "One thing to look at" : fmt::format("{} things to look at", found.size())), items);
  }

  [[nodiscard]] std::string quality() const {
    if (main_.empty()) return "";
    std::vector<std::string> columns{"metric", "this run"};
    if (previous_) {
      columns.emplace_back(escape("run " + previous_->run));
      columns.insert(columns.end(), {"change", "relative"});
    }
    if (!data_.floors.empty()) columns.emplace_back("floor");
    std::string rows;
    for (const std::string& name : ordered_metric_names(run_.metrics)) {
      const double value = run_.metrics.at(name);
      std::vector<std::string> cells{escape(name), metric_value(name, value)};
      if (previous_) {
        const double before = previous_metric(name);
        const char* direction = is_count(name) || value == before ? "" : value > before ? "up" : "down";
        const std::string change = is_count(name) ? "" : html::difference(value, before);
        cells.push_back(std::isfinite(before) ? metric_value(name, before) : "");
        cells.push_back(fmt::format("<span class=\"{}\">{}</span>", direction, change));
        cells.push_back(
            fmt::format("<span class=\"{}\">{}</span>", direction, html::relative_difference(value, before)));
      }
      if (!data_.floors.empty()) {
        const auto floor = data_.floors.find(name);
        cells.push_back(floor == data_.floors.end()
                            ? ""
                            : fmt::format("{} {}", html::real(floor->second),
                                          value >= floor->second ? "met" : "<span class=\"down\">missed</span>"));
      }
      rows += table_row(cells);
    }
    const double value = run_.metrics.at(main_);
    return section(fmt::format("Quality: {} {}{}", main_, metric_value(main_, value),
                               against_previous(value, previous_metric(main_), "above", "below")),
                   table(columns, rows));
  }

  /// How far tonight's vectors and lists are from those of the previous run.
  [[nodiscard]] std::string drift() const {
    if (!previous_ || (data_.drift.empty() && data_.lists.empty())) return "";
    std::string rows;
    for (const io::FileDiff::Drift& type : data_.drift) {
      rows += table_row({escape("vectors of " + type.type), html::count(type.identical), html::real(type.mean_cosine),
                         escape(fmt::format("least {} ({})", html::real(type.min_cosine), type.min_id))});
    }
    for (const io::FileDiff::Lists& lists : data_.lists) {
      rows += table_row({escape("lists " + lists.name), html::count(lists.identical), html::real(lists.mean_overlap),
                         fmt::format("of {} shared rows", html::count(lists.rows))});
    }
    return section(fmt::format("Drift since run {}", previous_->run),
                   table({"of ids that both runs have", "identical", "mean cosine or overlap", ""}, rows));
  }

  [[nodiscard]] html::Series metric_curve(const std::string& name) const {
    html::Series series{name, {}, {}};
    for (const EpochSummary& epoch : data_.history) {
      const auto found = epoch.metrics.find(name);
      if (found == epoch.metrics.end()) continue;
      series.x.push_back(static_cast<double>(epoch.epoch));
      series.y.push_back(found->second);
    }
    return series;
  }

  [[nodiscard]] std::string training() const {
    if (data_.history.empty()) return "";
    html::Series loss{"loss", {}, {}};
    double seconds = 0;
    io::publish::Metrics evaluated;
    for (const EpochSummary& epoch : data_.history) {
      loss.x.push_back(static_cast<double>(epoch.epoch));
      loss.y.push_back(epoch.loss);
      seconds += epoch.seconds;
      if (!epoch.metrics.empty()) evaluated = epoch.metrics;
    }
    const EpochSummary& first = data_.history.front();
    const EpochSummary& last = data_.history.back();
    const double average = seconds / static_cast<double>(data_.history.size());
    std::string body = fmt::format("<p class=\"soft\">{} per epoch on average; {} edges per second in the last.</p>\n",
                                   html::duration(average), edges_per_second(last));
    body += html::lines("Loss per epoch", "epoch", {loss});
    const std::string recall = main_metric(evaluated, {});
    if (recall.starts_with("recall@")) {
      std::vector<html::Series> curves{metric_curve(recall)};
      const std::string ndcg = "ndcg" + recall.substr(recall.find('@'));
      if (evaluated.contains(ndcg)) curves.push_back(metric_curve(ndcg));
      body += html::lines("Quality at the evaluated epochs", "epoch", curves);
    }
    const std::string title = data_.history.size() == 1
                                  ? fmt::format("Training: epoch {}, loss {}", last.epoch, html::real(last.loss))
                                  : fmt::format("Training: {} epochs, loss {} → {}", html::count(last.epoch),
                                                html::real(first.loss), html::real(last.loss));
    return section(title, body);
  }

  [[nodiscard]] std::string time() const {
    if (run_.phases.empty()) return "";
    const PhaseSummary* longest = &run_.phases.front();
    for (const PhaseSummary& phase : run_.phases) {
      if (phase.depth == 0 && phase.slowest_s > longest->slowest_s) longest = &phase;
    }
    const double full = std::max(longest->slowest_s, 1e-9);
    std::string body = "<div class=\"rows\">\n";
    for (const PhaseSummary& phase : run_.phases) {
      const std::string description =
          phase.earlier
              ? fmt::format("{}: {} in the job that this one continued", phase.name, html::duration(phase.slowest_s))
              : fmt::format("{}: slowest rank {} {}, average {}", phase.name, phase.slowest_rank,
                            html::duration(phase.slowest_s), html::duration(phase.average_s));
      const std::string before = previous_seconds(phase);
      body += fmt::format(
          "<span{}>{}{}</span>{}<span class=\"value\">{}{}</span>\n", phase.depth > 0 ? " class=\"in\"" : "",
          escape(phase.name), phase.earlier ? " <small>(before the restart)</small>" : "",
          html::bar(phase.slowest_s / full, phase.average_s / full, description), html::duration(phase.slowest_s),
          before.empty() ? "" : fmt::format(" <small>{}</small>", before));
    }
    body +=
        "</div>\n<div class=\"legend\" style=\"margin-top:.9rem\"><span class=\"key inner\">average rank</span>"
        "<span class=\"key outer\">slowest rank</span></div>\n";
    const double total = run_.total_seconds();
    return section(
        fmt::format("Time: {}, {:.0f} % of it in {}{}", html::duration(total),
                    total > 0 ? longest->slowest_s / total * 100 : 0.0, longest->name,
                    previous_ ? against_previous(total, previous_->total_seconds(), "more than", "less than") : ""),
        body);
  }

  /// "+4.0 %" against the same phase of last night.
  [[nodiscard]] std::string previous_seconds(const PhaseSummary& phase) const {
    if (!previous_) return "";
    for (const PhaseSummary& before : previous_->phases) {
      if (before.name == phase.name && before.depth == phase.depth)
        return html::relative_difference(phase.slowest_s, before.slowest_s);
    }
    return "";
  }

  [[nodiscard]] std::string memory() const {
    if (data_.peak_resident_bytes.empty()) return "";
    html::Columns chart;
    chart.title = "Peak memory per rank";
    chart.values = data_.peak_resident_bytes;
    chart.limit = data_.memory_limit_bytes;
    chart.what = "rank";
    chart.format = format_bytes;
    std::string title = fmt::format("Memory: at most {} on a rank", format_bytes(peak_memory()));
    if (data_.memory_limit_bytes > 0) {
      title +=
          fmt::format(", {} of its limit {}", html::percent(memory_share()), format_bytes(data_.memory_limit_bytes));
    }
    const std::string source = data_.memory_limit_source.empty()
                                   ? ""
                                   : fmt::format("<p class=\"soft\">The limit per rank comes from: {}.</p>\n",
                                                 escape(data_.memory_limit_source));
    return section(title, source + html::columns(chart));
  }

  [[nodiscard]] std::string partition() const {
    if (!data_.partition) return "";
    const PartitionSummary& part = *data_.partition;
    const double share = part.edges == 0 ? 0 : static_cast<double>(part.cut_edges) / static_cast<double>(part.edges);
    std::string body = fmt::format(
        "<p class=\"soft\">{} of {} edges have their ends in different parts; one halo update sends {} rows. The part "
        "with most work has {} more than the average.</p>\n",
        html::count(part.cut_edges), html::count(part.edges), html::count(part.communication_volume),
        html::percent(part.work_imbalance - 1));
    html::Columns chart;
    chart.title = "Vertices per part";
    chart.values = part.owned;
    chart.above = part.ghosts;
    chart.values_name = "owned";
    chart.above_name = "ghosts (owned by another part, read here)";
    chart.what = "part";
    chart.format = html::count;
    body += html::columns(chart);
    body += "<figure><figcaption>Largest part over the average, per vertex type</figcaption><div class=\"rows\">\n";
    double full = 1.1;
    for (const TypeBalanceSummary& type : part.types)
      full = std::max({full, type.vertex_imbalance, type.edge_imbalance});
    for (const TypeBalanceSummary& type : part.types) {
      for (const auto& [what, value] :
           {std::pair{"vertices", type.vertex_imbalance}, std::pair{"edges", type.edge_imbalance}}) {
        const std::string name = fmt::format("{}: {}", type.type, what);
        body += fmt::format("<span>{}</span>{}<span class=\"value\">+{}</span>\n", escape(name),
                            html::bar((value - 1) / (full - 1), (value - 1) / (full - 1),
                                      fmt::format("{}: {} over the average", name, html::percent(value - 1))),
                            html::percent(value - 1));
      }
    }
    body += "</div></figure>\n";
    return section(fmt::format("Partition: {} part{} by {}, {} of the edges cut", part.owned.size(),
                               part.owned.size() == 1 ? "" : "s", part.method, html::percent(share)),
                   body);
  }

  /// Vertices of the type in last night's graph.
  [[nodiscard]] std::optional<std::uint64_t> previous_vertices(const std::string& type) const {
    if (!previous_) return {};
    for (const FileSummary& file : previous_->files) {
      if (file.name != "graph.h5") continue;
      if (const auto rows = file.rows.find(type); rows != file.rows.end()) return rows->second;
    }
    return {};
  }

  [[nodiscard]] std::string graph() const {
    if (data_.vertices.empty()) return "";
    std::string rows;
    std::uint64_t total = 0;
    for (const auto& [type, vertices] : data_.vertices) {
      total += vertices;
      std::vector<std::string> cells{escape(type), html::count(vertices)};
      if (previous_) {
        const auto before = previous_vertices(type);
        cells.push_back(before ? html::count(*before) : "");
        cells.push_back(before ? html::relative_difference(static_cast<double>(vertices), static_cast<double>(*before))
                               : "");
      }
      rows += table_row(cells);
    }
    std::vector<std::string> columns{"vertex type", "vertices"};
    if (previous_) columns.insert(columns.end(), {escape("run " + previous_->run), "change"});
    std::string title = fmt::format("Graph: {} vertices", html::count(total));
    std::string body = table(columns, rows);
    if (data_.import) body += imported(*data_.import, title);
    if (data_.unlearning) body += unlearnt(*data_.unlearning);
    return section(title, body);
  }

  [[nodiscard]] static std::string unlearnt(const UnlearningSummary& unlearning) {
    if (unlearning.start == "unchanged")
      return "<p>Last night's vectors knew nothing of what is to be forgotten.</p>\n";
    if (unlearning.start == "cold")
      return "<p>Training started cold: last night's vectors knew what is to be forgotten.</p>\n";
    return fmt::format(
        "<p>Unlearnt from last night's vectors: {} interactions; membership gap {:.2f} before, {:.2f} after.</p>\n",
        html::count(unlearning.interactions), unlearning.gap_before, unlearning.gap_after);
  }

  [[nodiscard]] static std::string imported(const io::ImportReport& report, std::string& title) {
    std::uint64_t edges = 0;
    std::uint64_t read = 0;
    std::uint64_t changed = 0;
    std::string body;
    for (const io::ImportCounts& counts : report.edge_types) {
      edges += counts.edges_kept;
      read += counts.rows_read;
      const std::array<std::pair<const char*, std::uint64_t>, 10> rules{{
          {"repeat an edge (duplicates)", counts.duplicates},
          {"are self-loops (self_loops)", counts.self_loops},
          {"are outside the time window", counts.outside_time},
          {"are below min_weight", counts.below_weight},
          {"are outside the k-core", counts.outside_core},
          {"are over max_degree", counts.over_degree},
          {"are at rare vertices (min_occurrences)", counts.rare},
          {"are at expired vertices (expire_after)", counts.expired},
          {"were to be forgotten", counts.forgotten},
          {"name a vertex that the lists do not have (dangling)", counts.dangling_endpoints},
      }};
      std::string rows = table_row({"rows read", html::count(counts.rows_read), ""});
      for (const auto& [rule, count] : rules) {
        changed += count;
        if (count == 0) continue;
        const double share =
            static_cast<double>(count) / static_cast<double>(std::max<std::uint64_t>(1, counts.rows_read));
        rows += table_row({rule, html::count(count), html::percent(share)});
      }
      rows += table_row({"edges stored", html::count(counts.edges_kept), ""});
      body +=
          fmt::format("<figure><figcaption>Import of {}; rules: {}</figcaption>{}</figure>\n", escape(counts.edge_type),
                      counts.rules.empty() ? "none" : escape(counts.rules), table({"", "rows", "share"}, rows));
    }
    for (const io::FilterCounts& counts : report.filters) {
      body += fmt::format("<p>Filter of {}: {} rare and {} expired vertices got no row.</p>\n", escape(counts.type),
                          html::count(counts.rare), html::count(counts.expired));
    }
    for (const io::LinkCounts& counts : report.links) {
      body += fmt::format(
          "<p>Links of {} to {}: {} rows; {} name a vertex that the lists do not have, {} were to be "
          "forgotten.</p>\n",
          escape(counts.type), escape(counts.alias_type), html::count(counts.rows_read),
          html::count(counts.dangling_endpoints), html::count(counts.forgotten));
    }
    if (report.forgotten) {
      body +=
          fmt::format("<p>Forgotten at import: {} users, {} items, {} interactions; {} listed were in no file.</p>\n",
                      html::count(report.forgotten->users), html::count(report.forgotten->items),
                      html::count(report.forgotten->interactions), html::count(report.forgotten->unknown));
    }
    title += fmt::format(
        ", {} edges from {} rows; {}", html::count(edges), html::count(read),
        changed == 0 ? "no rule took any away" : fmt::format("{} rows fell under a rule", html::count(changed)));
    return body;
  }

  [[nodiscard]] std::string files() const {
    if (run_.files.empty()) return "";
    std::string rows;
    for (const FileSummary& file : run_.files) {
      std::string contents;
      for (const auto& [type, count] : file.rows) {
        contents += fmt::format("{}{} {}", contents.empty() ? "" : ", ", html::count(count), escape(type));
      }
      std::vector<std::string> cells{escape(file.name), format_bytes(file.bytes)};
      if (previous_) {
        const auto before = std::ranges::find(previous_->files, file.name, &FileSummary::name);
        cells.push_back(
            before == previous_->files.end()
                ? "new"
                : html::relative_difference(static_cast<double>(file.bytes), static_cast<double>(before->bytes)));
      }
      cells.push_back(contents);
      rows += table_row(cells);
    }
    std::vector<std::string> columns{"file", "size"};
    if (previous_) columns.push_back(escape("against run " + previous_->run));
    columns.emplace_back("rows");
    return section(fmt::format("Files: {} of {} in all", run_.files.size(), format_bytes(total_bytes())),
                   table(columns, rows));
  }

  [[nodiscard]] std::string configuration() const {
    return fmt::format(
        "<section><details><summary>Effective configuration</summary>\n<pre>{}</pre>\n</details></section>\n",
        escape(data_.config_yaml));
  }

  const ReportData& data_;
  const RunSummary& run_;
  std::string main_;
  const std::optional<RunSummary>& previous_;
};

}  // namespace

std::string html_report(const ReportData& data) {
  return Page(data).text();
}

}  // namespace rove::jobs
