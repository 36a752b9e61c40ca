// Dates and times of the sample world: local times with an offset, as FHIR's dateTime has them.
// Apart from base/instant.h, which knows UTC only; nothing here ever asks the clock.
#pragma once

#include <chrono>
#include <string>

namespace sluice::sample {

using LocalDay = std::chrono::local_days;

/// "Today" of every sample: after it there are only plans.
inline constexpr LocalDay kToday{std::chrono::year{2026} / std::chrono::January / 1};

/// A local time and its distance from UTC.
struct Moment {
  std::chrono::local_seconds local{};
  std::chrono::minutes offset{};
};

inline Moment operator+(Moment moment, std::chrono::seconds duration) {
  return {moment.local + duration, moment.offset};
}
inline LocalDay day_of(Moment moment) {
  return std::chrono::floor<std::chrono::days>(moment.local);
}

/// Full years from `birth` to `day`; 0 for days before the birth.
int age_at(LocalDay birth, LocalDay day);

/// "2019-03-04", for years 1000 to 9999.
void append_date(std::string& out, LocalDay day);
/// "2019-03-04T09:30:00-05:00", "Z" for no offset.
void append_date_time(std::string& out, Moment moment);
/// "2019-03-04T09:30:00.825-05:00": with milliseconds, as FHIR's instant is mostly written.
void append_instant(std::string& out, Moment moment);

}  // namespace sluice::sample
