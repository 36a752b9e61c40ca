// A token bucket: so many at once, then one a period. Who has one for each client or address also
// decides which buckets are forgotten.
#pragma once

#include <chrono>

namespace sluice {

/// A bucket starts full with `burst` (at least 1) and gains one for each `period`.
struct Rate {
  double burst = 1;
  std::chrono::nanoseconds period = std::chrono::seconds(1);

  /// `n` in a minute, all of which may come at once.
  static Rate per_minute(unsigned n);
};

/// The rate may change from call to call. A clock that goes back gains nothing. Not thread-safe.
class TokenBucket {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  TokenBucket(const Rate& rate, TimePoint now);

  /// Takes one; false when there is none.
  bool take(const Rate& rate, TimePoint now);
  /// After a refused take(): how long until there is one.
  std::chrono::duration<double> wait(const Rate& rate) const;
  bool is_full(const Rate& rate, TimePoint now) const;
  /// When it was asked last.
  TimePoint used() const { return at_; }

 private:
  double refilled(const Rate& rate, TimePoint now) const;

  double left_;
  TimePoint at_;
};

}  // namespace sluice
