// Dates as FHIR compares them: every date, dateTime and Period is a range of time, and a prefix
// states the required relation between the range of the search and the range in the resource.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

#include "base/instant.h"
#include "base/result.h"
#include "search/path.h"
#include "search/prefix.h"

namespace sluice::search {

/// From `begin` to just before `end`, in microseconds since 1970 UTC; open ends are the extremes.
struct DateRange {
  static constexpr std::int64_t kPast = std::numeric_limits<std::int64_t>::min();
  static constexpr std::int64_t kFuture = std::numeric_limits<std::int64_t>::max();
  std::int64_t begin = kPast;
  std::int64_t end = kFuture;
  friend bool operator==(const DateRange&, const DateRange&) = default;
};

/// Reads a FHIR date, dateTime or instant: "2013", "2013-01", "2013-01-14", with a time of at least
/// hours and minutes and an optional offset (none: UTC). The range is as long as the last part
/// given; digits beyond microseconds are cut; second 60 is the following second. An offset's '+'
/// that arrived as a space is understood. nullopt for everything else, also for days that do not
/// exist.
std::optional<DateRange> parse_date_range(std::string_view text);

/// One value of a date parameter.
class DateTest {
 public:
  /// `now`: what ap is relative to (a tenth of the time between now and the date). kInvalid.
  static Result<DateTest> parse(std::string_view value, Instant now);

  bool matches(const DateRange& range) const;
  bool matches(const fhir::JsonTokens& tokens, std::size_t value, DataType type,
               std::string& buffer) const;

 private:
  Prefix prefix_ = Prefix::kEqual;
  DateRange asked_;
};

}  // namespace sluice::search
