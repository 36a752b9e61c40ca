// The progress that a shard of an export reports to the engine while it reads.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "job/engine.h"
#include "query/bounds.h"

namespace sluice::bulk {

/// One thread.
class ShardProgress {
 public:
  static constexpr std::uint64_t kStep = 1u << 20;

  explicit ShardProgress(const job::ShardContext& context) : context_(context) {}

  /// So much was read. Every so often: progress, and kCancelled when the shard is to stop.
  Result<void> step(std::uint64_t bytes) {
    since_ += bytes + 1;
    if (since_ < kStep) return {};
    context_.add_progress(since_);
    since_ = 0;
    return look();
  }
  /// kCancelled when the shard is to stop.
  Result<void> look() const {
    if (context_.stop.stop_requested())
      return Error{ErrorKind::kCancelled, "the export was stopped"};
    return {};
  }

  /// For what reads on its own.
  query::Bounds bounds() const { return {.stop = context_.stop}; }

 private:
  const job::ShardContext& context_;
  std::uint64_t since_ = 0;
};

}  // namespace sluice::bulk
