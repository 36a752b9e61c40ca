// How the oracle reads and compares dates, numbers and texts.
#include <algorithm>
#include <cctype>
#include <limits>

#include "oracle.h"

namespace sluice::oracle {
namespace {

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kDay = 86'400 * kSecond;

bool is_leap(int year) {
  return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

int days_in(int year, int month) {
  constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && is_leap(year) ? 29 : kDays[month - 1];
}

// Counted day by day of year and month, so that it is plain.
std::int64_t day_number(int year, int month, int day) {
  std::int64_t days = 0;
  for (int y = 1970; y < year; ++y) days += is_leap(y) ? 366 : 365;
  for (int y = year; y < 1970; ++y) days -= is_leap(y) ? 366 : 365;
  for (int m = 1; m < month; ++m) days += days_in(year, m);
  return days + day - 1;
}

/// Digits of fixed length at a place; -1 when they are not there.
int digits(const std::string& text, std::size_t at, std::size_t count) {
  if (at + count > text.size()) return -1;
  int value = 0;
  for (std::size_t i = at; i < at + count; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

}  // namespace

std::optional<Time> read_time(const std::string& text) {
  const int year = digits(text, 0, 4);
  if (year < 0) return std::nullopt;
  if (text.size() == 4)
    return Time{day_number(year, 1, 1) * kDay, day_number(year + 1, 1, 1) * kDay};
  const int month = digits(text, 5, 2);
  if (text[4] != '-' || month < 1 || month > 12) return std::nullopt;
  const std::int64_t first = day_number(year, month, 1) * kDay;
  if (text.size() == 7) return Time{first, first + days_in(year, month) * kDay};
  const int day = digits(text, 8, 2);
  if (text[7] != '-' || day < 1 || day > days_in(year, month)) return std::nullopt;
  const std::int64_t midnight = day_number(year, month, day) * kDay;
  if (text.size() == 10) return Time{midnight, midnight + kDay};
  const int hour = digits(text, 11, 2);
  const int minute = digits(text, 14, 2);
  if (text[10] != 'T' || hour < 0 || hour > 23 || text.size() < 16 || text[13] != ':' ||
      minute < 0 || minute > 59)
    return std::nullopt;
  std::int64_t begin = midnight + (hour * 60 + minute) * 60 * kSecond;
  std::int64_t length = 60 * kSecond;
  std::size_t at = 16;
  if (at < text.size() && text[at] == ':') {
    const int second = digits(text, at + 1, 2);
    if (second < 0 || second > 60) return std::nullopt;  // 60: a leap second
    begin += second * kSecond;
    length = kSecond;
    at += 3;
    if (at < text.size() && text[at] == '.') {
      for (++at; at < text.size() && std::isdigit(static_cast<unsigned char>(text[at])); ++at) {
        if (length == 1) continue;  // finer than a microsecond
        length /= 10;
        begin += (text[at] - '0') * length;
      }
    }
  }
  const std::string zone = text.substr(at);
  if (!zone.empty() && zone != "Z") {
    const int hours = digits(zone, 1, 2);
    const int minutes = digits(zone, 4, 2);
    if (zone.size() != 6 || hours < 0 || minutes < 0 || zone[3] != ':') return std::nullopt;
    const std::int64_t offset = (hours * 60 + minutes) * 60 * kSecond;
    begin -= zone[0] == '-' ? -offset : offset;
  }
  return Time{begin, begin + length};
}

bool time_holds(const std::string& prefix, const Time& value, const Time& found, std::int64_t now) {
  const bool contains = value.begin <= found.begin && found.end <= value.end;
  const bool reaches_above = found.end > value.end;
  const bool reaches_below = found.begin < value.begin;
  if (prefix == "eq") return contains;
  if (prefix == "ne") return !contains;
  if (prefix == "gt") return reaches_above;
  if (prefix == "lt") return reaches_below;
  // FHIR-51068: ge, when the end found is at or after the start of the value; le, when the start
  // found is at or before the end of the value. Ends here are the first moment that is not in it.
  if (prefix == "ge") return found.end > value.begin;
  if (prefix == "le") return found.begin < value.end;
  if (prefix == "sa") return found.begin >= value.end;
  if (prefix == "eb") return found.end <= value.begin;
  // ap: the server's choice is a tenth of the distance from now.
  const std::int64_t distance =
      std::min(std::abs(now - value.begin), std::abs(now - value.end)) / 10;
  return found.begin < value.end + distance && found.end > value.begin - distance;
}

std::optional<Written> read_number(const std::string& text) {
  std::size_t at = 0;
  const bool negative = !text.empty() && text[0] == '-';
  if (negative || (!text.empty() && text[0] == '+')) ++at;
  int exponent = 0;
  const std::size_t e = text.find_first_of("eE", at);
  if (e != std::string::npos) {
    try {
      exponent = std::stoi(text.substr(e + 1));
    } catch (const std::exception&) {
      return std::nullopt;
    }
  }
  int scale = 20 + exponent;  // what the last digit read stands for, as a power of ten
  Written number;
  int count = 0;
  bool behind_point = false;
  for (; at < std::min(e, text.size()); ++at) {
    if (text[at] == '.') {
      behind_point = true;
      continue;
    }
    if (text[at] < '0' || text[at] > '9') return std::nullopt;
    number.value = number.value * 10 + (text[at] - '0');
    if (behind_point) --scale;
    ++count;
  }
  if (count == 0 || scale < 1 || scale + count > 37) return std::nullopt;
  number.half_of_last_digit = 5;
  for (int i = 0; i < scale; ++i) number.value *= 10;
  for (int i = 1; i < scale; ++i) number.half_of_last_digit *= 10;
  if (negative) number.value = -number.value;
  return number;
}

bool number_holds(const std::string& prefix, const Written& value, const Span& found) {
  const Number v = value.value;
  const auto above = [&](Number limit, bool or_equal) {
    if (!found.high) return true;
    return *found.high > limit || (or_equal && found.closed_high && *found.high == limit);
  };
  const auto below = [&](Number limit, bool or_equal) {
    if (!found.low) return true;
    return *found.low < limit || (or_equal && found.closed_low && *found.low == limit);
  };
  if (prefix == "gt") return above(v, false);
  if (prefix == "ge") return above(v, true);
  if (prefix == "lt") return below(v, false);
  if (prefix == "le") return below(v, true);
  if (prefix == "sa") return !below(v, true);
  if (prefix == "eb") return !above(v, true);
  if (prefix == "ap") {
    const Number tenth = std::max((v < 0 ? -v : v) / 10, value.half_of_last_digit);
    return above(v - tenth, true) && below(v + tenth, true);
  }
  const Number from = v - value.half_of_last_digit;
  const Number to = v + value.half_of_last_digit;
  const bool inside = found.low && found.high && *found.low >= from &&
                      (*found.high < to || (*found.high == to && !found.closed_high));
  return inside == (prefix == "eq");
}

std::string plain(const std::string& text) {
  static const std::map<std::string, std::string> kLetters = {
      {"á", "a"}, {"à", "a"}, {"ä", "a"}, {"â", "a"}, {"ã", "a"}, {"å", "a"}, {"é", "e"},
      {"è", "e"}, {"ë", "e"}, {"ê", "e"}, {"í", "i"}, {"ì", "i"}, {"ï", "i"}, {"î", "i"},
      {"ó", "o"}, {"ò", "o"}, {"ö", "o"}, {"ô", "o"}, {"õ", "o"}, {"ú", "u"}, {"ù", "u"},
      {"ü", "u"}, {"û", "u"}, {"ñ", "n"}, {"ç", "c"}, {"Á", "a"}, {"Ä", "a"}, {"É", "e"},
      {"Í", "i"}, {"Ó", "o"}, {"Ö", "o"}, {"Ú", "u"}, {"Ü", "u"}, {"Ñ", "n"}, {"ß", "ss"}};
  std::string out;
  bool space = false;
  const auto put = [&](const std::string& letters) {
    if (space && !out.empty()) out += ' ';
    space = false;
    out += letters;
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (static_cast<unsigned char>(c) >= 0x80) {
      const auto found = kLetters.find(text.substr(i, 2));
      if (found == kLetters.end()) throw NotUnderstood("a letter that the oracle does not know");
      put(found->second);
      ++i;
    } else if (std::isspace(static_cast<unsigned char>(c))) {
      space = true;
    } else if (std::string_view("!\"#%&'()*,-./:;?@[\\]_{}").find(c) == std::string_view::npos) {
      put(std::string(1, static_cast<char>(std::tolower(static_cast<unsigned char>(c)))));
    }
  }
  return out;
}

std::pair<std::string, std::string> split_prefix(const std::string& value) {
  for (const char* prefix : {"eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"})
    if (value.rfind(prefix, 0) == 0) return {prefix, value.substr(2)};
  return {"eq", value};
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts(1);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) {
      parts.back() += text[i++];
      parts.back() += text[i];
    } else if (text[i] == separator) {
      parts.emplace_back();
    } else {
      parts.back() += text[i];
    }
  }
  return parts;
}

std::string unescaped(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size() &&
        std::string_view("\\,|$").find(text[i + 1]) != std::string_view::npos)
      ++i;
    out += text[i];
  }
  return out;
}

}  // namespace sluice::oracle
