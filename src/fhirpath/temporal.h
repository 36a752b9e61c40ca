// FHIRPath's dates, times and moments, each as precise as it was written, and what can be said of
// two of them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/instant.h"
#include "fhirpath/decimal.h"

namespace sluice::fhirpath {

/// The last part that a value has.
enum class Precision : std::uint8_t {
  kYear,
  kMonth,
  kDay,
  kHour,
  kMinute,
  kSecond,
  kFraction  ///< compared as one with seconds
};

/// A time-valued unit, also of a quantity ("day", "days", 'd').
enum class TimeUnit : std::uint8_t {
  kYear,
  kMonth,
  kWeek,
  kDay,
  kHour,
  kMinute,
  kSecond,
  kMillisecond
};

class Temporal {
 public:
  enum class Kind : std::uint8_t { kDate, kDateTime, kTime };

  /// "2015", "2015-02", "2015-02-04".
  static std::optional<Temporal> parse_date(std::string_view text);
  /// A date, with "T" and a time that may be partial or missing, and a zone. Without "T" it is a
  /// date with the meaning of a moment.
  static std::optional<Temporal> parse_date_time(std::string_view text);
  /// "14", "14:34", "14:34:28", "14:34:28.123"; without a zone.
  static std::optional<Temporal> parse_time(std::string_view text);
  /// In UTC, to the millisecond.
  static Temporal at(Instant instant);

  Kind kind() const { return kind_; }
  Precision precision() const { return precision_; }
  bool has_zone() const { return has_zone_; }
  int year() const { return year_; }
  int month() const { return month_; }
  int day() const { return day_; }
  int hour() const { return hour_; }
  int minute() const { return minute_; }
  int second() const { return second_; }
  int nanosecond() const { return nanoseconds_; }  ///< of the second
  int millisecond() const { return nanoseconds_ / 1'000'000; }
  int zone_minutes() const { return zone_minutes_; }
  /// As FHIR writes it, without "@"; a moment that ends with its day has a "T" only in literals.
  std::string to_string() const;

  Temporal as_date() const;
  Temporal as_date_time() const;
  std::optional<Temporal> time_of_day() const;

  /// -1, 0, 1; nullopt where the precision or a missing zone leaves it open. Not for a time and
  /// something else.
  friend std::optional<int> compare(const Temporal& a, const Temporal& b);
  /// Whether both are of the same precision and equal.
  friend bool equivalent(const Temporal& a, const Temporal& b);

  /// Moves by whole units (a fraction counts for seconds and milliseconds only). nullopt when the
  /// year leaves 1 to 9999. Not for a date unit on a time.
  std::optional<Temporal> moved(const Decimal& amount, TimeUnit unit) const;

  /// How many digits are written: 4, 6, 8 for dates, 10, 12, 14, 17 for moments, 2 to 9 for times.
  int digits() const;
  /// The first moment that the value may mean, with so many digits; the zone that is missing is
  /// the one in which it comes first. nullopt for a number of digits that the kind does not have.
  std::optional<Temporal> low_boundary(std::optional<int> digits) const;
  std::optional<Temporal> high_boundary(std::optional<int> digits) const;

 private:
  struct Move {
    Decimal amount;
    TimeUnit unit;
  };
  /// A partial value moves by what the amount is in its own last part.
  Move in_own_unit(Move move) const;
  std::optional<Temporal> moved_by_months(const Decimal& amount, int months) const;
  std::optional<Temporal> moved_by_milliseconds(std::int64_t move) const;
  struct Range {
    std::int64_t low;
    std::int64_t high;
  };
  bool read_clock(std::string_view& text);
  bool read_zone(std::string_view text);
  std::optional<Temporal> boundary(std::optional<int> digits, bool high) const;
  std::int64_t nanoseconds_of_day() const;
  std::int64_t day_number() const;
  void set_day_number(std::int64_t day);
  Temporal in_utc() const;
  Range range() const;  // in milliseconds of UTC, over all zones if it has none
  std::array<std::int64_t, 6> parts() const;

  Kind kind_ = Kind::kDate;
  Precision precision_ = Precision::kYear;
  bool has_zone_ = false;
  std::uint8_t fraction_digits_ = 0;
  int year_ = 1;
  int month_ = 1;
  int day_ = 1;
  int hour_ = 0;
  int minute_ = 0;
  int second_ = 0;
  int nanoseconds_ = 0;
  int zone_minutes_ = 0;
};

std::optional<int> compare(const Temporal& a, const Temporal& b);
bool equivalent(const Temporal& a, const Temporal& b);

}  // namespace sluice::fhirpath
