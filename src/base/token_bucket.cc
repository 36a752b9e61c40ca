#include "base/token_bucket.h"

#include <algorithm>

namespace sluice {
namespace {

double burst_of(const Rate& rate) {
  return std::max(1.0, rate.burst);
}

double period_of(const Rate& rate) {
  return std::max(1e-9, std::chrono::duration<double>(rate.period).count());
}

}  // namespace

Rate Rate::per_minute(unsigned n) {
  Rate rate;
  rate.burst = std::max(1u, n);
  rate.period = std::chrono::nanoseconds(std::chrono::minutes(1)) / std::max(1u, n);
  return rate;
}

TokenBucket::TokenBucket(const Rate& rate, TimePoint now) : left_(burst_of(rate)), at_(now) {}

double TokenBucket::refilled(const Rate& rate, TimePoint now) const {
  const double seconds = std::max(0.0, std::chrono::duration<double>(now - at_).count());
  return std::min(burst_of(rate), left_ + seconds / period_of(rate));
}

bool TokenBucket::take(const Rate& rate, TimePoint now) {
  left_ = refilled(rate, now);
  at_ = std::max(at_, now);
  if (left_ < 1) return false;
  left_ -= 1;
  return true;
}

std::chrono::duration<double> TokenBucket::wait(const Rate& rate) const {
  return std::chrono::duration<double>(std::max(0.0, 1 - left_) * period_of(rate));
}

bool TokenBucket::is_full(const Rate& rate, TimePoint now) const {
  return refilled(rate, now) >= burst_of(rate);
}

}  // namespace sluice
