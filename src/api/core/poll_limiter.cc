#include "api/core/poll_limiter.h"

#include <algorithm>

namespace sluice::api {
namespace {

// Jobs that ended without a DELETE leave their buckets; a full bucket says nothing, so it can go.
constexpr std::size_t kBucketsBeforeSweep = 10'000;

}  // namespace

bool PollLimiter::allow(std::string_view job_id, std::chrono::seconds retry_after,
                        std::chrono::steady_clock::time_point now) {
  const Rate rate{burst_, std::max(retry_after, std::chrono::seconds(1))};
  const std::lock_guard lock(mutex_);
  auto found = buckets_.find(job_id);
  if (found == buckets_.end()) {
    if (buckets_.size() >= kBucketsBeforeSweep)
      std::erase_if(buckets_, [&](const auto& entry) {
        return now - entry.second.used() > std::chrono::hours(1);
      });
    found = buckets_.emplace(std::string(job_id), TokenBucket(rate, now)).first;
  }
  return found->second.take(rate, now);
}

void PollLimiter::forget(std::string_view job_id) {
  const std::lock_guard lock(mutex_);
  if (const auto found = buckets_.find(job_id); found != buckets_.end()) buckets_.erase(found);
}

}  // namespace sluice::api
