// What the writers of output files have in common: a file has its name only when it is whole.
#pragma once

#include <cstdint>

#include "base/result.h"

namespace sluice::output {

/// What a finished file holds.
struct FileInfo {
  std::uint64_t lines = 0;
  std::uint64_t uncompressed_size = 0;
  std::uint64_t compressed_size = 0;  ///< of the file itself
};

/// Until finish() the file has a temporary name; a writer that is destroyed before leaves none.
/// After an error every call returns that error: the file is lost. Not thread-safe.
class FileWriter {
 public:
  FileWriter() = default;
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;
  virtual ~FileWriter() = default;

  /// Lines and bytes so far; compressed_size counts finished blocks only.
  virtual const FileInfo& info() const = 0;
  /// Writes the remaining bytes and the index without waiting for the disk, and releases the
  /// memory. info() is final then, and only finish() may follow.
  virtual Result<void> close() = 0;
  /// Closes, syncs data and index, renames both to their names (F-04: a name promises the whole
  /// file). That the names survive a crash takes a sync of their folder.
  virtual Result<FileInfo> finish() = 0;
};

}  // namespace sluice::output
