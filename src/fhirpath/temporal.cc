#include "fhirpath/temporal.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <iterator>

namespace sluice::fhirpath {
namespace {

namespace chr = std::chrono;
constexpr std::int64_t kNanosecondsOfDay = 86'400'000'000'000;

/// Takes `count` digits from the front.
std::optional<int> take_digits(std::string_view& text, std::size_t count) {
  if (text.size() < count) return std::nullopt;
  int value = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(count);
  return value;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text[0] != c) return false;
  text.remove_prefix(1);
  return true;
}

int last_day(int year, int month) {
  return static_cast<int>(static_cast<unsigned>(
      (chr::year(year) / chr::month(static_cast<unsigned>(month)) / chr::last).day()));
}

struct DateParts {
  int year, month = 1, day = 1;
  Precision precision = Precision::kYear;
};

std::optional<DateParts> take_date(std::string_view& text) {
  const auto year = take_digits(text, 4);
  if (!year || *year < 1) return std::nullopt;
  DateParts parts{*year};
  if (!take(text, '-')) return parts;
  const auto month = take_digits(text, 2);
  if (!month || *month < 1 || *month > 12) return std::nullopt;
  parts.month = *month;
  parts.precision = Precision::kMonth;
  if (!take(text, '-')) return parts;
  const auto day = take_digits(text, 2);
  if (!day || *day < 1 || *day > last_day(*year, *month)) return std::nullopt;
  parts.day = *day;
  parts.precision = Precision::kDay;
  return parts;
}

struct Digits {
  int digits;
  Precision precision;
};
constexpr Digits kDateDigits[] = {{4, Precision::kYear},     {6, Precision::kMonth},
                                  {8, Precision::kDay},      {10, Precision::kHour},
                                  {12, Precision::kMinute},  {14, Precision::kSecond},
                                  {17, Precision::kFraction}};
constexpr Digits kTimeDigits[] = {{2, Precision::kHour},
                                  {4, Precision::kMinute},
                                  {6, Precision::kSecond},
                                  {9, Precision::kFraction}};

}  // namespace

bool Temporal::read_clock(std::string_view& text) {
  const auto hour = take_digits(text, 2);
  if (!hour || *hour > 23) return false;
  hour_ = *hour;
  precision_ = Precision::kHour;
  if (!take(text, ':')) return true;
  const auto minute = take_digits(text, 2);
  if (!minute || *minute > 59) return false;
  minute_ = *minute;
  precision_ = Precision::kMinute;
  if (!take(text, ':')) return true;
  const auto second = take_digits(text, 2);
  if (!second || *second > 60) return false;
  second_ = *second;
  precision_ = Precision::kSecond;
  if (!take(text, '.')) return true;
  precision_ = Precision::kFraction;
  int worth = 100'000'000;
  while (!text.empty() && text[0] >= '0' && text[0] <= '9') {
    if (fraction_digits_ < 9) {
      nanoseconds_ += (text[0] - '0') * worth;
      worth /= 10;
      ++fraction_digits_;
    }
    text.remove_prefix(1);
  }
  return fraction_digits_ > 0;
}

bool Temporal::read_zone(std::string_view text) {
  if (text.empty()) return true;
  has_zone_ = true;
  if (text == "Z") return true;
  const bool west = text[0] == '-';
  if (!west && text[0] != '+') return false;
  text.remove_prefix(1);
  const auto hours = take_digits(text, 2);
  if (!hours || *hours > 14 || !take(text, ':')) return false;
  const auto minutes = take_digits(text, 2);
  if (!minutes || *minutes > 59 || !text.empty()) return false;
  zone_minutes_ = (*hours * 60 + *minutes) * (west ? -1 : 1);
  return true;
}

std::optional<Temporal> Temporal::parse_date(std::string_view text) {
  const auto parts = take_date(text);
  if (!parts || !text.empty()) return std::nullopt;
  Temporal value;
  value.year_ = parts->year;
  value.month_ = parts->month;
  value.day_ = parts->day;
  value.precision_ = parts->precision;
  return value;
}

