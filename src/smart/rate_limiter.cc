#include "smart/rate_limiter.h"

#include <algorithm>
#include <cmath>

namespace sluice::smart {
namespace {

constexpr double kWaitMax = 24 * 3600;  // seconds; more is of no use

}  // namespace

Rate Rate::per_minute(unsigned n) {
  Rate rate;
  rate.burst = std::max(1u, n);
  rate.period = std::chrono::nanoseconds(std::chrono::minutes(1)) / std::max(1u, n);
  return rate;
}

std::optional<std::chrono::seconds> RateLimiter::take(std::string_view key, const Rate& rate,
                                                      TimePoint now) {
  const double burst = std::max(1.0, rate.burst);
  const double period = std::max(1e-9, std::chrono::duration<double>(rate.period).count());
  const std::lock_guard lock(mutex_);
  const auto found = by_key_.find(key);
  if (found != by_key_.end()) {
    order_.splice(order_.begin(), order_, found->second);
  } else {
    if (!order_.empty() && order_.size() >= keys_max_) {
      by_key_.erase(order_.back().key);
      order_.pop_back();
    }
    order_.push_front({std::string(key), burst, now});
    by_key_.emplace(order_.front().key, order_.begin());
  }
  Bucket& bucket = order_.front();
  const double seconds = std::max(0.0, std::chrono::duration<double>(now - bucket.at).count());
  bucket.left = std::min(burst, bucket.left + seconds / period);
  bucket.at = std::max(bucket.at, now);
  if (bucket.left >= 1) {
    bucket.left -= 1;
    return std::nullopt;
  }
  const double wait = std::min(kWaitMax, std::ceil((1 - bucket.left) * period));
  return std::chrono::seconds(std::max(1L, static_cast<long>(wait)));
}

void RateLimiter::forget(std::string_view key) {
  const std::lock_guard lock(mutex_);
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return;
  const Order::iterator bucket = found->second;
  by_key_.erase(found);
  order_.erase(bucket);
}

std::size_t RateLimiter::size() const {
  const std::lock_guard lock(mutex_);
  return order_.size();
}

}  // namespace sluice::smart
