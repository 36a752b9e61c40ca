// Sorting more lines than fit into memory: shards write sorted runs into internal files, a later
// shard merges them. What an export needs to bring together that the store keeps apart: the
// resources of a block (P-09), the Provenances of a target (P-08).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "bulk/export/plan/export_shard.h"
#include "output/closed_files.h"
#include "output/file_store.h"

namespace sluice::bulk {

/// The number of parts over which lines are distributed by key, so that parts can be merged in
/// parallel. Must not change while jobs run.
inline constexpr unsigned kRunParts = 8;
/// The part of what is about `key`: the same in every process.
unsigned run_part(std::string_view key);

/// Writes the runs of one shard; keeps kBufferMax of lines in memory. One thread.
class RunWriter {
 public:
  static constexpr std::size_t kBufferMax = 32u << 20;

  /// Names are "_<purpose>-<stem>-<part>-<number>".
  RunWriter(output::FileStore& files, std::string job_id, std::string purpose, std::string stem,
            std::size_t buffer_max = kBufferMax)
      : files_(files),
        job_id_(std::move(job_id)),
        purpose_(std::move(purpose)),
        stem_(std::move(stem)),
        buffer_max_(buffer_max),
        closed_(files) {}

  /// `line` must not have a line break. Lines are sorted by their bytes.
  Result<void> add(unsigned part, std::string_view line);
  /// Everything added is durable afterwards.
  Result<void> finish();
  /// What was written; after finish().
  std::vector<RunFile> take_files() { return std::move(written_); }

 private:
  struct Line {
    unsigned part;
    std::size_t offset;
    std::size_t size;
  };
  Result<void> write_run();

  output::FileStore& files_;
  const std::string job_id_;
  const std::string purpose_;
  const std::string stem_;
  const std::size_t buffer_max_;
  std::string buffer_;
  std::vector<Line> lines_;
  unsigned number_ = 0;
  output::ClosedFiles closed_;
  std::vector<RunFile> written_;
};

/// The lines of many runs in order. One thread.
class RunMerge {
 public:
  /// Called with the bytes that were read.
  using Step = std::function<Result<void>(std::uint64_t)>;
  /// Files open at once: each takes two blocks of memory.
  static constexpr std::size_t kOpenMax = 24;

  /// More runs than kOpenMax are first merged into fewer, "_merged-<stem>-<number>".
  static Result<RunMerge> open(output::FileStore& files, const std::string& job_id,
                               std::vector<std::string> names, const std::string& stem,
                               const Step& step);
  /// The next line, valid until the next call; nullopt at the end.
  Result<std::optional<std::string_view>> next();
  /// Removes the runs that open() made. After the last next().
  Result<void> remove_merged();

 private:
  struct Source;
  struct SourceDeleter {
    void operator()(Source* source) const;
  };
  using SourcePointer = std::unique_ptr<Source, SourceDeleter>;

  RunMerge(output::FileStore& files, std::string job_id, Step step)
      : files_(files), job_id_(std::move(job_id)), step_(std::move(step)) {}
  Result<void> add(const std::string& name);
  void push(SourcePointer source);

  output::FileStore& files_;
  const std::string job_id_;
  const Step step_;
  std::vector<std::string> merged_;     // names of files that open() made
  std::vector<SourcePointer> sources_;  // a heap, the smallest line first
  SourcePointer given_;                 // whose line was returned last
};

}  // namespace sluice::bulk
