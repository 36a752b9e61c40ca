#include "base/instant.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

#include "base/utf8.h"

namespace sluice {
namespace {

using std::chrono::days;
using std::chrono::sys_days;

constexpr std::array kWeekdays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

struct CivilTime {
  std::chrono::year_month_day date;
  unsigned weekday;
  std::int64_t hour, minute, second, millisecond;
};

CivilTime civil(Instant instant) {
  const auto time = std::chrono::sys_time<std::chrono::milliseconds>(
      std::chrono::milliseconds(instant.milliseconds));
  const auto day = std::chrono::floor<days>(time);
  const std::int64_t in_day = (time - day).count();
  return {std::chrono::year_month_day(day),
          std::chrono::weekday(day).c_encoding(),
          in_day / 3'600'000,
          in_day / 60'000 % 60,
          in_day / 1000 % 60,
          in_day % 1000};
}

// Reads exactly `digits` decimal digits from the front of `text`.
bool take_digits(std::string_view& text, std::size_t digits, int& value) {
  if (text.size() < digits) return false;
  value = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    if (text[i] < '0' || text[i] > '9') return false;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(digits);
  return true;
}

bool take_char(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

Error bad_instant(std::string_view text) {
  return invalid(fmt::format("'{}' is not a FHIR instant, dateTime or date", shortened(text, 64)));
}

// Reads "Z", "+hh:mm", "-hh:mm" (also " hh:mm", a '+' that was not escaped) or nothing.
bool take_offset(std::string_view& text, std::chrono::minutes& offset) {
  offset = std::chrono::minutes(0);
  if (text.empty() || take_char(text, 'Z') || take_char(text, 'z')) return true;
  const bool negative = text.front() == '-';
  if (!negative && text.front() != '+' && text.front() != ' ') return false;
  text.remove_prefix(1);
  int hours = 0;
  int minutes = 0;
  if (!take_digits(text, 2, hours) || !take_char(text, ':') || !take_digits(text, 2, minutes))
    return false;
  if (hours > 14 || minutes > 59) return false;
  offset = std::chrono::minutes(hours * 60 + minutes);
  if (negative) offset = -offset;
  return true;
}

}  // namespace

Instant SystemClock::now() const {
  return {std::chrono::duration_cast<std::chrono::milliseconds>(
              std::chrono::system_clock::now().time_since_epoch())
              .count()};
}

std::string to_fhir_instant(Instant instant) {
  const CivilTime t = civil(instant);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(t.date.year()),
                     static_cast<unsigned>(t.date.month()), static_cast<unsigned>(t.date.day()),
                     t.hour, t.minute, t.second, t.millisecond);
}

std::string to_http_date(Instant instant) {
  const CivilTime t = civil(instant);
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", kWeekdays[t.weekday],
                     static_cast<unsigned>(t.date.day()),
                     kMonths[static_cast<unsigned>(t.date.month()) - 1],
                     static_cast<int>(t.date.year()), t.hour, t.minute, t.second);
}

Result<Instant> parse_http_date(std::string_view text) {
  const Error bad = invalid(fmt::format("'{}' is not an HTTP-date", shortened(text, 64)));
  if (text.size() != 29 || text.substr(3, 2) != ", ") return bad;
  std::string_view rest = text.substr(5);
  int day = 0, year = 0, hour = 0, minute = 0, second = 0;
  if (!take_digits(rest, 2, day) || !take_char(rest, ' ')) return bad;
  unsigned month = 0;
  while (month < kMonths.size() && rest.substr(0, 3) != kMonths[month]) ++month;
  if (month == kMonths.size()) return bad;
  rest.remove_prefix(3);
  if (!take_char(rest, ' ') || !take_digits(rest, 4, year) || !take_char(rest, ' ') ||
      !take_digits(rest, 2, hour) || !take_char(rest, ':') || !take_digits(rest, 2, minute) ||
      !take_char(rest, ':') || !take_digits(rest, 2, second) || rest != " GMT")
    return bad;
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month + 1),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok() || hour > 23 || minute > 59 || second > 60) return bad;
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(sys_days(date).time_since_epoch());
  return Instant{(seconds.count() + hour * 3600 + minute * 60 + second) * 1000};
}

Result<Instant> parse_fhir_instant(std::string_view text) {
  std::string_view rest = text;
  int year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0, millisecond = 0;
  std::chrono::minutes offset(0);
  if (!take_digits(rest, 4, year)) return bad_instant(text);
  if (!rest.empty()) {
    if (!take_char(rest, '-') || !take_digits(rest, 2, month)) return bad_instant(text);
    if (!rest.empty() && (!take_char(rest, '-') || !take_digits(rest, 2, day)))
      return bad_instant(text);
  }
  if (!rest.empty()) {
    if (!take_char(rest, 'T') || !take_digits(rest, 2, hour) || !take_char(rest, ':') ||
        !take_digits(rest, 2, minute))
      return bad_instant(text);
    if (take_char(rest, ':')) {
      if (!take_digits(rest, 2, second)) return bad_instant(text);
      if (take_char(rest, '.')) {
        int scale = 100;
        std::size_t digits = 0;
        for (; !rest.empty() && rest.front() >= '0' && rest.front() <= '9'; ++digits) {
          millisecond += (rest.front() - '0') * scale;
          scale /= 10;
          rest.remove_prefix(1);
        }
        if (digits == 0 || digits > 18) return bad_instant(text);
      }
    }
    if (!take_offset(rest, offset)) return bad_instant(text);
  }
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  const bool end_of_day = hour == 24 && minute == 0 && second == 0 && millisecond == 0;
  if (!rest.empty() || year == 0 || !date.ok() || (hour > 23 && !end_of_day) || minute > 59 ||
      second > 60)
    return bad_instant(text);
  const auto day_seconds =
      std::chrono::duration_cast<std::chrono::seconds>(sys_days(date).time_since_epoch());
  const std::int64_t seconds =
      day_seconds.count() + hour * 3600 + minute * 60 + second - offset.count() * 60;
  return Instant{seconds * 1000 + millisecond};
}

}  // namespace sluice
