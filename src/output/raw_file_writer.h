// Files that are stored as they are written, because they are compressed already. An index beside
// them has a checksum for each block, so that a block is compared with it before a byte of it is
// sent; they are read as files of gzip are, by StoredReader.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string_view>

#include "output/file_writer.h"

namespace sluice::output {

/// Writes one file, whose content must not begin like gzip. Its info() has no lines. Not
/// thread-safe.
class RawFileWriter final : public FileWriter {
 public:
  /// The index gets the path with ".idx" appended.
  static Result<std::unique_ptr<RawFileWriter>> create(const std::filesystem::path& path,
                                                       std::size_t block_size = 1u << 20);
  ~RawFileWriter() override;

  Result<void> append(std::string_view bytes);
  const FileInfo& info() const override;
  Result<void> close() override;
  Result<FileInfo> finish() override;

 private:
  struct Impl;
  explicit RawFileWriter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::output
