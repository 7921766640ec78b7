// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <unistd.h>

#include "engine/base/error.hpp"
#include "engine/base/fault.hpp"
#include "engine/parallel/parallel.hpp"
#include "io/hdf5/header.hpp"
#include "io/hdf5/node_rows.hpp"
#include "io/publish/manifest.hpp"

namespace rove::io::publish {

namespace fs = std::filesystem;

namespace {

struct Sha256 {
  std::array<std::uint8_t, 32> bytes;
};

struct BlockHash {
  std::uint64_t task;
  Sha256 digest;
};

struct Task {
  std::size_t file;
  std::uint64_t block;
};

Sha256 hash_block(const fs::path& path, std::uint64_t block) {
  fault::point("io.read");
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) throw_io_error("open", path.c_str());
  const std::unique_ptr<const int, void (*)(const int*)> closer(&descriptor, [](const int* file) { ::close(*file); });
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  if (!context || EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) != 1)
    throw InternalError("OpenSSL: no SHA-256");
  std::vector<char> buffer(std::size_t{1} << 20U);
  const std::uint64_t end = (block + 1) * kHashBlockBytes;
  for (std::uint64_t at = block * kHashBlockBytes; at < end;) {
    const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), end - at));
    const ssize_t count = ::pread(descriptor, buffer.data(), want, static_cast<off_t>(at));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_io_error("read", path.c_str());
    if (count == 0) break;
    EVP_DigestUpdate(context.get(), buffer.data(), static_cast<std::size_t>(count));
    at += static_cast<std::uint64_t>(count);
  }
  Sha256 digest{};
  EVP_DigestFinal_ex(context.get(), digest.bytes.data(), nullptr);
  return digest;
}

std::string hexadecimal(const Sha256& digest) {
  return fmt::format("{:02x}", fmt::join(digest.bytes, ""));
}

bool is_excluded(const std::string& name, std::span<const std::string> exclude) {
  if (name == "manifest.json" || name.ends_with(".part")) return true;
  return std::any_of(exclude.begin(), exclude.end(), [&](const std::string& prefix) {
    return name == prefix || (name.starts_with(prefix) && name[prefix.size()] == '/');
  });
}

std::vector<ManifestFile> list_files(const fs::path& run, std::span<const std::string> exclude) {
  std::vector<ManifestFile> files;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(run)) {
    std::string name = entry.path().lexically_relative(run).generic_string();
    if (!entry.is_regular_file() || entry.is_symlink() || is_excluded(name, exclude)) continue;
    files.push_back({std::move(name), entry.file_size(), {}, {}, {}, {}});
  }
  std::sort(files.begin(), files.end(), [](const ManifestFile& a, const ManifestFile& b) { return a.name < b.name; });
  return files;
}

void describe_content(ManifestFile& file, const fs::path& run) {
  if (fs::path(file.name).extension() != ".h5") return;
  const hdf5::InputFile content(run / file.name);
  file.format = name_of(read_header(content).format);
  for (const NodeTypeInfo& type : node_types(content)) file.rows[type.name] = type.count;
  for (const std::string& name : content.datasets()) {
    const hdf5::DatasetInfo info = content.info(name);
    file.datasets.push_back({name, info.type.name(), info.shape});
  }
}

/// What identifies a listing, so that ranks on a slow shared file system notice that they see different files.
std::string fingerprint(const std::vector<ManifestFile>& files) {
  std::string text;
  for (const ManifestFile& file : files) text += fmt::format("{} {}\n", file.name, file.bytes);
  return text;
}

}  // namespace

std::vector<ManifestFile> hash_files(const comm::Communicator& comm, const fs::path& run,
                                     std::span<const std::string> exclude) {
  std::vector<ManifestFile> files;
  std::string mine;
  comm.agree([&] {
    try {
      files = list_files(run, exclude);
    } catch (const fs::filesystem_error& error) {
      throw IoError(fmt::format("cannot list {}: {}", run.string(), error.what()));
    }
    mine = fingerprint(files);
  });
  const std::string roots = comm.broadcast_text(mine, Rank{0});
  comm.agree([&] {
    if (mine != roots) {
      throw IoError(fmt::format(
          "{} looks different from this rank than from rank 0; it must be on a shared file system", run.string()));
    }
  });

  std::vector<Task> tasks;
  for (std::size_t f = 0; f < files.size(); ++f) {
    const std::uint64_t blocks = std::max<std::uint64_t>(1, (files[f].bytes + kHashBlockBytes - 1) / kHashBlockBytes);
    files[f].sha256_blocks.resize(blocks);
    for (std::uint64_t b = 0; b < blocks; ++b) tasks.push_back({f, b});
  }
  const auto ranks = static_cast<std::uint64_t>(comm.size());
  const std::uint64_t first = comm.rank().index();
  std::vector<BlockHash> hashes((tasks.size() + ranks - 1 - first) / ranks);
  comm.agree([&] {
    parallel::for_each({0, hashes.size()}, 1, [&](std::uint64_t i) {
      const std::uint64_t task = first + i * ranks;
      hashes[i] = {task, hash_block(run / files[tasks[task].file].name, tasks[task].block)};
    });
    for (ManifestFile& file : files) describe_content(file, run);
  });
  for (const BlockHash& hash : comm.all_gather_v(std::span<const BlockHash>(hashes)).data) {
    const Task& task = tasks[hash.task];
    files[task.file].sha256_blocks[task.block] = hexadecimal(hash.digest);
  }
  return files;
}

}  // namespace rove::io::publish
