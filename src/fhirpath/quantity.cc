#include "fhirpath/quantity.h"

#include <algorithm>
#include <iterator>

#include "fhirpath/ucum.h"

namespace sluice::fhirpath {
namespace {

constexpr std::string_view kWords[] = {"year", "month",  "week",   "day",
                                       "hour", "minute", "second", "millisecond"};
// In UCUM; those of year and month are their means.
constexpr std::string_view kCodes[] = {"a", "mo", "wk", "d", "h", "min", "s", "ms"};

Rational rational(const Decimal& value) {
  Rational result{boost::multiprecision::cpp_int(value.mantissa())};
  for (int i = 0; i < value.scale(); ++i) result /= 10;
  return result;
}

/// Exact where 16 digits behind the point are enough.
std::optional<Decimal> decimal(const Rational& value) {
  constexpr int kScale = 16;
  boost::multiprecision::cpp_int by = 1;
  for (int i = 0; i < kScale; ++i) by *= 10;
  const boost::multiprecision::cpp_int top = numerator(value) * by * 2;
  const boost::multiprecision::cpp_int bottom = denominator(value);
  boost::multiprecision::cpp_int doubled = top / bottom;
  doubled += doubled < 0 ? -1 : 1;
  const boost::multiprecision::cpp_int rounded = doubled / 2;
  if (boost::multiprecision::cpp_int(abs(rounded)).str().size() > Decimal::kDigitsMax)
    return std::nullopt;
  return Decimal(static_cast<Decimal::Mantissa>(rounded), kScale).normalized();
}

bool is_year_or_month(const Quantity& quantity) {
  return quantity.is_calendar && (quantity.unit == "year" || quantity.unit == "month");
}

/// The unit in UCUM; of a word of the calendar the one that is equal, or nearly.
std::optional<UcumUnit> ucum_of(const Quantity& quantity) {
  if (!quantity.is_calendar) return UcumUnit::parse(quantity.unit);
  return UcumUnit::parse(kCodes[static_cast<std::size_t>(*calendar_unit(quantity.unit))]);
}

/// How many of the calendar's days a word is; a year of 12 months among months.
Rational days_of(std::string_view word, bool among_months) {
  switch (*calendar_unit(word)) {
    case TimeUnit::kYear:
      return among_months ? 360 : 365;
    case TimeUnit::kMonth:
      return 30;
    case TimeUnit::kWeek:
      return 7;
    case TimeUnit::kDay:
      return 1;
    case TimeUnit::kHour:
      return Rational(1, 24);
    case TimeUnit::kMinute:
      return Rational(1, 1440);
    case TimeUnit::kSecond:
      return Rational(1, 86'400);
    default:
      return Rational(1, 86'400'000);
  }
}

/// Two values in one unit, and the sizes of the units they had.
struct Common {
  Rational left, right;
  Rational left_size, right_size;
};

/// `nearly`: a calendar's years and months may stand for UCUM's.
std::optional<Common> in_one_unit(const Quantity& a, const Quantity& b, bool nearly) {
  if (a.is_calendar && b.is_calendar) {
    const bool among_months = is_year_or_month(a) && is_year_or_month(b);
    const Rational left = days_of(a.unit, among_months);
    const Rational right = days_of(b.unit, among_months);
    return Common{rational(a.value) * left, rational(b.value) * right, left, right};
  }
  const auto left = ucum_of(a);
  const auto right = ucum_of(b);
  if (!left || !right || !left->commensurable(*right)) return std::nullopt;
  if (a.is_calendar != b.is_calendar && !nearly &&
      (is_year_or_month(a) || is_year_or_month(b) || left->has_mean_years() ||
       right->has_mean_years()))
    return std::nullopt;
  return Common{left->to_base(rational(a.value)), right->to_base(rational(b.value)), left->factor(),
                right->factor()};
}

bool same_unit(const Quantity& a, const Quantity& b) {
  return a.unit == b.unit && a.is_calendar == b.is_calendar;
}

}  // namespace

std::optional<TimeUnit> calendar_unit(std::string_view word) {
  for (std::size_t i = 0; i < std::size(kWords); ++i) {
    if (word == kWords[i] ||
        (word.size() == kWords[i].size() + 1 && word.starts_with(kWords[i]) && word.back() == 's'))
      return static_cast<TimeUnit>(i);
  }
  return std::nullopt;
}

std::string_view calendar_word(TimeUnit unit) {
  return kWords[static_cast<std::size_t>(unit)];
}

std::optional<TimeUnit> time_unit(const Quantity& quantity) {
  if (quantity.is_calendar) return calendar_unit(quantity.unit);
  for (std::size_t i = 2; i < std::size(kCodes); ++i)
    if (quantity.unit == kCodes[i]) return static_cast<TimeUnit>(i);
  return std::nullopt;
}

std::optional<Quantity> Quantity::parse(std::string_view text) {
  const auto is_space = [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; };
  const std::size_t end =
      static_cast<std::size_t>(std::find_if(text.begin(), text.end(), is_space) - text.begin());
  const std::string_view number = text.substr(0, std::min(end, text.find('\'')));
  if (number.find_first_of("eE") != std::string_view::npos) return std::nullopt;
  const auto value = Decimal::parse(number);
  if (!value) return std::nullopt;
  std::string_view unit = text.substr(number.size());
  while (!unit.empty() && is_space(unit.front())) unit.remove_prefix(1);
  if (unit.empty())
    return number.size() == text.size() ? std::optional(Quantity{*value}) : std::nullopt;
  if (const auto word = calendar_unit(unit))
    return Quantity{*value, std::string(calendar_word(*word)), true};
  if (unit.size() < 3 || unit.front() != '\'' || unit.back() != '\'') return std::nullopt;
  unit = unit.substr(1, unit.size() - 2);
  if (unit.find('\'') != std::string_view::npos && !UcumUnit::parse(unit)) return std::nullopt;
  return Quantity{*value, std::string(unit), false};
}

std::string Quantity::to_string() const {
  if (!is_calendar) return value.to_string() + " '" + unit + "'";
  return value.to_string() + " " + unit + (value == Decimal(1) ? "" : "s");
}

std::optional<int> compare(const Quantity& a, const Quantity& b) {
  if (same_unit(a, b)) {
    if (a.value == b.value) return 0;
    return a.value < b.value ? -1 : 1;
  }
  const auto common = in_one_unit(a, b, false);
  if (!common) return std::nullopt;
  return common->left < common->right ? -1 : common->left > common->right ? 1 : 0;
}

std::optional<bool> equivalent(const Quantity& a, const Quantity& b) {
  std::optional<Decimal> left = a.value;
  std::optional<Decimal> right = b.value;
  if (!same_unit(a, b)) {
    const auto common = in_one_unit(a, b, true);
    if (!common) return std::nullopt;
    const auto first = ucum_of(a);
    if ((first && first->is_special()) || common->left_size == common->right_size)
      return common->left == common->right;
    // In the larger unit: a smaller one would pretend to be more precise.
    const Rational& size = std::max(common->left_size, common->right_size);
    left = decimal(common->left / size);
    right = decimal(common->right / size);
  }
  if (!left || !right) return std::nullopt;
  const int scale = std::min(left->significant_scale(), right->significant_scale());
  return left->rounded(scale) == right->rounded(scale);
}

bool comparable(const Quantity& a, const Quantity& b) {
  return same_unit(a, b) || in_one_unit(a, b, false).has_value();
}

std::optional<Quantity> converted(const Quantity& quantity, std::string_view unit) {
  const auto word = calendar_unit(unit);
  Quantity target{Decimal(1), std::string(word ? calendar_word(*word) : unit), word.has_value()};
  if (same_unit(quantity, target)) return quantity;
  if (quantity.is_calendar && !target.is_calendar) {
    // Within the calendar first, to the word that is UCUM's unit.
    const auto code = std::find(std::begin(kCodes), std::end(kCodes), unit);
    if (code != std::end(kCodes)) {
      const auto there = converted(quantity, kWords[code - std::begin(kCodes)]);
      return there ? std::optional(Quantity{there->value, std::string(unit), false}) : std::nullopt;
    }
  } else if (target.is_calendar && !quantity.is_calendar) {
    const auto there = converted(quantity, kCodes[static_cast<std::size_t>(*word)]);
    return there ? std::optional(Quantity{there->value, target.unit, true}) : std::nullopt;
  }
  const auto common = in_one_unit(quantity, target, true);
  if (!common) return std::nullopt;
  Rational value = common->left / common->right_size;
  if (!target.is_calendar) value = UcumUnit::parse(unit)->from_base(common->left);
  const auto result = decimal(value);
  if (!result) return std::nullopt;
  return Quantity{*result, target.unit, target.is_calendar};
}

std::optional<Quantity> add(const Quantity& a, const Quantity& b) {
  const auto sum = [](const Quantity& left, const Quantity& right) -> std::optional<Quantity> {
    const auto value = add(left.value, right.value);
    if (!value) return std::nullopt;
    return Quantity{*value, left.unit, left.is_calendar};
  };
  if (same_unit(a, b)) return sum(a, b);
  if (is_year_or_month(a) || is_year_or_month(b)) return std::nullopt;
  const auto common = in_one_unit(a, b, false);
  if (!common) return std::nullopt;
  // In the smaller unit, which loses nothing; the calendar's word where one of them has one.
  const Quantity& smaller = common->left_size < common->right_size ? a : b;
  std::string unit = smaller.unit;
  if (a.is_calendar != b.is_calendar) {
    const auto word = time_unit(smaller);
    if (!word) return std::nullopt;
    unit = calendar_word(*word);
  }
  const auto left = converted(a, unit);
  const auto right = converted(b, unit);
  return left && right ? sum(*left, *right) : std::nullopt;
}

std::optional<Quantity> multiply(const Quantity& a, const Quantity& b) {
  const auto value = multiply(a.value, b.value);
  if (!value) return std::nullopt;
  if (b.unit == "1" && !b.is_calendar) return Quantity{*value, a.unit, a.is_calendar};
  if (a.unit == "1" && !a.is_calendar) return Quantity{*value, b.unit, b.is_calendar};
  if (a.is_calendar || b.is_calendar) return std::nullopt;
  const auto left = UcumUnit::parse(a.unit);
  const auto right = UcumUnit::parse(b.unit);
  if (!left || !right || left->is_special() || right->is_special()) return std::nullopt;
  return Quantity{*value, left->times(*right).to_string(), false};
}

std::optional<Quantity> divide(const Quantity& a, const Quantity& b) {
  const auto value = divide(a.value, b.value);
  if (!value) return std::nullopt;
  if (b.unit == "1" && !b.is_calendar) return Quantity{*value, a.unit, a.is_calendar};
  if (a.is_calendar || b.is_calendar) return std::nullopt;
  if (a.unit == b.unit) return Quantity{*value, "1", false};
  const auto left = UcumUnit::parse(a.unit);
  const auto right = UcumUnit::parse(b.unit);
  if (!left || !right || left->is_special() || right->is_special()) return std::nullopt;
  return Quantity{*value, left->times(right->inverse()).to_string(), false};
}

}  // namespace sluice::fhirpath
