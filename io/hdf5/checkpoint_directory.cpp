// SPDX-License-Identifier: Apache-2.0
#include "io/hdf5/checkpoint_directory.hpp"

#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/base/checked_cast.hpp"
#include "engine/graph/block_distribution.hpp"
#include "io/hdf5/digest.hpp"
#include "io/publish/file_system.hpp"

namespace rove::io {

namespace fs = std::filesystem;

namespace {

std::string block_name(std::string_view name) {
  return "/blocks/" + hdf5::escape_name(name);
}

class Sink final : public exec::CheckpointSink {
 public:
  explicit Sink(hdf5::OutputFile& file) : file_(file) {}

  void write_replicated(std::string_view name, std::span<const std::byte> bytes) override {
    const std::span<const std::byte> mine = file_.comm().is_root() ? bytes : std::span<const std::byte>();
    file_.write<std::uint8_t>(block_name(name), {reinterpret_cast<const std::uint8_t*>(mine.data()), mine.size()});
  }
  void write_rows(std::string_view name, std::uint64_t /*num_rows*/, std::uint64_t row_bytes,
                  std::span<const std::byte> home_rows) override {
    file_.write_matrix<std::uint8_t>(
        block_name(name), {reinterpret_cast<const std::uint8_t*>(home_rows.data()), home_rows.size()}, row_bytes);
  }

 private:
  hdf5::OutputFile& file_;
};

class Source final : public exec::CheckpointSource {
 public:
  Source(const comm::Communicator& comm, const fs::path& path) : comm_(comm) {
    comm_.agree([&] {
      try {
        file_.emplace(path);
        (void)read_header(*file_, FileFormat::kCheckpoint);
      } catch (const Error& error) {
        throw InputError(fmt::format("the checkpoint is damaged, remove {} and start again: {}",
                                     path.parent_path().string(), error.what()));
      }
    });
  }

  std::vector<std::byte> read_replicated(std::string_view name) override {
    const std::string block = block_name(name);
    std::vector<std::byte> bytes;
    comm_.agree([&] { bytes = file_->read_bytes(block, {0, file_->info(block).rows()}); });
    hdf5::DatasetDigest digest;
    digest.add_blocks(0, bytes, 1);
    comm_.agree([&] { require_digest(block, digest); });
    return bytes;
  }

  std::vector<std::byte> read_rows(std::string_view name, std::uint64_t num_rows, std::uint64_t row_bytes) override {
    const std::string block = block_name(name);
    std::vector<std::byte> bytes;
    comm_.agree([&] {
      const hdf5::DatasetInfo info = file_->info(block);
      if (info.rows() != num_rows || info.row_bytes() != row_bytes) {
        throw InputError(
            fmt::format("{}: checkpoint block '{}' has {} rows of {} bytes, expected {} of {}; start without "
                        "this checkpoint",
                        file_->path().string(), name, info.rows(), info.row_bytes(), num_rows, row_bytes));
      }
      bytes = file_->read_bytes(block, graph::BlockDistribution(num_rows, comm_.size()).block(comm_.rank()));
    });
    const hdf5::DatasetDigest digest = hdf5::digest_rows(comm_, bytes, row_bytes);
    comm_.agree([&] { require_digest(block, digest); });
    return bytes;
  }

 private:
  void require_digest(const std::string& block, const hdf5::DatasetDigest& found) const {
    const auto stored = file_->attribute<std::string>(block, "xxh3");
    if (stored != found.text()) {
      throw InputError(
          fmt::format("{}: the bytes of {} have the digest {}, but {} was written; the checkpoint is damaged, "
                      "remove it and start again",
                      file_->path().string(), block, found.text(), stored));
    }
  }

  const comm::Communicator& comm_;
  std::optional<hdf5::InputFile> file_;
};

}  // namespace

CheckpointDirectory::CheckpointDirectory(const comm::Communicator& comm, fs::path directory)
    : comm_(comm), directory_(std::move(directory)) {
  comm_.agree([&] {
    std::error_code error;
    if (comm_.is_root()) fs::create_directories(directory_, error);
    if (error) throw IoError(fmt::format("cannot make the directory {}: {}", directory_.string(), error.message()));
  });
}

std::optional<CheckpointDirectory::Current> CheckpointDirectory::current() const {
  std::string text;
  comm_.agree([&] {
    const fs::path pointer = directory_ / "current.json";
    if (comm_.is_root() && fs::exists(pointer)) text = publish::read_text(pointer);
  });
  text = comm_.broadcast_text(text, Rank{0});
  if (text.empty()) return std::nullopt;
  try {
    const auto json = nlohmann::json::parse(text);
    return Current{{json.at("serial"), json.at("progress"), json.at("identity")}, json.at("file")};
  } catch (const nlohmann::json::exception& error) {
    throw InputError(fmt::format("{}/current.json is damaged ({}); remove the directory and start again",
                                 directory_.string(), error.what()));
  }
}

std::optional<CheckpointInfo> CheckpointDirectory::latest() const {
  const auto found = current();
  return found ? std::optional(found->info) : std::nullopt;
}

void CheckpointDirectory::save(const exec::CheckpointRegistry& state, std::uint64_t progress,
                               const std::string& identity, const FileProvenance& provenance) const {
  const auto last = current();
  const std::string name = last && last->file == "generation-0.h5" ? "generation-1.h5" : "generation-0.h5";
  const std::uint64_t serial = last ? last->info.serial + 1 : 1;
  hdf5::OutputFile file(comm_, directory_ / name);
  file.make_group("/blocks");
  Sink sink(file);
  state.save(comm_, sink);
  file.set_attribute("/", "serial", checked_cast<std::int64_t>(serial));
  file.set_attribute("/", "progress", checked_cast<std::int64_t>(progress));
  file.set_attribute("/", "identity", identity);
  write_header(file, FileFormat::kCheckpoint, provenance);
  file.commit();
  comm_.agree([&] {
    if (!comm_.is_root()) return;
    const nlohmann::json json{{"serial", serial}, {"progress", progress}, {"identity", identity}, {"file", name}};
    publish::write_text_durably(directory_ / "current.json", json.dump(2) + "\n");
  });
}

std::optional<CheckpointInfo> CheckpointDirectory::restore(exec::CheckpointRegistry& state,
                                                           const std::string& identity) const {
  const auto found = current();
  if (!found || found->info.identity != identity) return std::nullopt;
  Source source(comm_, directory_ / found->file);
  state.restore(comm_, source);
  return found->info;
}

std::unique_ptr<exec::CheckpointSource> CheckpointDirectory::open(const std::string& identity) const {
  const auto found = current();
  if (!found || found->info.identity != identity) return nullptr;
  return std::make_unique<Source>(comm_, directory_ / found->file);
}

void CheckpointDirectory::clear() const {
  comm_.agree([&] {
    if (!comm_.is_root()) return;
    std::error_code error;
    // The pointer goes first: a directory without it has no checkpoint.
    for (const char* name : {"current.json", "generation-0.h5", "generation-1.h5"}) {
      fs::remove(directory_ / name, error);
      if (error) throw IoError(fmt::format("cannot remove {}/{}: {}", directory_.string(), name, error.message()));
    }
  });
}

}  // namespace rove::io
