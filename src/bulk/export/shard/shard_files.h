// The output files of one shard, for all writers: names them, and makes them durable
// together.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "bulk/export/plan/export_shard.h"
#include "output/closed_files.h"
#include "output/file_store.h"

namespace sluice::bulk {

/// Not thread-safe.
class ShardFiles {
 public:
  /// `stem` makes the names unique within the job.
  ShardFiles(output::FileStore& store, std::string job_id, std::string stem)
      : store_(store), job_id_(std::move(job_id)), stem_(std::move(stem)), closed_(store) {}

  output::FileStore& store() const { return store_; }
  const std::string& job_id() const { return job_id_; }
  const std::string& stem() const { return stem_; }

  /// "<what>-<stem>-<number>.<extension>", no two alike.
  std::string next_name(std::string_view what, std::string_view extension = "ndjson");
  Result<std::unique_ptr<output::SeekableGzipWriter>> create(std::string_view name) {
    return store_.create(job_id_, name);
  }
  Result<std::unique_ptr<output::RawFileWriter>> create_raw(std::string_view name) {
    return store_.create_raw(job_id_, name);
  }
  /// Closes a file and lists it. `file` has everything but the size; its `count` excludes
  /// `lines_apart`.
  Result<void> close(std::unique_ptr<output::SeekableGzipWriter> writer, OutputFile file,
                     std::uint64_t lines_apart = 0);
  /// Closes and lists a file that has no lines: `file` also has its `count`.
  Result<void> close_raw(std::unique_ptr<output::RawFileWriter> writer, OutputFile file);
  /// Makes every closed file durable, except its name, which needs a sync of the folder.
  Result<void> finish() { return closed_.finish(); }
  /// The closed files, in that order; after finish().
  std::vector<OutputFile> take() { return std::move(list_); }

 private:
  output::FileStore& store_;
  const std::string job_id_;
  const std::string stem_;
  unsigned number_ = 0;
  output::ClosedFiles closed_;
  std::vector<OutputFile> list_;
};

}  // namespace sluice::bulk
