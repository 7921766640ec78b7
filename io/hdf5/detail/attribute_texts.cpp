// SPDX-License-Identifier: Apache-2.0
#include "io/hdf5/detail/attribute_texts.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "engine/base/error.hpp"

namespace rove::io::hdf5::detail {

namespace {

constexpr std::uint64_t kChecksumBytes = 4;
constexpr std::uint64_t kHeapHeaderBytes = 16;    ///< signature, version, reserved, size
constexpr std::uint64_t kObjectHeaderBytes = 16;  ///< index, references, reserved, size
constexpr std::uint64_t kHeapBytes = 4096;        ///< at least
constexpr std::uint64_t kContinuation = 0x10;     ///< types of messages
constexpr std::uint64_t kAttribute = 0x0C;
constexpr std::uint64_t kVariableLength = 9;  ///< class of a datatype

class Cursor {
 public:
  explicit Cursor(std::string_view bytes) : bytes_(bytes) {}

  [[nodiscard]] std::uint64_t left() const { return bytes_.size(); }
  /// Fewer bytes than asked for where they end.
  std::string_view take(std::uint64_t count) {
    const std::string_view taken = bytes_.substr(0, count);
    bytes_.remove_prefix(taken.size());
    return taken;
  }
  /// Little endian, at most eight bytes.
  std::uint64_t number(unsigned bytes) {
    const std::string_view taken = take(bytes);
    std::uint64_t value = 0;
    std::memcpy(&value, taken.data(), taken.size());
    return value;
  }

 private:
  std::string_view bytes_;
};

/// A text in a heap.
struct Reference {
  std::uint64_t heap = 0;
  std::uint64_t index = 0;
  std::uint64_t length = 0;
};

/// Bytes of the file.
struct Extent {
  std::uint64_t begin = 0;
  std::uint64_t count = 0;
};

class AttributeTexts {
 public:
  explicit AttributeTexts(const std::filesystem::path& path)
      : path_(path), size_(std::filesystem::file_size(path)), file_(path, std::ios::binary) {}

  void check(std::uint64_t object_header) {
    for (const Reference& text : references_of(object_header)) {
      auto heap = heaps_.find(text.heap);
      if (heap == heaps_.end()) heap = heaps_.emplace(text.heap, lengths_in(text.heap)).first;
      const auto object = heap->second.find(text.index);
      if (object == heap->second.end() || object->second != text.length) fail(text.heap);
    }
  }

 private:
  [[noreturn]] void fail(std::uint64_t heap) const {
    throw InputError(
        fmt::format("{} is damaged: the texts of its attributes, in the heap at byte {}, are not as they were written; "
                    "make it again, or restore it",
                    path_.string(), heap));
  }

  /// Fewer bytes where the file ends.
  std::string read(std::uint64_t begin, std::uint64_t count) {
    std::string bytes(begin < size_ ? std::min(count, size_ - begin) : 0, '\0');
    file_.seekg(static_cast<std::streamoff>(begin));
    if (!file_.read(bytes.data(), static_cast<std::streamsize>(bytes.size()))) {
      throw IoError(fmt::format("cannot read {} at byte {}: {}", path_.string(), begin, std::strerror(errno)));
    }
    return bytes;
  }

  std::vector<Reference> references_of(std::uint64_t object_header) {
    constexpr std::uint64_t kUsual = 1024;
    std::string bytes = read(object_header, kUsual);
    Cursor header(bytes);
    if (header.take(4) != "OHDR" || header.number(1) != 2) return {};
    const std::uint64_t flags = header.number(1);
    if ((flags & 0x20U) != 0) header.take(16);  // times
    if ((flags & 0x10U) != 0) header.take(4);   // when attributes leave the header
    const std::uint64_t messages_bytes = header.number(1U << (flags & 3U));
    const bool is_ordered = (flags & 4U) != 0;
    const std::uint64_t before = bytes.size() - header.left();
    if (messages_bytes > header.left()) bytes = read(object_header, before + messages_bytes);

    std::vector<Reference> texts;
    std::vector<Extent> more;
    scan(std::string_view(bytes).substr(before, messages_bytes), is_ordered, texts, more);
    // HDF5 has read the header before, checksums and all: continuations end.
    for (std::size_t i = 0; i < more.size(); ++i) {
      const std::string chunk = read(more[i].begin, more[i].count);
      if (!chunk.starts_with("OCHK") || chunk.size() < 4 + kChecksumBytes) continue;
      scan(std::string_view(chunk).substr(4, chunk.size() - 4 - kChecksumBytes), is_ordered, texts, more);
    }
    return texts;
  }

