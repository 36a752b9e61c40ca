// What ends a search before its end: the server stops, or its time is over.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>

#include "base/result.h"

namespace sluice::query {

/// None by default: an export has all the time it needs.
struct Bounds {
  std::stop_token stop = {};
  std::optional<std::chrono::steady_clock::time_point> deadline = std::nullopt;
};

/// Checks the bounds now and then. One thread at a time.
class BoundsCheck {
 public:
  explicit BoundsCheck(Bounds bounds) : bounds_(std::move(bounds)) {}

  /// Call it for each resource that is read. kCancelled when asked to stop, kTimeout when the
  /// deadline has passed.
  Result<void> step() { return (++steps_ & kMask) == 0 ? look() : Result<void>(); }
  /// The same now: before each of many short searches, and before what takes long by itself.
  Result<void> look() const;

 private:
  // Reading the clock takes as long as a small resource.
  static constexpr std::uint32_t kMask = 63;

  const Bounds bounds_;
  std::uint32_t steps_ = 0;
};

}  // namespace sluice::query
