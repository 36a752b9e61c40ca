#include "deid/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "fhir/resource_type.h"

namespace sluice::deid {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// Takes `count` digits from the front of the text.
std::optional<int> take_digits(std::string_view& text, std::size_t count) {
  if (text.size() < count) return std::nullopt;
  int number = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (!is_digit(text[i])) return std::nullopt;
    number = number * 10 + (text[i] - '0');
  }
  text.remove_prefix(count);
  return number;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text[0] != c) return false;
  text.remove_prefix(1);
  return true;
}

/// "T10:15:30.125Z", "T10:15:30+01:00"; also without seconds or a zone, which others write.
bool is_time(std::string_view text) {
  if (!take(text, 'T')) return false;
  const auto hour = take_digits(text, 2);
  if (!hour || *hour > 24 || !take(text, ':')) return false;
  const auto minute = take_digits(text, 2);
  if (!minute || *minute > 59) return false;
  if (take(text, ':')) {
    const auto second = take_digits(text, 2);
    if (!second || *second > 60) return false;
    if (take(text, '.')) {
      if (text.empty() || !is_digit(text[0])) return false;
      while (!text.empty() && is_digit(text[0])) text.remove_prefix(1);
    }
  }
  if (text.empty() || text == "Z") return true;
  if (text[0] != '+' && text[0] != '-') return false;
  text.remove_prefix(1);
  const auto zone_hour = take_digits(text, 2);
  if (!zone_hour || *zone_hour > 14 || !take(text, ':')) return false;
  const auto zone_minute = take_digits(text, 2);
  return zone_minute && *zone_minute <= 59 && text.empty();
}

/// Where the zone of a time begins.
std::size_t zone_of(std::string_view time) {
  return std::min(time.find_first_of("Z+-"), time.size());
}

bool starts_with_any(std::string_view text, std::span<const std::string> beginnings) {
  return std::any_of(beginnings.begin(), beginnings.end(),
                     [&](const std::string& each) { return text.starts_with(each); });
}

std::string without_digits(std::string_view text) {
  std::string out(text);
  std::replace_if(out.begin(), out.end(), is_digit, '0');
  return out;
}

/// Type/id at the end of a path, on whatever server: where the id begins and ends.
std::optional<std::pair<std::size_t, std::size_t>> id_in(std::string_view reference) {
  std::size_t end = reference.size();
  if (const auto history = reference.find("/_history/"); history != std::string_view::npos) {
    if (!fhir::is_valid_id(reference.substr(history + 10))) return std::nullopt;
    end = history;
  }
  const auto slash = reference.substr(0, end).rfind('/');
  if (slash == std::string_view::npos || slash == 0) return std::nullopt;
  if (!fhir::is_valid_id(reference.substr(slash + 1, end - slash - 1))) return std::nullopt;
  const auto before = reference.substr(0, slash).rfind('/');
  const std::size_t type = before == std::string_view::npos ? 0 : before + 1;
  if (!fhir::find_resource_type(reference.substr(type, slash - type))) return std::nullopt;
  if (type > 0 && !reference.starts_with("http://") && !reference.starts_with("https://"))
    return std::nullopt;
  return std::pair(slash + 1, end);
}

}  // namespace

std::optional<DateText> read_date(std::string_view text) {
  DateText date;
  const auto year = take_digits(text, 4);
  if (!year || *year == 0) return std::nullopt;
  date.year = *year;
  if (text.empty()) return date;
  if (!take(text, '-')) return std::nullopt;
  const auto month = take_digits(text, 2);
  if (!month || *month < 1 || *month > 12) return std::nullopt;
  date.month = *month;
  if (text.empty()) return date;
  if (!take(text, '-')) return std::nullopt;
  const auto day = take_digits(text, 2);
  if (!day || *day < 1 || *day > 31) return std::nullopt;
  date.day = *day;
  if (text.empty()) return date;
  if (!is_time(text)) return std::nullopt;
  date.time = text;
  return date;
}

std::chrono::year_month_day day_of(Instant instant) {
  return std::chrono::floor<std::chrono::days>(std::chrono::sys_time<std::chrono::milliseconds>(
      std::chrono::milliseconds(instant.milliseconds)));
}

bool is_over_age(const DateText& date, std::chrono::year_month_day today) {
  const int month = std::max(date.month, 1);
  const int day = std::max(date.day, 1);
  const auto this_month = static_cast<int>(static_cast<unsigned>(today.month()));
  const auto this_day = static_cast<int>(static_cast<unsigned>(today.day()));
  const bool is_before = this_month < month || (this_month == month && this_day < day);
  return static_cast<int>(today.year()) - date.year - (is_before ? 1 : 0) > kAgeMax;
}

bool may_be_over_age(int year, std::chrono::year_month_day today) {
  return static_cast<int>(today.year()) - year > kAgeMax;
}

std::optional<std::string> shifted_day(const DateText& date, int days) {
  if (date.day == 0) return std::nullopt;
  using namespace std::chrono;
  const year_month_day from{year(date.year), month(static_cast<unsigned>(date.month)),
                            day(static_cast<unsigned>(date.day))};
  if (!from.ok()) return std::nullopt;
  const year_month_day to = sys_days(from) + std::chrono::days(days);
  const auto to_year = static_cast<int>(to.year());
  if (to_year < 1 || to_year > 9999) return std::nullopt;
  return fmt::format("{:04}-{:02}-{:02}", to_year, static_cast<unsigned>(to.month()),
                     static_cast<unsigned>(to.day()));
}

std::string year_text(int year) {
  return fmt::format("{:04}", year);
}

std::string emptied_time(std::string_view time) {
  const std::size_t zone = zone_of(time);
  return without_digits(time.substr(0, zone)).append(time.substr(zone));
}

std::string partial_zip_code(std::string_view code, std::span<const std::string> restricted) {
  constexpr std::size_t kKept = 3;
  if (starts_with_any(code, restricted)) return without_digits(code);
  return std::string(code.substr(0, kKept))
      .append(without_digits(code.substr(std::min(kKept, code.size()))));
}

std::string with_changed_id(std::string_view reference,
                            const std::function<std::string(std::string_view)>& change) {
  for (const std::string_view prefix : {"#", "urn:uuid:", "urn:oid:"})
    if (reference.starts_with(prefix) && reference.size() > prefix.size())
      return std::string(prefix) + change(reference.substr(prefix.size()));
  const auto id = id_in(reference);
  if (!id) return change(reference);
  return std::string(reference.substr(0, id->first)) +
         change(reference.substr(id->first, id->second - id->first)) +
         std::string(reference.substr(id->second));
}

std::optional<fhirpath::Decimal> with_noise(const fhirpath::Decimal& value,
                                            const fhirpath::Decimal& span, bool is_proportional,
                                            const fhirpath::Decimal& fraction, int round_to) {
  auto width = std::optional(span);
  if (is_proportional) width = multiply(span, value);
  const auto centred = subtract(fraction, fhirpath::Decimal(5, 1));
  if (!width || !centred) return std::nullopt;
  const auto noise = multiply(*centred, *width);
  if (!noise) return std::nullopt;
  const auto sum = add(value, *noise);
  return sum ? std::optional(sum->rounded(round_to)) : std::nullopt;
}

}  // namespace sluice::deid