  static void scan(std::string_view messages, bool is_ordered, std::vector<Reference>& texts,
                   std::vector<Extent>& more) {
    const std::uint64_t prefix = is_ordered ? 6 : 4;
    for (Cursor cursor(messages); cursor.left() >= prefix;) {
      const std::uint64_t type = cursor.number(1);
      const std::uint64_t bytes = cursor.number(2);
      const bool is_shared = (cursor.number(1) & 2U) != 0;
      if (is_ordered) cursor.take(2);
      Cursor message(cursor.take(bytes));
      if (type == kContinuation) {
        const std::uint64_t begin = message.number(8);
        more.push_back({begin, message.number(8)});
      } else if (type == kAttribute && !is_shared) {
        add_text(message, texts);
      }
    }
  }

  static void add_text(Cursor message, std::vector<Reference>& texts) {
    if (message.number(1) != 3) return;  // version
    if (message.number(1) != 0) return;  // a type or a shape that lies elsewhere
    const std::uint64_t name_bytes = message.number(2);
    const std::uint64_t type_bytes = message.number(2);
    const std::uint64_t shape_bytes = message.number(2);
    message.take(1 + name_bytes);  // the name's character set, the name
    Cursor type(message.take(type_bytes));
    message.take(shape_bytes);
    if ((type.number(1) & 15U) != kVariableLength) return;
    Reference text;
    text.length = message.number(4);
    text.heap = message.number(8);
    text.index = message.number(4);
    if (text.length > 0) texts.push_back(text);
  }

  /// Lengths of the objects of a heap, by index. Object 0 is the free space at its end; its size counts its header.
  std::map<std::uint64_t, std::uint64_t> lengths_in(std::uint64_t begin) {
    const std::string first = read(begin, kHeapHeaderBytes);
    Cursor header(first);
    if (header.take(8) != std::string_view("GCOL\1\0\0\0", 8)) fail(begin);
    const std::uint64_t heap_bytes = header.number(8);
    if (heap_bytes < kHeapBytes || heap_bytes > size_ - begin) fail(begin);

    const std::string heap = read(begin, heap_bytes);
    Cursor objects(std::string_view(heap).substr(kHeapHeaderBytes));
    std::map<std::uint64_t, std::uint64_t> lengths;
    while (objects.left() >= kObjectHeaderBytes) {
      const std::uint64_t index = objects.number(2);
      objects.take(6);
      const std::uint64_t size = objects.number(8);
      if (index == 0 && size == objects.left() + kObjectHeaderBytes) break;
      if (index == 0 || size > objects.left() || !lengths.emplace(index, size).second) fail(begin);
      objects.take((size + 7) / 8 * 8);
    }
    return lengths;
  }

  const std::filesystem::path& path_;
  std::uint64_t size_;
  std::ifstream file_;
  std::map<std::uint64_t, std::map<std::uint64_t, std::uint64_t>> heaps_;  ///< begin to lengths of its objects
};

}  // namespace

void require_sound_attribute_texts(const std::filesystem::path& path, std::span<const std::uint64_t> object_headers) {
  AttributeTexts texts(path);
  for (const std::uint64_t header : object_headers) texts.check(header);
}

}  // namespace rove::io::hdf5::detail
