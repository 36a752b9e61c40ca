// Files of one shard that become durable together.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "base/result.h"
#include "output/file_store.h"

namespace sluice::output {

/// Keeps closed files until they are finished side by side (FileStore::finish_all): one after the
/// other, a shard of many small files would mostly wait for the disk. One thread.
class ClosedFiles {
 public:
  /// The number of files after which it finishes them: each holds an open descriptor or two.
  static constexpr std::size_t kMax = 64;

  explicit ClosedFiles(FileStore& files) : files_(files) {}

  /// Closes a file; what it holds is final.
  Result<FileInfo> add(std::unique_ptr<FileWriter> writer) {
    SLUICE_RETURN_IF_ERROR(writer->close());
    const FileInfo info = writer->info();
    closed_.push_back(std::move(writer));
    if (closed_.size() >= kMax) SLUICE_RETURN_IF_ERROR(finish());
    return info;
  }

  /// All that were added have their names afterwards.
  Result<void> finish() {
    const auto closed = std::move(closed_);
    closed_.clear();
    return files_.finish_all(closed);
  }

 private:
  FileStore& files_;
  std::vector<std::unique_ptr<FileWriter>> closed_;
};

}  // namespace sluice::output
