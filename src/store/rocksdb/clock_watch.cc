#include "store/rocksdb/clock_watch.h"

#include <chrono>
#include <thread>

#include "base/log.h"
#include "store/store.h"

namespace sluice::store {
namespace {

constexpr std::chrono::milliseconds kWaitMax{5};
constexpr std::chrono::milliseconds kPatience{2};  // with a clock that is slower than it should be
constexpr std::chrono::microseconds kLook{100};

}  // namespace

Instant wait_for_clock(const Clock& clock, Instant least) {
  Instant now = clock.now();
  if (now >= least || least - now > kWaitMax) return now;
  const auto end = std::chrono::steady_clock::now() + (least - now) + kPatience;
  while (now < least && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(kLook);
    now = clock.now();
  }
  return now;
}

void ClockWatch::look(Instant newest_commit, Instant now) {
  const bool is_ahead = is_ahead_ ? newest_commit > now : newest_commit - now > kAheadOfClockMax;
  if (is_ahead && !is_ahead_)
    spdlog::warn(
        "the clock is behind the newest commit: the clock went back, or was ahead before; commits "
        "go on at the newest instant until it has passed clock={} newest_commit={} ahead_s={}",
        to_fhir_instant(now), to_fhir_instant(newest_commit),
        std::chrono::duration_cast<std::chrono::seconds>(newest_commit - now).count());
  if (!is_ahead && is_ahead_)
    spdlog::info("the clock is with the newest commit again clock={}", to_fhir_instant(now));
  is_ahead_ = is_ahead;
}

}  // namespace sluice::store
