// NDJSON as seekable gzip: one valid gzip member made of independent blocks, with an index of the
// blocks in a file beside it, or in its header when it is one block (docs/formats.md). gzip clients
// get the bytes as they are; for others a block is found by the index and inflated on its own. In
// both cases a block is compared with its checksum in the index before a byte of it is returned
//
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "output/file_writer.h"

namespace sluice::output {

struct GzipOptions {
  std::size_t block_size = 1u << 20;  ///< uncompressed; a block ends with the line that reaches it
  int level = 1;                      ///< of ISA-L: 0 to 3
};

using GzipFileInfo = FileInfo;

/// Writes one file. Not thread-safe.
class SeekableGzipWriter final : public FileWriter {
 public:
  /// The index of more than one block gets the path with ".idx" appended.
  static Result<std::unique_ptr<SeekableGzipWriter>> create(const std::filesystem::path& path,
                                                            const GzipOptions& options = {});
  ~SeekableGzipWriter() override;

  /// Appends `line` and a line break. `line` must not contain one.
  Result<void> append_line(std::string_view line);
  const FileInfo& info() const override;
  Result<void> close() override;
  Result<FileInfo> finish() override;

 private:
  struct Impl;
  explicit SeekableGzipWriter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Which files without checksums have been verified, so that each is read through only once.
/// Thread-safe.
class CheckedFiles;
std::shared_ptr<CheckedFiles> make_checked_files();

/// An open finished file, of seekable gzip or raw (output/raw_file_writer.h). Thread-safe; keeps
/// working after the file is unlinked.
class SeekableGzipFile {
 public:
  /// kNotFound when there is no such file, kCorrupt when its index is missing, damaged or another
  /// file's. `checked` caches the checksums of files whose index has none.
  static Result<std::shared_ptr<const SeekableGzipFile>> open(
      const std::filesystem::path& path, std::shared_ptr<CheckedFiles> checked = nullptr);
  ~SeekableGzipFile();

  const GzipFileInfo& info() const;
  /// Whether it is what was written, as it was written: no gzip, for StoredReader only.
  bool is_raw() const;
  /// Unique for the content: the same for the life of the file, other for another file. Printable,
  /// without quotes: the base of an ETag.
  const std::string& identity() const;
  /// Whether it is what the path names now, not one that was replaced or removed.
  bool is_at(const std::filesystem::path& path) const;

 private:
  friend class InflatingReader;
  friend class StoredReader;
  friend class GzipBlockReader;
  struct Impl;
  explicit SeekableGzipFile(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Reads the bytes as they are stored, from `offset` on, front to back, with no memory of its
/// own. One thread at a time.
class StoredReader {
 public:
  /// `offset` up to and including compressed_size.
  StoredReader(std::shared_ptr<const SeekableGzipFile> file, std::uint64_t offset);
  ~StoredReader();
  /// Fills the beginning of `buffer` with the next bytes: at least one, 0 only at the end. kCorrupt
  /// for a damaged block, before its first byte.
  Result<std::size_t> read(std::span<char> buffer);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Reads uncompressed bytes from `offset` on, front to back, in constant memory, however large the
/// blocks are. Beginning within a block inflates the bytes before. One thread at a time.
class InflatingReader {
 public:
  /// What one holds, at most.
  static constexpr std::size_t kMemory = 160u << 10;

  /// `offset` up to and including uncompressed_size.
  InflatingReader(std::shared_ptr<const SeekableGzipFile> file, std::uint64_t offset);
  ~InflatingReader();
  /// Fills `buffer` with the next bytes; fewer than its size only at the end, 0 at the end.
  /// kCorrupt for a damaged block, before its first byte; after an error always that error.
  Result<std::size_t> read(std::span<char> buffer);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::output
