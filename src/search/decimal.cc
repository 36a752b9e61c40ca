#include "search/decimal.h"

#include <algorithm>
#include <charconv>

namespace sluice::search {
namespace {

using boost::multiprecision::cpp_int;

constexpr int kDigitsMax = 300;

cpp_int power_of_ten(int exponent) {
  return boost::multiprecision::pow(cpp_int(10), static_cast<unsigned>(exponent));
}

/// Both with the smaller exponent.
std::pair<cpp_int, cpp_int> aligned(const cpp_int& a, int a_exponent, const cpp_int& b,
                                    int b_exponent) {
  if (a_exponent == b_exponent) return {a, b};
  if (a_exponent > b_exponent) return {a * power_of_ten(a_exponent - b_exponent), b};
  return {a, b * power_of_ten(b_exponent - a_exponent)};
}

}  // namespace

std::optional<Decimal> Decimal::parse(std::string_view text) {
  const bool is_negative = text.starts_with('-');
  if (is_negative || text.starts_with('+')) text.remove_prefix(1);
  std::int64_t small = 0;  // the first digits; most numbers have no others
  cpp_int mantissa;
  int digits = 0;
  int exponent = 0;
  bool behind_point = false;
  std::size_t i = 0;
  for (; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '.' && !behind_point && digits > 0) {
      behind_point = true;
      continue;
    }
    if (c < '0' || c > '9') break;
    if (++digits > kDigitsMax) return std::nullopt;
    exponent -= behind_point ? 1 : 0;
    if (digits <= 18) {
      small = small * 10 + (c - '0');
    } else {
      if (digits == 19) mantissa = small;
      mantissa = mantissa * 10 + (c - '0');
    }
  }
  if (digits == 0 || text[i - 1] == '.') return std::nullopt;
  if (digits <= 18) mantissa = small;
  if (i < text.size()) {
    if (text[i] != 'e' && text[i] != 'E') return std::nullopt;
    ++i;
    if (i < text.size() && text[i] == '+') ++i;
    int power = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, failed] = std::from_chars(text.data() + i, end, power);
    if (failed != std::errc{} || stop != end || std::abs(power) > kDigitsMax) return std::nullopt;
    exponent += power;
  }
  if (is_negative) mantissa = -mantissa;
  return Decimal(std::move(mantissa), exponent);
}

Decimal operator+(const Decimal& a, const Decimal& b) {
  const auto [x, y] = aligned(a.mantissa_, a.exponent_, b.mantissa_, b.exponent_);
  return {x + y, std::min(a.exponent_, b.exponent_)};
}

Decimal operator-(const Decimal& a, const Decimal& b) {
  const auto [x, y] = aligned(a.mantissa_, a.exponent_, b.mantissa_, b.exponent_);
  return {x - y, std::min(a.exponent_, b.exponent_)};
}

std::strong_ordering operator<=>(const Decimal& a, const Decimal& b) {
  int order = 0;
  if (a.exponent_ == b.exponent_) {
    order = a.mantissa_.compare(b.mantissa_);
  } else {
    const auto [x, y] = aligned(a.mantissa_, a.exponent_, b.mantissa_, b.exponent_);
    order = x.compare(y);
  }
  return order <=> 0;
}

}  // namespace sluice::search
