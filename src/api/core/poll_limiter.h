// Holds clients to Retry-After when they poll (S-04), without harm to the job.
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "base/token_bucket.h"

namespace sluice::api {

/// A bucket of polls for each job: it starts full and gains one poll for each Retry-After that
/// passes. Thread-safe.
class PollLimiter {
 public:
  explicit PollLimiter(unsigned burst) : burst_(burst) {}

  /// Counts a poll; false when there were too many. `retry_after`: the last one sent to the client.
  bool allow(std::string_view job_id, std::chrono::seconds retry_after,
             std::chrono::steady_clock::time_point now = std::chrono::steady_clock::now());
  void forget(std::string_view job_id);

 private:
  const double burst_;
  std::mutex mutex_;
  std::map<std::string, TokenBucket, std::less<>> buckets_;  // guarded by mutex_
};

}  // namespace sluice::api
