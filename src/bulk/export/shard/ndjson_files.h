// Writes lines of one kind after another into files of bounded size.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "bulk/export/plan/export_shard.h"
#include "bulk/export/shard/shard_files.h"

namespace sluice::bulk {

/// Not thread-safe.
class NdjsonFiles {
 public:
  NdjsonFiles(ShardFiles& files, std::uint64_t size_max) : files_(files), size_max_(size_max) {}

  std::uint64_t size_max() const { return size_max_; }
  /// Begins a new file for lines of this kind. `prefix`: of the files' names; `type`: their type in
  /// the manifest.
  Result<void> begin(FileKind kind, std::string_view prefix, std::string_view type);
  /// Appends a line; begins a new file when the line would make the current one too large.
  Result<void> append(std::string_view line);
  /// Ends the current file, if there is one.
  Result<void> end();

 private:
  Result<void> open();

  ShardFiles& files_;
  const std::uint64_t size_max_;
  FileKind kind_ = FileKind::kOutput;
  std::string prefix_;
  std::string type_;
  std::string name_;
  std::unique_ptr<output::SeekableGzipWriter> writer_;
};

/// Writes deletions and outcomes of an export, each into files of their own, which are NDJSON in
/// every output format. Not thread-safe.
class MessageFiles {
 public:
  MessageFiles(ShardFiles& files, std::uint64_t size_max) : lines_(files, size_max) {}

  std::uint64_t size_max() const { return lines_.size_max(); }
  /// `kind`: kDeleted or kOutcome.
  Result<void> append(FileKind kind, std::string_view line);
  Result<void> finish() { return lines_.end(); }

 private:
  NdjsonFiles lines_;
  FileKind kind_ = FileKind::kOutput;
};

}  // namespace sluice::bulk
