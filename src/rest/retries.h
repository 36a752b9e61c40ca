// How often, and for how long, a write is tried again when others' writes come between.
// Internal to rest.
#pragma once

#include <chrono>
#include <optional>

namespace sluice::rest {

/// Unless the request has its own time limit: after an attempt that takes longer than this, there
/// is no second one.
inline constexpr std::chrono::seconds kRetriesTime{20};

class Retries {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Retries(int attempts_max, std::optional<Clock::time_point> deadline = std::nullopt)
      : attempts_max_(attempts_max), deadline_(deadline.value_or(Clock::now() + kRetriesTime)) {}

  /// After an attempt that came to nothing: whether there is to be another one.
  bool again() { return ++attempts_ < attempts_max_ && Clock::now() < deadline_; }
  int attempts() const { return attempts_; }

 private:
  const int attempts_max_;
  const Clock::time_point deadline_;
  int attempts_ = 0;
};

}  // namespace sluice::rest
