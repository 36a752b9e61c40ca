#include "search/date_range.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>

namespace sluice::search {
namespace {

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kMinute = 60 * kSecond;

/// Reads parts of a date from the left.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}
  bool at_end() const { return rest_.empty(); }
  char next() const { return rest_.empty() ? '\0' : rest_.front(); }
  bool take(char c) {
    if (next() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  /// Exactly `count` digits with a value from `least` to `most`.
  std::optional<int> number(std::size_t count, int least, int most) {
    if (rest_.size() < count) return std::nullopt;
    int value = 0;
    for (std::size_t i = 0; i < count; ++i) {
      if (rest_[i] < '0' || rest_[i] > '9') return std::nullopt;
      value = value * 10 + (rest_[i] - '0');
    }
    rest_.remove_prefix(count);
    if (value < least || value > most) return std::nullopt;
    return value;
  }
  /// The digits that follow, as a fraction in microseconds; `unit` becomes the last digit's worth.
  std::optional<std::int64_t> fraction(std::int64_t& unit) {
    std::int64_t value = 0;
    std::size_t count = 0;
    unit = kSecond;
    for (; count < rest_.size() && rest_[count] >= '0' && rest_[count] <= '9'; ++count) {
      if (unit == 1) continue;
      unit /= 10;
      value += (rest_[count] - '0') * unit;
    }
    rest_.remove_prefix(count);
    if (count == 0) return std::nullopt;
    return value;
  }

 private:
  std::string_view rest_;
};

std::int64_t microseconds(std::chrono::year_month_day day) {
  return std::chrono::sys_days(day).time_since_epoch().count() * 24 * 60 * kMinute;
}

/// The offset from UTC in microseconds.
std::optional<std::int64_t> read_offset(Reader& reader) {
  if (reader.at_end() || reader.take('Z')) return 0;
  const bool is_west = reader.take('-');
  if (!is_west && !reader.take('+') && !reader.take(' ')) return std::nullopt;
  const auto hours = reader.number(2, 0, 14);
  if (!hours || !reader.take(':')) return std::nullopt;
  const auto minutes = reader.number(2, 0, 59);
  if (!minutes) return std::nullopt;
  const std::int64_t offset = (*hours * 60 + *minutes) * kMinute;
  return is_west ? -offset : offset;
}

/// The time behind 'T', on a day that begins at `day`.
std::optional<DateRange> read_time(Reader& reader, std::int64_t day) {
  const auto hour = reader.number(2, 0, 23);
  if (!hour || !reader.take(':')) return std::nullopt;
  const auto minute = reader.number(2, 0, 59);
  if (!minute) return std::nullopt;
  std::int64_t begin = day + (*hour * 60 + *minute) * kMinute;
  std::int64_t length = kMinute;
  if (reader.take(':')) {
    const auto second = reader.number(2, 0, 60);
    if (!second) return std::nullopt;
    begin += *second * kSecond;
    length = kSecond;
    if (reader.take('.')) {
      const auto fraction = reader.fraction(length);
      if (!fraction) return std::nullopt;
      begin += *fraction;
    }
  }
  const auto offset = read_offset(reader);
  if (!offset || !reader.at_end()) return std::nullopt;
  return DateRange{begin - *offset, begin - *offset + length};
}

std::optional<DateRange> range_at(const fhir::JsonTokens& tokens, std::size_t token,
                                  std::string& buffer) {
  if (token >= tokens.size() || tokens.first(token) != '"') return std::nullopt;
  return parse_date_range(string_of(tokens, token, buffer));
}

std::optional<DateRange> period_at(const fhir::JsonTokens& tokens, std::size_t period,
                                   std::string& buffer) {
  const auto start = range_at(tokens, member(tokens, period, "start"), buffer);
  const auto end = range_at(tokens, member(tokens, period, "end"), buffer);
  if (!start && !end) return std::nullopt;
  return DateRange{start ? start->begin : DateRange::kPast, end ? end->end : DateRange::kFuture};
}

/// The outer limits of a Timing: its events and the period that bounds its repetitions.
std::optional<DateRange> timing_at(const fhir::JsonTokens& tokens, std::size_t timing,
                                   std::string& buffer) {
  std::optional<DateRange> whole;
  const auto add = [&](const std::optional<DateRange>& part) {
    if (!part) return;
    if (!whole) whole = part;
    whole->begin = std::min(whole->begin, part->begin);
    whole->end = std::max(whole->end, part->end);
  };
  const std::size_t events = member(tokens, timing, "event");
  if (events != kNoToken) {
    any_element(tokens, events, [&](std::size_t event) {
      add(range_at(tokens, event, buffer));
      return false;
    });
  }
  const std::size_t repeat = member(tokens, timing, "repeat");
  if (repeat != kNoToken) {
    const std::size_t bounds = member(tokens, repeat, "boundsPeriod");
    if (bounds != kNoToken) add(period_at(tokens, bounds, buffer));
  }
  return whole;
}

}  // namespace

std::optional<DateRange> parse_date_range(std::string_view text) {
  using std::chrono::day, std::chrono::month, std::chrono::year, std::chrono::years;
  Reader reader(text);
  const auto y = reader.number(4, 0, 9999);
  if (!y) return std::nullopt;
  const auto january = year(*y) / month(1) / day(1);
  if (reader.at_end()) return DateRange{microseconds(january), microseconds(january + years(1))};
  if (!reader.take('-')) return std::nullopt;
  const auto m = reader.number(2, 1, 12);
  if (!m) return std::nullopt;
  const auto first = year(*y) / month(static_cast<unsigned>(*m)) / day(1);
  if (reader.at_end())
    return DateRange{microseconds(first), microseconds(first + std::chrono::months(1))};
  if (!reader.take('-')) return std::nullopt;
  const auto d = reader.number(2, 1, 31);
  if (!d) return std::nullopt;
  const auto date = year(*y) / month(static_cast<unsigned>(*m)) / day(static_cast<unsigned>(*d));
  if (!date.ok()) return std::nullopt;
  const std::int64_t begin = microseconds(date);
  if (reader.at_end()) return DateRange{begin, begin + 24 * 60 * kMinute};
  if (!reader.take('T')) return std::nullopt;
  return read_time(reader, begin);
}

Result<DateTest> DateTest::parse(std::string_view value, Instant now) {
  DateTest test;
  test.prefix_ = take_prefix(value);
  const auto asked = parse_date_range(value);
  if (!asked) return invalid("is not a date (YYYY, YYYY-MM, YYYY-MM-DD or with Thh:mm:ss+hh:mm)");
  test.asked_ = *asked;
  if (test.prefix_ == Prefix::kApproximately) {
    const std::int64_t present = now.milliseconds * 1000;
    const std::int64_t near =
        std::min(std::abs(present - asked->begin), std::abs(present - asked->end)) / 10;
    test.asked_.begin -= near;
    test.asked_.end += near;
  }
  return test;
}

bool DateTest::matches(const DateRange& range) const {
  const bool contained = asked_.begin <= range.begin && range.end <= asked_.end;
  switch (prefix_) {
    case Prefix::kEqual:
      return contained;
    case Prefix::kNotEqual:
      return !contained;
    case Prefix::kGreater:
      return range.end > asked_.end;
    case Prefix::kLess:
      return range.begin < asked_.begin;
    // As HL7 clarified (FHIR-51068): "ge" begins where the value that was asked for begins, and
    // "le" ends where it ends; what only overlaps it is meant too.
    case Prefix::kGreaterOrEqual:
      return range.end > asked_.begin;
    case Prefix::kLessOrEqual:
      return range.begin < asked_.end;
    case Prefix::kStartsAfter:
      return range.begin >= asked_.end;
    case Prefix::kEndsBefore:
      return range.end <= asked_.begin;
    case Prefix::kApproximately:
      return range.begin < asked_.end && asked_.begin < range.end;
  }
  std::abort();
}

bool DateTest::matches(const fhir::JsonTokens& tokens, std::size_t value, DataType type,
                       std::string& buffer) const {
  std::optional<DateRange> range;
  if (type == DataType::kPeriod) {
    range = period_at(tokens, value, buffer);
  } else if (type == DataType::kTiming) {
    range = timing_at(tokens, value, buffer);
  } else {
    range = range_at(tokens, value, buffer);
    // An instant has no length, whatever its digits.
    if (range && type == DataType::kInstant) range->end = range->begin + 1;
  }
  return range && matches(*range);
}

}  // namespace sluice::search
