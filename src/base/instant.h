// A point in time as FHIR writes it: milliseconds since 1970, UTC. Every commit has one, every
// transactionTime is one.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice {

/// Milliseconds since 1970-01-01T00:00:00Z. Ordered, cheap to copy.
struct Instant {
  std::int64_t milliseconds = 0;
  friend auto operator<=>(const Instant&, const Instant&) = default;
};

/// The wall clock, replaceable in tests.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant now() const = 0;
};

/// The machine's clock. Thread-safe.
class SystemClock final : public Clock {
 public:
  Instant now() const override;
};

inline Instant operator+(Instant instant, std::chrono::milliseconds duration) {
  return {instant.milliseconds + duration.count()};
}
inline std::chrono::milliseconds operator-(Instant a, Instant b) {
  return std::chrono::milliseconds(a.milliseconds - b.milliseconds);
}

/// "2026-11-23T10:15:30.125Z": always three digits of fraction, always UTC (FHIR `instant`).
std::string to_fhir_instant(Instant instant);

/// The length of what to_fhir_instant returns for years 0000 to 9999.
inline constexpr std::size_t kFhirInstantLength = 24;

/// "Mon, 23 Nov 2026 10:15:30 GMT" (RFC 9110 IMF-fixdate).
std::string to_http_date(Instant instant);

/// Reads an IMF-fixdate ("Mon, 23 Nov 2026 10:15:30 GMT"). Anything else is an error.
Result<Instant> parse_http_date(std::string_view text);

/// Reads every FHIR instant (any offset, any fraction, a leap second counts as the following
/// second) and, as clients send them, dateTime and date: a missing part is the first moment of what
/// is named, a missing offset is UTC. A '+' of an offset that arrived as a space (unescaped in a
/// query) is understood. Fractions beyond milliseconds are cut. kInvalid otherwise; the message
/// does not name the parameter.
Result<Instant> parse_fhir_instant(std::string_view text);

}  // namespace sluice
