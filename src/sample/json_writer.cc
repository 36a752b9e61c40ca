#include "sample/json_writer.h"

#include <charconv>

namespace sluice::sample {

void JsonWriter::decimal(std::string_view key, Decimal value) {
  begin_value(key);
  char digits[32];
  const auto magnitude = static_cast<std::uint64_t>(value.units < 0 ? -value.units : value.units);
  const auto written = static_cast<std::size_t>(
      std::to_chars(digits, digits + sizeof digits, magnitude).ptr - digits);
  const auto fraction = static_cast<std::size_t>(value.digits);
  if (value.units < 0) out_.push_back('-');
  const std::string_view text(digits, written);
  const std::size_t whole = written > fraction ? written - fraction : 0;
  if (whole == 0) out_.push_back('0');
  out_.append(text.substr(0, whole));
  if (fraction == 0) return;
  out_.push_back('.');
  out_.append(fraction - (written - whole), '0');
  out_.append(text.substr(whole));
}

void JsonWriter::append_number(std::int64_t value) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  out_.append(digits, static_cast<std::size_t>(end - digits));
}

void JsonWriter::append_escaped(std::string_view value) {
  std::size_t done = 0;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    if (static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\') continue;
    out_.append(value, done, i - done);
    done = i + 1;
    append_escape(c);
  }
  out_.append(value, done);
}

void JsonWriter::append_escape(char c) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  out_.push_back('\\');
  if (c == '"' || c == '\\') {
    out_.push_back(c);
  } else if (c == '\n') {
    out_.push_back('n');
  } else if (c == '\t') {
    out_.push_back('t');
  } else {
    out_.append("u00");
    out_.push_back(kDigits[static_cast<unsigned char>(c) >> 4]);
    out_.push_back(kDigits[static_cast<unsigned char>(c) & 15]);
  }
}

}  // namespace sluice::sample
