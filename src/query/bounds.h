// What ends a search before its end: the server stops, or its time is over.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>

#include "base/result.h"

namespace sluice::query {

/// None by default: an export has all the time it needs.
struct Bounds {
  /// Asked first when the bounds are looked at: what turns out to take long may need a permission.
  std::function<Result<void>()> permit = {};
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
  /// How large a resource is that was read: after a large one, which may take as long as a thousand
  /// small ones, the next step() looks.
  void note_size(std::size_t size) {
    if (size >= kLargeSize) steps_ |= kMask;
  }
  /// The same now: before each of many short searches, and before what takes long by itself.
  Result<void> look() const;

 private:
  // Reading the clock takes as long as a small resource.
  static constexpr std::uint32_t kMask = 63;
  static constexpr std::size_t kLargeSize = 64u << 10;

  const Bounds bounds_;
  std::uint32_t steps_ = 0;
};

}  // namespace sluice::query
