#include "search/quantity_predicate.h"

#include <algorithm>
#include <cstdlib>

#include "search/value_text.h"

namespace sluice::search {
namespace {

constexpr std::string_view kCurrencySystem = "urn:iso:std:iso:4217";

/// A Quantity's value; "<5" is everything below 5.
std::optional<NumberRange> quantity_at(const fhir::JsonTokens& tokens, std::size_t quantity,
                                       std::string& buffer) {
  auto number = number_at(tokens, member(tokens, quantity, "value"));
  if (!number) return std::nullopt;
  NumberRange range{number, number};
  const std::size_t comparator = string_member(tokens, quantity, "comparator");
  if (comparator == kNoToken) return range;
  // Many encoders write '<' and '>' as escapes, in case the text comes into a web page.
  const std::string_view sign = string_of(tokens, comparator, buffer);
  if (sign.starts_with('<')) range.low.reset();
  if (sign.starts_with('>')) range.high.reset();
  range.includes_high = sign != "<";
  range.includes_low = sign != ">";
  return range;
}

}  // namespace

Result<NumberTest> NumberTest::parse(std::string_view value) {
  NumberTest test;
  test.prefix_ = take_prefix(value);
  const auto number = Decimal::parse(value);
  if (!number) return invalid("is not a number");
  test.number_ = *number;
  test.from_ = *number - number->half_step();
  test.to_ = *number + number->half_step();
  if (test.prefix_ == Prefix::kApproximately) {
    const Decimal tenth = number->magnitude().tenth();
    test.from_ = std::min(test.from_, *number - tenth);
    test.to_ = std::max(test.to_, *number + tenth);
  }
  return test;
}

bool NumberTest::matches(const NumberRange& range) const {
  const auto& low = range.low;
  const auto& high = range.high;
  // A bound that belongs to what it bounds reaches the number that it equals.
  const auto reaches_above = [&](const Decimal& number, bool or_equal) {
    return !high || *high > number || (or_equal && range.includes_high && *high == number);
  };
  const auto reaches_below = [&](const Decimal& number, bool or_equal) {
    return !low || *low < number || (or_equal && range.includes_low && *low == number);
  };
  switch (prefix_) {
    case Prefix::kEqual:
    case Prefix::kNotEqual: {
      const bool contained =
          low && high && *low >= from_ && (*high < to_ || (*high == to_ && !range.includes_high));
      return contained == (prefix_ == Prefix::kEqual);
    }
    case Prefix::kGreater:
      return reaches_above(number_, false);
    case Prefix::kLess:
      return reaches_below(number_, false);
    case Prefix::kGreaterOrEqual:
      return reaches_above(number_, true);
    case Prefix::kLessOrEqual:
      return reaches_below(number_, true);
    case Prefix::kStartsAfter:
      return !reaches_below(number_, true);
    case Prefix::kEndsBefore:
      return !reaches_above(number_, true);
    case Prefix::kApproximately:
      return reaches_above(from_, true) && reaches_below(to_, true);
  }
  std::abort();
}

bool NumberTest::matches(const fhir::JsonTokens& tokens, std::size_t value) const {
  const auto number = number_at(tokens, value);
  return number && matches(NumberRange{number, number});
}

Result<QuantityTest> QuantityTest::parse(std::string_view value) {
  const auto parts = split_escaped(value, '|', 3);
  if (parts.size() != 1 && parts.size() != 3)
    return invalid("is neither number nor number|system|code");
  QuantityTest test;
  SLUICE_ASSIGN_OR_RETURN(test.number_, NumberTest::parse(parts[0]));
  if (parts.size() == 3) {
    test.system_ = unescape_value(parts[1]);
    test.code_ = unescape_value(parts[2]);
    if (test.system_.empty() && test.code_.empty()) return invalid("has no unit behind its '|'");
  }
  return test;
}

bool QuantityTest::unit_matches(const fhir::JsonTokens& tokens, std::size_t quantity) const {
  const auto is = [&](std::string_view name, std::string_view wanted) {
    const std::size_t found = string_member(tokens, quantity, name);
    return found != kNoToken && is_string(tokens, found, wanted);
  };
  if (!system_.empty() && !is("system", system_)) return false;
  return code_.empty() || is("code", code_) || (system_.empty() && is("unit", code_));
}

bool QuantityTest::matches(const fhir::JsonTokens& tokens, std::size_t value, DataType type,
                           Scratch& scratch) const {
  switch (type) {
    case DataType::kMoney: {
      const std::size_t currency = string_member(tokens, value, "currency");
      if (!system_.empty() && system_ != kCurrencySystem) return false;
      if (!code_.empty() && (currency == kNoToken || !is_string(tokens, currency, code_)))
        return false;
      return number_.matches(tokens, member(tokens, value, "value"));
    }
    case DataType::kRange: {
      const std::size_t low = member(tokens, value, "low");
      const std::size_t high = member(tokens, value, "high");
      const NumberRange range{number_at(tokens, member(tokens, low, "value")),
                              number_at(tokens, member(tokens, high, "value"))};
      if (!range.low && !range.high) return false;
      return unit_matches(tokens, range.low ? low : high) && number_.matches(range);
    }
    case DataType::kSampledData: {
      const auto& range = scratch.sampled.of(tokens, value);
      return range && unit_matches(tokens, member(tokens, value, "origin")) &&
             number_.matches(*range);
    }
    default: {
      const auto range = quantity_at(tokens, value, scratch.text);
      return range && unit_matches(tokens, value) && number_.matches(*range);
    }
  }
}

}  // namespace sluice::search
