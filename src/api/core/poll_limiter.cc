#include "api/core/poll_limiter.h"

#include <algorithm>

namespace sluice::api {
namespace {

// Jobs that ended without a DELETE leave their buckets; a full bucket says nothing, so it can go.
constexpr std::size_t kBucketsBeforeSweep = 10'000;

}  // namespace

bool PollLimiter::allow(std::string_view job_id, std::chrono::seconds retry_after,
                        std::chrono::steady_clock::time_point now) {
  const std::lock_guard lock(mutex_);
  auto found = buckets_.find(job_id);
  if (found == buckets_.end()) {
    if (buckets_.size() >= kBucketsBeforeSweep)
      std::erase_if(buckets_, [&](const auto& entry) {
        return now - entry.second.at > std::chrono::hours(1);
      });
    found = buckets_.emplace(std::string(job_id), Bucket{burst_, now}).first;
  }
  Bucket& bucket = found->second;
  const double seconds = std::chrono::duration<double>(now - bucket.at).count();
  const double gained = seconds / static_cast<double>(std::max<long>(1, retry_after.count()));
  bucket.polls = std::min(burst_, bucket.polls + gained);
  bucket.at = now;
  if (bucket.polls < 1) return false;
  bucket.polls -= 1;
  return true;
}

void PollLimiter::forget(std::string_view job_id) {
  const std::lock_guard lock(mutex_);
  if (const auto found = buckets_.find(job_id); found != buckets_.end()) buckets_.erase(found);
}

}  // namespace sluice::api
