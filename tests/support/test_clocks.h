// Clocks that a test sets.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "base/instant.h"

namespace sluice {

/// Stands until it is set.
class TestClock final : public Clock {
 public:
  Instant now() const override { return {milliseconds.load()}; }
  void advance(std::chrono::milliseconds by) { milliseconds += by.count(); }
  /// 2023-11-14T22:13:20Z
  std::atomic<std::int64_t> milliseconds = 1'700'000'000'000;
};

/// The machine's, ahead by so many milliseconds.
class ShiftedClock final : public Clock {
 public:
  Instant now() const override { return {SystemClock().now().milliseconds + shift.load()}; }
  std::atomic<std::int64_t> shift = 0;
};

}  // namespace sluice
