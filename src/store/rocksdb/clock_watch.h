// What commits have to do with the machine's clock: waiting for its next millisecond, and saying
// when it went back (docs/decisions/0029).
#pragma once

#include "base/instant.h"

namespace sluice::store {

/// The clock's time; waits until `least` if that is a few milliseconds away. Does not wait for a
/// clock that stands still or went back: then the result is before `least`.
Instant wait_for_clock(const Clock& clock, Instant least);

/// Writes to the log when commits begin to run ahead of the clock, and when they no longer do. One
/// thread at a time.
class ClockWatch {
 public:
  void look(Instant newest_commit, Instant now);

 private:
  bool is_ahead_ = false;
};

}  // namespace sluice::store
