// SPDX-License-Identifier: Apache-2.0
#include "io/text/part_file.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/base/fault.hpp"
#include "engine/graph/block_distribution.hpp"
#include "io/text/ordered_writer.hpp"

namespace rove::io::text {
namespace {

/// The lines that start in this rank's share of the file's bytes.
std::string read_share(const std::filesystem::path& path, Rank rank, std::int32_t ranks) {
  fault::point("io.open");
  std::error_code error;
  const std::uint64_t size = std::filesystem::file_size(path, error);
  std::ifstream file(path, std::ios::binary);
  if (error || !file) {
    const std::error_code reason = error ? error : std::error_code(errno, std::generic_category());
    throw IoError(fmt::format("cannot open {}: {}", path.string(), reason.message()));
  }
  fault::point("io.read");
  const IndexRange share = graph::BlockDistribution(size, ranks).block(rank);
  std::string text;
  if (share.size() == 0) return text;
  std::string line;
  std::uint64_t begin = share.begin;
  if (begin > 0) {
    // The line that holds the byte before the share starts there or earlier.
    file.seekg(static_cast<std::streamoff>(begin - 1));
    std::getline(file, line);
    begin += line.size();
  } else {
    file.seekg(0);
  }
  if (begin < share.end) {
    text.resize(share.end - begin);
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (!file) throw IoError(fmt::format("cannot read {}: the device fails, or it has become shorter", path.string()));
    if (text.back() != '\n' && std::getline(file, line)) text += line + '\n';
  }
  return text;
}

std::uint64_t count_lines(std::string_view text) {
  const auto ends = static_cast<std::uint64_t>(std::ranges::count(text, '\n'));
  return text.empty() || text.back() == '\n' ? ends : ends + 1;
}

std::string_view trimmed(std::string_view line) {
  constexpr std::string_view kSpace = " \t\r";
  const std::size_t begin = line.find_first_not_of(kSpace);
  return begin == std::string_view::npos ? std::string_view()
                                         : line.substr(begin, line.find_last_not_of(kSpace) - begin + 1);
}

std::vector<std::int32_t> parse_parts(const std::string& file, std::string_view text, std::uint64_t first_line,
                                      std::int32_t parts) {
  std::vector<std::int32_t> result;
  for (std::uint64_t line_number = first_line; !text.empty(); ++line_number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view word = trimmed(text.substr(0, end));
    std::int32_t part = -1;
    const auto [rest, error] = std::from_chars(word.data(), word.data() + word.size(), part);
    if (word.empty() || error != std::errc() || rest != word.data() + word.size() || part < 0 || part >= parts) {
      throw InputError({file, line_number, 0}, fmt::format("'{}'", word.substr(0, 40)),
                       fmt::format("a part from 0 to {}", parts - 1));
    }
    result.push_back(part);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return result;
}

/// **Collective.** The parts of my home block of one type.
std::vector<std::int32_t> read_part_file(const comm::Communicator& comm, const graph::VertexType& type,
                                         const std::filesystem::path& path, std::int32_t parts) {
  std::string text;
  comm.agree([&] { text = read_share(path, comm.rank(), comm.size()); });
  const std::uint64_t lines = count_lines(text);
  const std::uint64_t before = comm.exclusive_scan(lines);
  const std::uint64_t total = comm.all_reduce(lines, comm::ReduceOp::kSum);
  std::vector<std::int32_t> mine;
  comm.agree([&] {
    mine = parse_parts(path.string(), text, before + 1, parts);
    if (total != type.count) {
      throw InputError({path.string(), 0, 0}, fmt::format("{} lines", total),
                       fmt::format("{}, one per vertex of type '{}'", type.count, type.name));
    }
  });
  const graph::BlockDistribution homes(type.count, comm.size());
  std::vector<std::uint64_t> counts(static_cast<std::size_t>(comm.size()));
  for (std::int32_t r = 0; r < comm.size(); ++r) {
    const IndexRange home = homes.block(Rank{r});
    const std::uint64_t begin = std::max(home.begin, before);
    const std::uint64_t end = std::min(home.end, before + lines);
    counts[static_cast<std::size_t>(r)] = begin < end ? end - begin : 0;
  }
  return comm.exchange<std::int32_t>(std::span<const std::int32_t>(mine), counts).data;
}

}  // namespace

std::filesystem::path part_file_path(const std::filesystem::path& directory, const std::string& type,
                                     std::int32_t parts) {
  return directory / fmt::format("{}.part.{}", type, parts);
}

void write_part_files(const comm::Communicator& comm, const std::filesystem::path& directory,
                      const graph::Schema& schema, const graph::Assignment& assignment) {
  for (std::size_t t = 0; t < schema.vertex_types().size(); ++t) {
    OrderedWriter file(comm, part_file_path(directory, schema.vertex_types()[t].name, assignment.num_parts));
    std::vector<std::string> lines(1);
    for (const std::int32_t part : assignment.parts[t]) fmt::format_to(std::back_inserter(lines[0]), "{}\n", part);
    file.append(lines);
    file.finish();
  }
}

graph::Assignment read_part_files(const comm::Communicator& comm, const graph::Schema& schema,
                                  const std::vector<std::filesystem::path>& files, std::int32_t parts) {
  if (files.size() != schema.vertex_types().size()) {
    throw ConfigError(fmt::format("found {} part files, expected one for each of the {} vertex types", files.size(),
                                  schema.vertex_types().size()));
  }
  if (parts < 1) throw ConfigError(fmt::format("partition.parts is {}, expected at least 1", parts));
  graph::Assignment assignment{parts, "file", {}};
  for (std::size_t t = 0; t < files.size(); ++t) {
    assignment.parts.push_back(read_part_file(comm, schema.vertex_types()[t], files[t], parts));
  }
  return assignment;
}

}  // namespace rove::io::text
