// The output side of an export that is organised by instances (P-09): blocks of lines, each under a
// header, in files of bounded size.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "bulk/export/plan/export_shard.h"
#include "output/closed_files.h"
#include "output/file_store.h"

namespace sluice::bulk {

/// Writes the files of one shard. A block that fits into one file is not split; a larger block
/// continues in further files, each of which begins with its header. Keeps at most kBufferMax of a
/// block in memory. Not thread-safe.
class BlockWriter {
 public:
  static constexpr std::size_t kBufferMax = 8u << 20;

  /// Names are "Block-<stem>-<number>".
  BlockWriter(output::FileStore& files, std::string job_id, std::string stem,
              std::uint64_t size_max);

  /// Ends the current block and begins one; its header is written with its first line.
  Result<void> begin(fhir::ResourceType type, std::string_view id);
  Result<void> append(std::string_view line);
  /// Ends the current block and file. Everything appended is durable afterwards.
  Result<void> finish();
  /// What was written; after finish().
  std::vector<OutputFile> take_files() { return std::move(files_written_); }

 private:
  Result<void> end_block();
  Result<void> write_buffered();
  Result<void> write_through(std::string_view line);
  Result<void> open();
  Result<void> close();

  output::FileStore& files_;
  const std::string job_id_;
  const std::string stem_;
  const std::uint64_t size_max_;
  std::unique_ptr<output::SeekableGzipWriter> writer_;
  std::string name_;
  unsigned number_ = 0;
  std::string header_;
  std::uint64_t headers_ = 0;    // header lines of the current file
  std::string buffer_;           // lines of the current block, with its header
  bool writes_through_ = false;  // the block is too large for the buffer
  output::ClosedFiles closed_;
  std::vector<OutputFile> files_written_;
};

}  // namespace sluice::bulk
