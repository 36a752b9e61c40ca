// The machine's clock, but later at each look: for tests that tell commits apart by their instants,
// which may share a millisecond otherwise.
#pragma once

#include <algorithm>
#include <atomic>

#include "base/instant.h"

namespace sluice {

class TickingClock final : public Clock {
 public:
  Instant now() const override {
    const std::int64_t now = SystemClock().now().milliseconds;
    std::int64_t last = last_;
    while (!last_.compare_exchange_weak(last, std::max(now, last + 1))) {
    }
    return {std::max(now, last + 1)};
  }

 private:
  mutable std::atomic<std::int64_t> last_ = 0;
};

}  // namespace sluice
