// How long to wait: the Retry-After of a server, in any form, but never less than a growing backoff
// of our own, with jitter.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <random>
#include <string_view>

#include "base/instant.h"

namespace sluice::client {

/// Reads a Retry-After: seconds (with a fraction, as some write it), an HTTP date. nullopt for
/// nonsense and negative numbers; a date that has passed is 0. Never more than `wait_max`.
std::optional<std::chrono::milliseconds> parse_retry_after(std::string_view text, Instant now,
                                                           std::chrono::milliseconds wait_max);

/// Exponential pauses with jitter, so that many clients do not come back at once. One thread.
class Backoff {
 public:
  struct Options {
    std::chrono::milliseconds first{1000};
    std::chrono::milliseconds most{60'000};
  };
  explicit Backoff(Options options, std::uint64_t seed = std::random_device()())
      : options_(options), random_(seed) {}

  /// The next pause: twice the last one, up to the limit, and up to a fifth more.
  std::chrono::milliseconds next();
  /// The same, or longer if the server asks for it. Retry-After never shortens a pause (L-12).
  std::chrono::milliseconds next(std::optional<std::chrono::milliseconds> told);
  /// After a success the next pause is the first one again.
  void reset() { failures_ = 0; }
  unsigned failures() const { return failures_; }
  /// `wait` and up to a twentieth (at most five seconds) more: never sooner than the server asked.
  std::chrono::milliseconds not_sooner(std::chrono::milliseconds wait);

 private:
  Options options_;
  std::mt19937_64 random_;
  unsigned failures_ = 0;
};

}  // namespace sluice::client
