// Decimals as numbers without their point.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "parquet/table_writer.h"

namespace sluice::parquet {
namespace {

constexpr int kPrecisionMax = 38;
constexpr int kExponentMax = 1000;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// The parts of a number of JSON.
struct Digits {
  bool is_negative = false;
  std::string digits;  // without point and leading zeros
  int scale = 0;       // of them behind the point
};

bool read_exponent(std::string_view text, int& exponent) {
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto [stop, failed] = std::from_chars(text.data(), text.data() + text.size(), exponent);
  return failed == std::errc{} && stop == text.data() + text.size() &&
         std::abs(exponent) <= kExponentMax;
}

bool read_digits(std::string_view text, Digits& number) {
  if (text.starts_with('-')) {
    number.is_negative = true;
    text.remove_prefix(1);
  }
  std::size_t at = 0;
  while (at < text.size() && is_digit(text[at])) number.digits += text[at++];
  if (at == 0) return false;
  if (at < text.size() && text[at] == '.') {
    const std::size_t begin = ++at;
    while (at < text.size() && is_digit(text[at])) number.digits += text[at++];
    if (at == begin) return false;
    number.scale = static_cast<int>(std::min<std::size_t>(at - begin, kExponentMax));
    if (at - begin > kExponentMax) return false;
  }
  int exponent = 0;
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    if (!read_exponent(text.substr(at + 1), exponent)) return false;
    at = text.size();
  }
  number.scale -= exponent;
  number.digits.erase(0, number.digits.find_first_not_of('0'));
  return at == text.size();
}

}  // namespace

Result<Int128> decimal_of(std::string_view text, int precision, int scale) {
  Digits number;
  if (!read_digits(text, number)) return invalid("not a decimal");
  auto& digits = number.digits;
  // Zeros behind the point change no value.
  while (number.scale > scale && digits.ends_with('0')) {
    digits.pop_back();
    --number.scale;
  }
  if (digits.empty()) return Int128{0};
  if (number.scale > scale ||
      static_cast<int>(digits.size()) + scale - number.scale > std::min(precision, kPrecisionMax))
    return invalid(fmt::format("the decimal does not fit decimal({},{})", precision, scale));
  digits.append(static_cast<std::size_t>(scale - number.scale), '0');
  Int128 value = 0;
  for (const char c : digits) value = value * 10 + (c - '0');
  return number.is_negative ? -value : value;
}

}  // namespace sluice::parquet