std::optional<Temporal> Temporal::parse_date_time(std::string_view text) {
  const std::size_t time = std::min(text.find('T'), text.size());
  auto value = parse_date(text.substr(0, time));
  if (!value) return std::nullopt;
  value->kind_ = Kind::kDateTime;
  if (time + 1 >= text.size()) return value;
  if (value->precision_ != Precision::kDay) return std::nullopt;
  text.remove_prefix(time + 1);
  if (!value->read_clock(text) || !value->read_zone(text)) return std::nullopt;
  return value;
}

std::optional<Temporal> Temporal::parse_time(std::string_view text) {
  Temporal value;
  value.kind_ = Kind::kTime;
  if (!value.read_clock(text) || !text.empty()) return std::nullopt;
  return value;
}

Temporal Temporal::at(Instant instant) {
  return *parse_date_time(to_fhir_instant(instant));
}

std::string Temporal::to_string() const {
  std::string text;
  const auto out = std::back_inserter(text);
  if (kind_ != Kind::kTime) {
    fmt::format_to(out, "{:04}", year_);
    if (precision_ >= Precision::kMonth) fmt::format_to(out, "-{:02}", month_);
    if (precision_ >= Precision::kDay) fmt::format_to(out, "-{:02}", day_);
    if (precision_ >= Precision::kHour) text += 'T';
  }
  if (precision_ >= Precision::kHour) fmt::format_to(out, "{:02}", hour_);
  if (precision_ >= Precision::kMinute) fmt::format_to(out, ":{:02}", minute_);
  if (precision_ >= Precision::kSecond) fmt::format_to(out, ":{:02}", second_);
  if (precision_ == Precision::kFraction)
    text += '.' + fmt::format("{:09}", nanoseconds_).substr(0, fraction_digits_);
  if (has_zone_ && precision_ >= Precision::kHour) {
    if (zone_minutes_ == 0) return text + 'Z';
    const int minutes = std::abs(zone_minutes_);
    fmt::format_to(out, "{}{:02}:{:02}", zone_minutes_ < 0 ? '-' : '+', minutes / 60, minutes % 60);
  }
  return text;
}

Temporal Temporal::as_date() const {
  Temporal value;
  value.year_ = year_;
  value.month_ = month_;
  value.day_ = day_;
  value.precision_ = std::min(precision_, Precision::kDay);
  return value;
}

Temporal Temporal::as_date_time() const {
  Temporal value = *this;
  value.kind_ = Kind::kDateTime;
  return value;
}

std::optional<Temporal> Temporal::time_of_day() const {
  if (precision_ < Precision::kHour) return std::nullopt;
  Temporal value = *this;
  value.kind_ = Kind::kTime;
  value.year_ = value.month_ = value.day_ = 1;
  value.has_zone_ = false;
  value.zone_minutes_ = 0;
  return value;
}

std::int64_t Temporal::nanoseconds_of_day() const {
  return ((hour_ * 60LL + minute_) * 60 + second_) * 1'000'000'000 + nanoseconds_;
}

std::int64_t Temporal::day_number() const {
  const chr::year_month_day date(chr::year(year_), chr::month(static_cast<unsigned>(month_)),
                                 chr::day(static_cast<unsigned>(day_)));
  return chr::sys_days(date).time_since_epoch().count();
}

void Temporal::set_day_number(std::int64_t day) {
  const chr::year_month_day date{chr::sys_days(chr::days(day))};
  year_ = static_cast<int>(date.year());
  month_ = static_cast<int>(static_cast<unsigned>(date.month()));
  day_ = static_cast<int>(static_cast<unsigned>(date.day()));
}

Temporal Temporal::in_utc() const {
  Temporal value = *this;
  const int minutes = hour_ * 60 + minute_ - zone_minutes_;
  const int days = minutes < 0 ? -1 : minutes / 1440;
  const int left = minutes - days * 1440;
  value.set_day_number(day_number() + days);
  value.hour_ = left / 60;
  value.minute_ = left % 60;
  value.zone_minutes_ = 0;
  return value;
}

