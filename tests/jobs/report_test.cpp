// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "engine/base/error.hpp"
#include "io/publish/file_system.hpp"
#include "jobs/report/html_report.hpp"
#include "jobs/report/html_text.hpp"
#include "jobs/report/import_file.hpp"
#include "jobs/report/read_run.hpp"

namespace rove::jobs {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

ReportData full_report() {
  ReportData data;
  data.name = "gowalla";
  data.created_utc = "2026-11-21T05:48:45Z";
  data.software_version = "0.1.0";
  data.commit = "9f556fb4377e";
  data.seed = 42;
  data.ranks = 4;
  data.threads_per_rank = 2;
  data.run.run = "0007";
  data.run.metrics = {{"recall@20", 0.0990}, {"recall@10", 0.0696}, {"ndcg@20", 0.084}, {"users", 29858}};
  data.run.phases = {{"import", 0, 10, 10, 0, true}, {"train", 0, 85, 80, 2, false}, {"epoch", 1, 40, 39, 1, false}};
  data.run.files = {{"graph.h5", 14596249, {{"user", 29858}, {"item", 40981}}}, {"metrics.json", 444, {}}};
  data.previous.emplace();
  data.previous->run = "0006";
  data.previous->metrics = {{"recall@20", 0.0900}, {"users", 29800}};
  data.previous->phases = {{"train", 0, 100, 99, 0, false}};
  data.previous->files = {{"graph.h5", 14000000, {{"user", 29800}, {"item", 40981}}}};
  data.floors = {{"recall@20", 0.08}};
  data.drift = {{"item", 12, 0.987, 0.25, "i7"}};
  data.lists = {{"/recommendations/user/item", 29800, 10, 0.75}};
  data.peak_resident_bytes = {207421440, 191565824, 192131072, 191868928};
  data.memory_limit_bytes = 6319127552;
  data.memory_limit_source = "SLURM_MEM_PER_NODE";
  data.vertices = {{"user", 29858}, {"item", 40981}};
  io::ImportCounts counts;
  counts.edge_type = "user,visits,item";
  counts.rows_read = 820128;
  counts.duplicates = 10000;
  counts.edges_kept = 810128;
  counts.rules = "duplicates first";
  data.import.emplace();
  counts.rare = 31;
  counts.expired = 32;
  counts.forgotten = 33;
  data.import->edge_types = {counts};
  data.import->filters = {{"user", 7, 8}};
  data.import->links = {{"user", "device", 31, 2, 5}};
  data.import->forgotten = {1, 2, 3, 4};
  data.unlearning = {"unlearnt", 5, 1.5, -0.25};
  data.partition = PartitionSummary{"metis",
                                    810128,
                                    149923,
                                    80504,
                                    1.03,
                                    {18240, 16927, 18082, 17590},
                                    {21357, 16347, 20044, 22756},
                                    {{"user", 1.03, 1.02}}};
  data.history = {{1, 0.5533, 45, 8e7, {}}, {2, 0.2359, 39, 9e7, {{"recall@20", 0.05}, {"ndcg@20", 0.04}}}};
  data.config_yaml = "seed: 42\n";
  return data;
}

TEST(HtmlReport, HeadingsSayWhatWasFound) {
  const std::string page = html_report(full_report());
  EXPECT_THAT(page, HasSubstr("<h1>gowalla, run 0007</h1>"));
  EXPECT_THAT(page, HasSubstr("Nothing to do: every floor of publish.gate is met"));
  EXPECT_THAT(page, HasSubstr("Quality: recall@20 0.0990, 10.0 % above run 0006"));
  EXPECT_THAT(page, HasSubstr("Training: 2 epochs, loss 0.5533 → 0.2359"));
  EXPECT_THAT(page, HasSubstr("Memory: at most 197.8 MiB on a rank, 3.3 % of its limit 5.9 GiB"));
  EXPECT_THAT(page, HasSubstr("Partition: 4 parts by metis, 18.5 % of the edges cut"));
  EXPECT_THAT(page, HasSubstr("Graph: 70,839 vertices, 810,128 edges from 820,128 rows"));
}

TEST(HtmlReport, ShowsTheFiguresAndTheNightBefore) {
  const std::string page = html_report(full_report());
  EXPECT_THAT(page, AllOf(HasSubstr("+0.0090"), HasSubstr("+10.0 %"), HasSubstr("0.0800 met")));
  EXPECT_THAT(page, AllOf(HasSubstr("Drift since run 0006"), HasSubstr("0.9870"), HasSubstr("least 0.2500 (i7)")));
  EXPECT_THAT(page, AllOf(HasSubstr("lists /recommendations/user/item"), HasSubstr("of 29,800 shared rows")));
  EXPECT_THAT(page, HasSubstr("slowest rank 2"));
  EXPECT_THAT(page, HasSubstr("(before the restart)"));
  EXPECT_THAT(page, HasSubstr("part 3: 17,590 + 22,756"));
  EXPECT_THAT(page, HasSubstr("<tr><td>repeat an edge (duplicates)</td><td>10,000</td><td>1.2 %</td></tr>"));
  EXPECT_THAT(page, HasSubstr("<tr><td>user</td><td>29,858</td><td>29,800</td><td>+0.2 %</td></tr>"));
  EXPECT_LT(page.find("<td>recall@10"), page.find("<td>recall@20"));
  EXPECT_LT(page.find("<td>recall@20"), page.find("<td>ndcg@20"));
}

TEST(HtmlReport, IsOneFileWithoutScripts) {
  const std::string page = html_report(full_report());
  for (const char* forbidden : {"<script", "http:", "https:", "src=", "<link", "@import", "url("})
    EXPECT_THAT(page, Not(HasSubstr(forbidden)));
  EXPECT_EQ(page, html_report(full_report()));
}

TEST(HtmlReport, EscapesEveryText) {
  const std::string evil = "<script>\"'&";
  ReportData data = full_report();
  data.name = data.created_utc = data.software_version = data.commit = evil;
  data.run.run = data.previous->run = data.memory_limit_source = data.config_yaml = evil;
  data.run.metrics = data.previous->metrics = data.floors = {{evil, 1}};
  data.run.phases[0].name = data.run.files[0].name = data.partition->method = evil;
  data.run.files[0].rows = data.vertices = {{evil, 1}};
  data.import->edge_types[0].edge_type = data.import->edge_types[0].rules = evil;
  data.partition->types[0].type = evil;
  data.history[1].metrics = {{"recall@" + evil, 1}, {"ndcg@" + evil, 1}};
  data.warnings = {evil};
  data.drift[0].type = data.drift[0].min_id = data.lists[0].name = evil;
  const std::string page = html_report(data);
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(page, Not(HasSubstr(evil.substr(8))));
  EXPECT_THAT(page, HasSubstr("<li>&lt;script&gt;&quot;&#39;&amp;</li>"));
}

TEST(HtmlReport, SaysWhatNeedsAttention) {
  ReportData data = full_report();
  data.run.metrics["recall@20"] = 0.07;
  data.history[1].loss = std::nan("");
  data.peak_resident_bytes[1] = 6200000000;
  data.warnings = {"evaluate: 3 of 10 test interactions name a user or item that the graph does not have"};
  const std::string page = html_report(data);
  EXPECT_THAT(page, HasSubstr("5 things to look at"));
  EXPECT_THAT(page, HasSubstr("recall@20 is 0.0700, below its floor 0.0800: publish.gate refuses this run"));
  EXPECT_THAT(page, HasSubstr("recall@20 is 0.0700, 22.2 % below run 0006"));
  EXPECT_THAT(page, HasSubstr("loss did not fall: 0.5533 in the first epoch, not a number in the last"));
  EXPECT_THAT(page, HasSubstr("98.1 % of its memory limit"));
  EXPECT_THAT(page, HasSubstr("3 of 10 test interactions"));
}

TEST(HtmlReport, DoesWithoutWhatTheJobDidNotDo) {
  ReportData data;
  data.name = "graph only";
  data.run.run = "0001";
  const std::string page = html_report(data);
  EXPECT_THAT(page, HasSubstr("nothing was published before"));
  for (const char* absent : {"Quality:", "Training:", "Partition:", "nan", "inf"}) {
    EXPECT_THAT(page, Not(HasSubstr(absent)));
  }
}

TEST(HtmlReport, StaysSmallForManyRanksAndEpochs) {
  ReportData data = full_report();
  data.peak_resident_bytes.assign(5000, 1000);
  data.peak_resident_bytes[4321] = 123456;
  data.partition->owned.assign(5000, 100000);
  data.partition->ghosts.assign(5000, 123456);
  for (std::uint64_t epoch = 3; epoch <= 1000; ++epoch) {
    data.history.push_back({epoch, 1.0 / static_cast<double>(epoch), 40, 9e7, {{"recall@20", 0.05}, {"ndcg@20", 0.1}}});
  }
  const std::string page = html_report(data);
  EXPECT_LT(page.size(), 200'000U);
  EXPECT_THAT(page, HasSubstr("highest of ranks 4320 to 4359: 120.6 KiB")) << "the fullest rank is seen";
}

TEST(HtmlText, FormatsNumbers) {
  EXPECT_EQ(html::count(0), "0");
  EXPECT_EQ(html::count(999), "999");
  EXPECT_EQ(html::count(1234567), "1,234,567");
  EXPECT_EQ(html::real(0.09883674), "0.0988");
  EXPECT_EQ(html::real(0.000012), "1.2e-05");
  EXPECT_EQ(html::real(HUGE_VAL), "not a number");
  EXPECT_EQ(html::duration(0), "0 s");
  EXPECT_EQ(html::duration(0.0352), "35 ms");
  EXPECT_EQ(html::duration(3.24), "3.2 s");
  EXPECT_EQ(html::difference(0.1, 0.2), "−0.1000");
  EXPECT_EQ(html::difference(0.2, 0.2), "±0");
  EXPECT_EQ(html::relative_difference(0.1, 0.2), "−50.0 %");
  EXPECT_EQ(html::relative_difference(0.2, 0.2), "±0.0 %");
  EXPECT_EQ(html::relative_difference(0.1, 0), "");
  EXPECT_EQ(html::escape("a\x01\nb"), "a?\nb");
}

TEST(ReadRun, NamesEveryStageBeforeTheRestart) {
  const auto run = std::filesystem::temp_directory_path() / ("rove-run-" + std::to_string(::getpid()));
  std::filesystem::create_directory(run);
  io::publish::write_text_durably(
      run / "state.json", R"({"train": {"seconds": 4}, "index": {"seconds": 3}, "ppr": {"seconds": 2}, "import": {}})");
  ReportData data;
  data.run.phases = {{"train", 0, 85, 80, 2, false}};
  read_run(run, data);
  std::vector<std::string> phases;
  for (const PhaseSummary& phase : data.run.phases) phases.push_back(phase.name);
  EXPECT_THAT(phases, ::testing::ElementsAre("import", "ppr", "index", "train"));
  EXPECT_EQ(data.run.phases[2].slowest_s, 3.0);
  std::filesystem::remove_all(run);
}

TEST(ImportFile, IsReadAsWritten) {
  const auto file = std::filesystem::temp_directory_path() / ("rove-import-" + std::to_string(::getpid()) + ".json");
  const io::ImportReport written = *full_report().import;
  write_import_file(file, written);
  const io::ImportReport read = read_import_file(file);
  ASSERT_EQ(read.edge_types.size(), 1U);
  EXPECT_EQ(read.edge_types[0].edge_type, "user,visits,item");
  EXPECT_EQ(read.edge_types[0].duplicates, 10000U);
  EXPECT_EQ(read.edge_types[0].edges_kept, 810128U);
  EXPECT_EQ(read.edge_types[0].rare, 31U);
  EXPECT_EQ(read.edge_types[0].expired, 32U);
  EXPECT_EQ(read.edge_types[0].forgotten, 33U);
  ASSERT_EQ(read.filters.size(), 1U);
  EXPECT_EQ(read.filters[0].type, "user");
  EXPECT_EQ(read.filters[0].rare, 7U);
  EXPECT_EQ(read.filters[0].expired, 8U);
  ASSERT_EQ(read.links.size(), 1U);
  EXPECT_EQ(read.links[0].alias_type, "device");
  EXPECT_EQ(read.links[0].rows_read, 31U);
  EXPECT_EQ(read.links[0].forgotten, 2U);
  EXPECT_EQ(read.links[0].dangling_endpoints, 5U);
  ASSERT_TRUE(read.forgotten.has_value());
  EXPECT_EQ(read.forgotten->users, 1U);
  EXPECT_EQ(read.forgotten->items, 2U);
  EXPECT_EQ(read.forgotten->interactions, 3U);
  EXPECT_EQ(read.forgotten->unknown, 4U);
  io::publish::write_text_durably(file, "{\"edge_types\": 3}");
  EXPECT_THROW(static_cast<void>(read_import_file(file)), InputError);
  std::filesystem::remove(file);
}

}  // namespace
}  // namespace rove::jobs
