// Waiting that ends early: when the user stops us, when the time allowed is over.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>

#include "base/result.h"

namespace sluice::client {

class Waiter {
 public:
  using Time = std::chrono::steady_clock::time_point;
  /// `limit` of zero: none.
  Waiter(std::stop_token stop, std::chrono::milliseconds limit)
      : stop_(std::move(stop)),
        deadline_(limit.count() == 0 ? Time::max() : std::chrono::steady_clock::now() + limit) {}

  const std::stop_token& stop() const { return stop_; }
  Time deadline() const { return deadline_; }
  /// kCancelled, kTimeout: stop.
  Result<void> check() const {
    if (stop_.stop_requested()) return Error{ErrorKind::kCancelled, "interrupted"};
    if (std::chrono::steady_clock::now() >= deadline_)
      return Error{ErrorKind::kTimeout, "the time limit (--timeout) is over"};
    return {};
  }
  Result<void> wait(std::chrono::milliseconds duration) const {
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock lock(mutex);
    const auto until = std::min(deadline_, std::chrono::steady_clock::now() + duration);
    never.wait_until(lock, stop_, until, [] { return false; });
    return check();
  }

 private:
  const std::stop_token stop_;
  const Time deadline_;
};

}  // namespace sluice::client