Temporal::Range Temporal::range() const {
  Temporal low = *this;
  Temporal high = *this;
  if (precision_ < Precision::kMonth) high.month_ = 12;
  if (precision_ < Precision::kDay) high.day_ = last_day(high.year_, high.month_);
  if (precision_ < Precision::kHour) high.hour_ = 23;
  if (precision_ < Precision::kMinute) high.minute_ = 59;
  if (precision_ < Precision::kSecond) high.second_ = 59;
  if (precision_ < Precision::kSecond) high.nanoseconds_ = 999'999'999;
  const auto milliseconds = [](const Temporal& value, int zone) {
    return value.day_number() * 86'400'000 + value.nanoseconds_of_day() / 1'000'000 -
           zone * 60'000LL;
  };
  if (has_zone_) return {milliseconds(low, zone_minutes_), milliseconds(high, zone_minutes_)};
  return {milliseconds(low, 14 * 60), milliseconds(high, -12 * 60)};
}

std::array<std::int64_t, 6> Temporal::parts() const {
  return {year_, month_, day_, hour_, minute_, second_ * 1'000'000'000LL + nanoseconds_};
}

std::optional<int> compare(const Temporal& a, const Temporal& b) {
  const bool times = a.kind_ == Temporal::Kind::kTime;
  if (!times && a.has_zone_ != b.has_zone_) {
    const auto left = a.range();
    const auto right = b.range();
    if (left.high < right.low) return -1;
    if (left.low > right.high) return 1;
    return std::nullopt;
  }
  const auto left = a.has_zone_ ? a.in_utc().parts() : a.parts();
  const auto right = b.has_zone_ ? b.in_utc().parts() : b.parts();
  const auto last_of = [](Precision precision) {
    return static_cast<std::size_t>(std::min(precision, Precision::kSecond));
  };
  const std::size_t last_left = last_of(a.precision_);
  const std::size_t last_right = last_of(b.precision_);
  for (std::size_t i = times ? 3 : 0; i <= std::min(last_left, last_right); ++i)
    if (left[i] != right[i]) return left[i] < right[i] ? -1 : 1;
  if (last_left != last_right) return std::nullopt;
  return 0;
}

bool equivalent(const Temporal& a, const Temporal& b) {
  if ((a.kind_ == Temporal::Kind::kTime) != (b.kind_ == Temporal::Kind::kTime)) return false;
  return compare(a, b) == 0;
}

Temporal::Move Temporal::in_own_unit(Move move) const {
  const auto step = [&](TimeUnit from, TimeUnit to, int of) {
    if (move.unit != from) return;
    move.amount = *divide(move.amount.truncated(), Decimal(of));
    move.unit = to;
  };
  if (precision_ < Precision::kSecond) {
    step(TimeUnit::kMillisecond, TimeUnit::kSecond, 1000);
    step(TimeUnit::kSecond, TimeUnit::kMinute, 60);
  }
  if (precision_ < Precision::kMinute) step(TimeUnit::kMinute, TimeUnit::kHour, 60);
  if (precision_ < Precision::kHour) step(TimeUnit::kHour, TimeUnit::kDay, 24);
  if (precision_ < Precision::kDay && move.unit == TimeUnit::kWeek) {
    const auto days = multiply(move.amount.truncated(), Decimal(7));
    move = {days.value_or(move.amount), TimeUnit::kDay};
  }
  if (precision_ == Precision::kMonth) step(TimeUnit::kDay, TimeUnit::kMonth, 30);
  if (precision_ == Precision::kYear) {
    step(TimeUnit::kDay, TimeUnit::kYear, 365);
    step(TimeUnit::kMonth, TimeUnit::kYear, 12);
  }
  return move;
}

std::optional<Temporal> Temporal::moved(const Decimal& amount, TimeUnit unit) const {
  const Move move = in_own_unit({amount, unit});
  if (move.unit == TimeUnit::kYear || move.unit == TimeUnit::kMonth)
    return moved_by_months(move.amount.truncated(), move.unit == TimeUnit::kYear ? 12 : 1);
  static constexpr std::int64_t kMilliseconds[] = {
      0, 0, 7 * 86'400'000LL, 86'400'000, 3'600'000, 60'000, 1000, 1};
  const auto milliseconds =
      multiply(move.unit >= TimeUnit::kSecond ? move.amount : move.amount.truncated(),
               Decimal(kMilliseconds[static_cast<std::size_t>(move.unit)]));
  constexpr std::int64_t kFarthest = 400'000'000'000'000;  // more than all years
  const auto whole = milliseconds ? milliseconds->to_integer() : std::nullopt;
  if (!whole || *whole > kFarthest || *whole < -kFarthest) return std::nullopt;
  return moved_by_milliseconds(*whole);
}

std::optional<Temporal> Temporal::moved_by_months(const Decimal& amount, int months) const {
  const auto count = amount.to_integer();
  if (!count || *count > 200'000 || *count < -200'000) return std::nullopt;
  const std::int64_t total = year_ * 12LL + (month_ - 1) + *count * months;
  if (total < 12 || total >= 120'000) return std::nullopt;
  Temporal value = *this;
  value.year_ = static_cast<int>(total / 12);
  value.month_ = static_cast<int>(total % 12) + 1;
  value.day_ = std::min(day_, last_day(value.year_, value.month_));
  return value;
}

std::optional<Temporal> Temporal::moved_by_milliseconds(std::int64_t move) const {
  Temporal value = *this;
  const std::int64_t nanoseconds = nanoseconds_of_day() + (move % 86'400'000) * 1'000'000;
  std::int64_t days = move / 86'400'000 + nanoseconds / kNanosecondsOfDay;
  std::int64_t left = nanoseconds % kNanosecondsOfDay;
  if (left < 0) {
    left += kNanosecondsOfDay;
    --days;
  }
  if (kind_ != Kind::kTime) {
    const std::int64_t day = day_number() + days;
    if (day < -719'162 || day > 2'932'896) return std::nullopt;  // 0001-01-01 and 9999-12-31
    value.set_day_number(day);
  }
  value.hour_ = static_cast<int>(left / 3'600'000'000'000);
  value.minute_ = static_cast<int>(left / 60'000'000'000 % 60);
  value.second_ = static_cast<int>(left / 1'000'000'000 % 60);
  value.nanoseconds_ = static_cast<int>(left % 1'000'000'000);
  if (value.nanoseconds_ != nanoseconds_ && precision_ >= Precision::kSecond) {
    value.precision_ = Precision::kFraction;
    value.fraction_digits_ = std::max<std::uint8_t>(fraction_digits_, 3);
  }
  return value;
}

int Temporal::digits() const {
  if (kind_ == Kind::kTime) {
    for (const auto& row : kTimeDigits)
      if (row.precision == precision_) return row.digits;
  }
  return kDateDigits[static_cast<std::size_t>(precision_)].digits;
}

std::optional<Temporal> Temporal::boundary(std::optional<int> digits, bool high) const {
  const int wanted = digits.value_or(kind_ == Kind::kTime ? 9 : kind_ == Kind::kDate ? 8 : 17);
  std::optional<Precision> precision;
  for (const auto& row : kDateDigits)
    if (row.digits == wanted && kind_ != Kind::kTime) precision = row.precision;
  for (const auto& row : kTimeDigits)
    if (row.digits == wanted && kind_ == Kind::kTime) precision = row.precision;
  if (!precision || (kind_ == Kind::kDate && *precision > Precision::kDay)) return std::nullopt;
  Temporal value = *this;
  if (precision_ < Precision::kMonth) value.month_ = high ? 12 : 1;
  if (precision_ < Precision::kDay) value.day_ = high ? last_day(value.year_, value.month_) : 1;
  if (precision_ < Precision::kHour) value.hour_ = high ? 23 : 0;
  if (precision_ < Precision::kMinute) value.minute_ = high ? 59 : 0;
  if (precision_ < Precision::kSecond) value.second_ = high ? 59 : 0;
  if (precision_ < Precision::kFraction) value.nanoseconds_ = high ? 999'999'999 : 0;
  value.precision_ = *precision;
  value.fraction_digits_ = 3;
  if (kind_ == Kind::kDateTime && *precision >= Precision::kHour && !has_zone_) {
    value.has_zone_ = true;
    value.zone_minutes_ = high ? -12 * 60 : 14 * 60;
  }
  return value;
}

std::optional<Temporal> Temporal::low_boundary(std::optional<int> digits) const {
  return boundary(digits, false);
}

std::optional<Temporal> Temporal::high_boundary(std::optional<int> digits) const {
  return boundary(digits, true);
}

}  // namespace sluice::fhirpath
