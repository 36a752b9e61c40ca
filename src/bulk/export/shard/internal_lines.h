// Lines that a shard leaves for later phases: in its result if few, else in an internal file.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "bulk/export/plan/export_shard.h"
#include "output/file_store.h"

namespace sluice::bulk {

/// Collects the lines of one kind. One thread.
class InternalLinesWriter {
 public:
  /// Results are read as a whole, those of all shards: more bytes than these go into a file.
  static constexpr std::size_t kTextMax = 16u << 10;

  /// `name`: of the file in the job's folder.
  InternalLinesWriter(output::FileStore& files, std::string_view job_id, std::string name)
      : files_(files), job_id_(job_id), name_(std::move(name)) {}

  /// `line` must not have a line break.
  Result<void> add(std::string_view line);
  /// What was added. A file survives a crash after a sync of its folder.
  Result<InternalLines> finish();

 private:
  output::FileStore& files_;
  const std::string job_id_;
  const std::string name_;
  InternalLines lines_;
  std::unique_ptr<output::SeekableGzipWriter> file_;
};

/// Calls `visit` with each line in the order of writing, until it returns an error.
Result<void> each_line(output::FileStore& files, std::string_view job_id,
                       const InternalLines& lines,
                       const std::function<Result<void>(std::string_view)>& visit);

}  // namespace sluice::bulk
