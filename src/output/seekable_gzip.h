// NDJSON as seekable gzip: one valid gzip member made of independent blocks, with an index of the
// blocks in a file beside it, or in its header when it is one block (docs/formats.md). gzip clients
// get the bytes as they are; for others a block is found by the index and inflated on its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice::output {

struct GzipOptions {
  std::size_t block_size = 1u << 20;  ///< uncompressed; a block ends with the line that reaches it
  int level = 1;                      ///< of ISA-L: 0 to 3
};

/// What a finished file holds.
struct GzipFileInfo {
  std::uint64_t lines = 0;
  std::uint64_t uncompressed_size = 0;
  std::uint64_t compressed_size = 0;
};

/// Writes one file. Until finish() it has a temporary name; a writer that is destroyed before
/// leaves nothing behind. After an error every call gives that error: the file is lost. One thread.
class SeekableGzipWriter {
 public:
  /// The index of more than one block gets the path with ".idx" appended.
  static Result<std::unique_ptr<SeekableGzipWriter>> create(const std::filesystem::path& path,
                                                            const GzipOptions& options = {});
  ~SeekableGzipWriter();

  /// Appends `line` and a line break. `line` must not contain one.
  Result<void> append_line(std::string_view line);
  /// Lines and bytes so far; compressed_size counts finished blocks only.
  const GzipFileInfo& info() const;
  /// Writes the rest and the index without waiting for the disk, and gives up the memory: info() is
  /// what the file will be, and only finish() may follow.
  Result<void> close();
  /// Closes, syncs data and index, renames both to their names (F-04: a name promises the whole
  /// file). That the names survive a crash takes a sync of their folder.
  Result<GzipFileInfo> finish();

 private:
  struct Impl;
  explicit SeekableGzipWriter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// An open finished file. Thread-safe; keeps working after the file is unlinked.
class SeekableGzipFile {
 public:
  /// kNotFound when there is no such file, kCorrupt when its index is missing, damaged or another
  /// file's.
  static Result<std::shared_ptr<const SeekableGzipFile>> open(const std::filesystem::path& path);
  ~SeekableGzipFile();

  const GzipFileInfo& info() const;
  /// The descriptor of the gzip bytes, for sendfile; valid as long as this object.
  int fd() const;
  /// Unique for the content: the same for the life of the file, other for another file. Printable,
  /// without quotes: the base of an ETag.
  const std::string& identity() const;

 private:
  friend class InflatingReader;
  struct Impl;
  explicit SeekableGzipFile(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Reads uncompressed bytes from `offset` on, front to back, in constant memory (two blocks at
/// most). One thread at a time.
class InflatingReader {
 public:
  /// `offset` up to and including uncompressed_size.
  InflatingReader(std::shared_ptr<const SeekableGzipFile> file, std::uint64_t offset);
  ~InflatingReader();
  /// Fills `buffer` with the next bytes; fewer than its size only at the end, 0 at the end.
  Result<std::size_t> read(std::span<char> buffer);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::output
