// SPDX-License-Identifier: Apache-2.0
#include "io/publish/file_system.hpp"

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "engine/base/error.hpp"
#include "engine/base/fault.hpp"

namespace rove::io::publish {

namespace fs = std::filesystem;

namespace {

class Descriptor {
 public:
  Descriptor(const fs::path& path, int flags) : path_(path) {
    fault::point("io.open");
    descriptor_ = ::open(path.c_str(), flags | O_CLOEXEC, 0666);
    if (descriptor_ < 0) throw_io_error("open", path.c_str());
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

  void write(std::string_view text) const {
    fault::point("io.write");
    while (!text.empty()) {
      const ssize_t written = ::write(descriptor_, text.data(), text.size());
      if (written < 0 && errno != EINTR) throw_io_error("write", path_.c_str());
      if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
    }
  }
  void sync() const {
    fault::point("io.fsync");
    if (::fsync(descriptor_) != 0) throw_io_error("sync", path_.c_str());
  }

 private:
  fs::path path_;
  int descriptor_ = -1;
};

fs::path directory_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

fs::path part_of(const fs::path& path) {
  return path.string() + ".part";
}

}  // namespace

void sync_file(const fs::path& path) {
  Descriptor(path, O_RDONLY).sync();
}

void sync_directory(const fs::path& path) {
  Descriptor(path, O_RDONLY | O_DIRECTORY).sync();
}

void rename_durably(const fs::path& from, const fs::path& to) {
  fault::point("io.rename");
  if (std::rename(from.c_str(), to.c_str()) != 0) throw_io_error("move into place", to.c_str());
  sync_directory(directory_of(to));
}

void write_text_durably(const fs::path& path, std::string_view text) {
  const fs::path part = part_of(path);
  {
    const Descriptor file(part, O_WRONLY | O_CREAT | O_TRUNC);
    file.write(text);
    file.sync();
  }
  rename_durably(part, path);
}

void replace_symlink_durably(const fs::path& link, const fs::path& target) {
  const fs::path part = part_of(link);
  if (::unlink(part.c_str()) != 0 && errno != ENOENT) throw_io_error("remove", part.c_str());
  fault::point("io.write");
  if (::symlink(target.c_str(), part.c_str()) != 0) throw_io_error("make the symbolic link", part.c_str());
  rename_durably(part, link);
}

void require_space(const fs::path& path) {
  constexpr std::uintmax_t kLeastBytes = 1U << 20U;
  const fs::path directory = path.has_parent_path() ? path.parent_path() : fs::path(".");
  std::error_code unknown;
  const std::uintmax_t left = fs::space(directory, unknown).available;
  if (unknown || left >= kLeastBytes) return;
  throw IoError(
      fmt::format("cannot write {}: no space left, the file system of {} has {} bytes; free some, or choose "
                  "another place for the output",
                  path.string(), directory.string(), left));
}

std::string read_text(const fs::path& path) {
  fault::point("io.open");
  std::ifstream file(path, std::ios::binary);
  if (!file) throw_io_error("open", path.c_str());
  fault::point("io.read");
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (file.bad()) throw_io_error("read", path.c_str());
  return text;
}

}  // namespace rove::io::publish
