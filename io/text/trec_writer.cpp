// SPDX-License-Identifier: Apache-2.0
#include "io/text/trec_writer.hpp"

#include <algorithm>
#include <charconv>
#include <functional>
#include <iterator>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/parallel/parallel.hpp"
#include "io/ids/ids_of_rows.hpp"
#include "io/text/ordered_writer.hpp"

namespace rove::io::text {
namespace {

/// Lines per rank in one round: some 64 MB of text.
constexpr std::uint64_t kLinesPerRound = 1U << 20U;
constexpr std::uint64_t kRowsPerTask = 1024;

std::string_view without_space(std::string_view text, const char* what) {
  const auto is_space = [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
  if (text.empty() || std::ranges::any_of(text, is_space)) {
    throw InputError(fmt::format("the {} '{}' {}; TREC files separate columns by white space", what, text,
                                 text.empty() ? "is empty" : "has white space"));
  }
  return text;
}

/// Cuts rows into rounds of at most `kLinesPerRound` entries (or one row).
std::vector<IndexRange> rounds_of(std::uint64_t num_rows, const std::function<std::uint64_t(std::uint64_t)>& length) {
  std::vector<IndexRange> rounds;
  std::uint64_t entries = 0;
  for (std::uint64_t row = 0; row < num_rows; ++row) {
    if (rounds.empty() || entries + length(row) > kLinesPerRound) {
      rounds.push_back({row, row});
      entries = 0;
    }
    entries += length(row);
    rounds.back().end = row + 1;
  }
  return rounds;
}

/// What differs between the two formats: how many entries a row has, which, and what follows the names.
struct Lines {
  std::function<std::uint64_t(std::uint64_t row)> length;
  std::function<std::uint64_t(std::uint64_t row, std::uint64_t j)> target;
  std::string_view second_column;
  std::function<void(std::string& line, std::uint64_t row, std::uint64_t j)> add_rest;
};

std::uint64_t write_lines(const comm::Communicator& comm, const std::filesystem::path& path, const ListIds& ids,
                          const Lines& lines) {
  const std::vector<IndexRange> mine = rounds_of(ids.sources.size(), lines.length);
  const std::uint64_t rounds = comm.all_reduce<std::uint64_t>(mine.size(), comm::ReduceOp::kMax);
  OrderedWriter file(comm, path);
  file.append_rounds(rounds, [&](std::uint64_t round) {
    const IndexRange rows = round < mine.size() ? mine[round] : IndexRange{};
    std::vector<std::uint32_t> targets;
    for (std::uint64_t row = rows.begin; row < rows.end; ++row) {
      for (std::uint64_t j = 0; j < lines.length(row); ++j)
        targets.push_back(static_cast<std::uint32_t>(lines.target(row, j)));
    }
    const IdsOfRows names(comm, ids.num_targets, ids.targets, std::move(targets));
    std::vector<std::string> pieces((rows.size() + kRowsPerTask - 1) / kRowsPerTask);
    comm.agree([&] {
      parallel::for_chunks(rows, kRowsPerTask, [&](IndexRange chunk) {
        std::string& text = pieces[(chunk.begin - rows.begin) / kRowsPerTask];
        for (std::uint64_t row = chunk.begin; row < chunk.end; ++row) {
          for (std::uint64_t j = 0; j < lines.length(row); ++j) {
            text += without_space(ids.sources[row], "id");
            text += lines.second_column;
            text += without_space(names[lines.target(row, j)], "id");
            lines.add_rest(text, row, j);
          }
        }
      });
    });
    return pieces;
  });
  return file.finish();
}

template <class Number>
void add_number(std::string& text, Number number) {
  char digits[32];
  text.append(digits, std::to_chars(std::begin(digits), std::end(digits), number).ptr);
}

}  // namespace

std::uint64_t write_trec_run(const comm::Communicator& comm, const std::filesystem::path& path, const ListIds& ids,
                             const graph::NeighborLists& lists, std::uint64_t depth, const std::string& tag) {
  comm.agree([&] { without_space(tag, "tag"); });
  const auto length = [&](std::uint64_t row) { return std::min<std::uint64_t>(depth, lists.targets_of(row).size()); };
  const auto add_rest = [&](std::string& text, std::uint64_t row, std::uint64_t j) {
    text += ' ';
    add_number(text, j + 1);
    text += ' ';
    add_number(text, lists.scores_of(row)[j]);
    text += ' ';
    text += tag;
    text += '\n';
  };
  const auto target = [&](std::uint64_t row, std::uint64_t j) { return lists.targets_of(row)[j]; };
  return write_lines(comm, path, ids, {length, target, " Q0 ", add_rest});
}

std::uint64_t write_qrels(const comm::Communicator& comm, const std::filesystem::path& path, const ListIds& ids,
                          std::span<const std::uint64_t> offsets, std::span<const std::uint32_t> items) {
  const auto length = [&](std::uint64_t row) { return offsets[row + 1] - offsets[row]; };
  const auto target = [&](std::uint64_t row, std::uint64_t j) { return std::uint64_t{items[offsets[row] + j]}; };
  const auto add_rest = [](std::string& text, std::uint64_t, std::uint64_t) { text += " 1\n"; };
  return write_lines(comm, path, ids, {length, target, " 0 ", add_rest});
}

}  // namespace rove::io::text
