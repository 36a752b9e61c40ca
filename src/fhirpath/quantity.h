// Amounts with units: UCUM's, or the words of the calendar.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "fhirpath/decimal.h"
#include "fhirpath/temporal.h"

namespace sluice::fhirpath {

struct Quantity {
  Decimal value;
  std::string unit = "1";    ///< UCUM's code, or a word of the calendar in the singular
  bool is_calendar = false;  ///< whether it is such a word

  /// "4 days", "10 'mg'", "1".
  static std::optional<Quantity> parse(std::string_view text);
  /// "4 days", "10 'mg'".
  std::string to_string() const;
};

/// The word's unit: "day" and "days".
std::optional<TimeUnit> calendar_unit(std::string_view word);
/// The same in the singular.
std::string_view calendar_word(TimeUnit unit);
/// What a quantity moves a date by; 'a' and 'mo' are none, for they are no calendar's.
std::optional<TimeUnit> time_unit(const Quantity& quantity);

/// -1, 0, 1; nullopt for units of which none converts to the other.
std::optional<int> compare(const Quantity& a, const Quantity& b);
/// Equal when both are rounded to what the less precise has.
std::optional<bool> equivalent(const Quantity& a, const Quantity& b);
bool comparable(const Quantity& a, const Quantity& b);
std::optional<Quantity> converted(const Quantity& quantity, std::string_view unit);

std::optional<Quantity> add(const Quantity& a, const Quantity& b);
std::optional<Quantity> multiply(const Quantity& a, const Quantity& b);
std::optional<Quantity> divide(const Quantity& a, const Quantity& b);

}  // namespace sluice::fhirpath
