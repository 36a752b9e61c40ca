// What the methods do to one value: pure functions of texts.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/instant.h"
#include "fhirpath/decimal.h"

namespace sluice::deid {

/// Ages above this one are not told.
inline constexpr int kAgeMax = 89;

/// A FHIR date, dateTime or instant. A part that is missing is 0.
struct DateText {
  int year = 0;
  int month = 0;
  int day = 0;
  std::string_view time;  ///< "T10:15:30.125+01:00"; a view of the text
};
/// nullopt for what is no date of FHIR.
std::optional<DateText> read_date(std::string_view text);

std::chrono::year_month_day day_of(Instant instant);
/// Whether somebody born then would be older than kAgeMax today. Missing parts are the first.
bool is_over_age(const DateText& date, std::chrono::year_month_day today);
/// The same by the years alone: whether some day of that year would be.
bool may_be_over_age(int year, std::chrono::year_month_day today);
/// "2020-03-05"; nullopt when the date is not whole, does not exist, or leaves the years 1 to 9999.
std::optional<std::string> shifted_day(const DateText& date, int days);
/// "0987": years have four digits.
std::string year_text(int year);
/// All digits of the time become 0; the zone stays.
std::string emptied_time(std::string_view time);

/// Three digits stay, all do not if `restricted` has their beginning: "98101" is "98100", a
/// restricted one "00000".
std::string partial_zip_code(std::string_view code, std::span<const std::string> restricted);

/// A Reference.reference with its id changed, and all of it where there is no id to be seen.
std::string with_changed_id(std::string_view reference,
                            const std::function<std::string(std::string_view)>& change);

/// value + (fraction - 1/2) * span, or span * value; `fraction` is from 0 to 1. nullopt where there
/// are too many digits.
std::optional<fhirpath::Decimal> with_noise(const fhirpath::Decimal& value,
                                            const fhirpath::Decimal& span, bool is_proportional,
                                            const fhirpath::Decimal& fraction, int round_to);

}  // namespace sluice::deid
