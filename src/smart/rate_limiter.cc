#include "smart/rate_limiter.h"

#include <algorithm>
#include <cmath>

namespace sluice::smart {
namespace {

constexpr double kWaitMax = 24 * 3600;  // seconds; more is of no use

}  // namespace

std::optional<std::chrono::seconds> RateLimiter::take(std::string_view key, const Rate& rate,
                                                      TimePoint now) {
  const std::lock_guard lock(mutex_);
  const auto found = by_key_.find(key);
  if (found != by_key_.end()) {
    order_.splice(order_.begin(), order_, found->second);
  } else {
    if (!order_.empty() && order_.size() >= keys_max_) {
      by_key_.erase(order_.back().key);
      order_.pop_back();
    }
    order_.push_front({std::string(key), TokenBucket(rate, now)});
    by_key_.emplace(order_.front().key, order_.begin());
  }
  TokenBucket& bucket = order_.front().bucket;
  if (bucket.take(rate, now)) return std::nullopt;
  const double wait = std::min(kWaitMax, std::ceil(bucket.wait(rate).count()));
  return std::chrono::seconds(std::max(1L, static_cast<long>(wait)));
}

void RateLimiter::forget(std::string_view key) {
  const std::lock_guard lock(mutex_);
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return;
  const Order::iterator entry = found->second;
  by_key_.erase(found);
  order_.erase(entry);
}

std::size_t RateLimiter::size() const {
  const std::lock_guard lock(mutex_);
  return order_.size();
}

}  // namespace sluice::smart
