// The functions that make one type of another, and ask whether that can be done.
#include "base/text.h"
#include "fhirpath/machine.h"

namespace sluice::fhirpath {
namespace {

constexpr std::string_view kTrue[] = {"true", "t", "yes", "y", "1", "1.0"};
constexpr std::string_view kFalse[] = {"false", "f", "no", "n", "0", "0.0"};

std::optional<Value> boolean_of(const Value& value) {
  if (value.get<bool>() != nullptr) return value;
  std::optional<Decimal> number;
  if (const auto* integer = value.get<Integer>()) number = Decimal(integer->value);
  if (const auto* decimal = value.get<Decimal>()) number = *decimal;
  if (number) {
    if (*number == Decimal(1)) return true;
    if (*number == Decimal(0)) return false;
  }
  if (const auto* text = value.get<std::string>()) {
    const std::string lower = to_lower(*text);
    for (const std::string_view word : kTrue)
      if (lower == word) return true;
    for (const std::string_view word : kFalse)
      if (lower == word) return false;
  }
  return std::nullopt;
}

bool is_number_text(std::string_view text, bool fraction) {
  return !text.empty() && text.find_first_not_of(fraction ? "+-.0123456789" : "+-0123456789") ==
                              std::string_view::npos;
}

std::optional<Value> integer_of(const Value& value, bool is_long) {
  std::optional<std::int64_t> number;
  if (const bool* boolean = value.get<bool>()) number = *boolean ? 1 : 0;
  if (const auto* integer = value.get<Integer>()) number = integer->value;
  if (const auto* text = value.get<std::string>(); text != nullptr && is_number_text(*text, false))
    if (const auto decimal = Decimal::parse(*text)) number = decimal->to_integer();
  if (!number) return std::nullopt;
  if (!is_long && (*number > std::numeric_limits<std::int32_t>::max() ||
                   *number < std::numeric_limits<std::int32_t>::min()))
    return std::nullopt;
  return Integer{*number, is_long};
}

std::optional<Decimal> decimal_of(const Value& value) {
  if (const bool* boolean = value.get<bool>()) return Decimal(*boolean ? 10 : 0, *boolean ? 1 : 0);
  if (const auto* integer = value.get<Integer>()) return Decimal(integer->value);
  if (const auto* decimal = value.get<Decimal>()) return *decimal;
  if (const auto* text = value.get<std::string>(); text != nullptr && is_number_text(*text, true))
    return Decimal::parse(*text);
  return std::nullopt;
}

std::optional<Value> quantity_of(const Value& value) {
  if (value.get<Quantity>() != nullptr) return value;
  if (const auto* text = value.get<std::string>()) {
    const auto quantity = Quantity::parse(*text);
    return quantity ? std::optional<Value>(*quantity) : std::nullopt;
  }
  const auto number = decimal_of(value);
  return number ? std::optional<Value>(Quantity{*number}) : std::nullopt;
}

std::optional<Value> temporal_of(const Value& value, Temporal::Kind kind) {
  std::optional<Temporal> result;
  if (const auto* text = value.get<std::string>()) {
    if (kind == Temporal::Kind::kDate) {
      result = Temporal::parse_date(*text);
      if (const auto moment = Temporal::parse_date_time(*text); !result && moment)
        result = moment->as_date();
    }
    if (kind == Temporal::Kind::kDateTime) result = Temporal::parse_date_time(*text);
    if (kind == Temporal::Kind::kTime)
      result = Temporal::parse_time(text->starts_with('T') ? text->substr(1) : *text);
  } else if (const auto* temporal = value.get<Temporal>()) {
    const bool is_time = temporal->kind() == Temporal::Kind::kTime;
    if (is_time != (kind == Temporal::Kind::kTime)) return std::nullopt;
    result = is_time                         ? *temporal
             : kind == Temporal::Kind::kDate ? temporal->as_date()
                                             : temporal->as_date_time();
  }
  return result ? std::optional<Value>(*result) : std::nullopt;
}

std::optional<Value> converted(Function function, const Value& value) {
  switch (function) {
    case Function::kToBoolean:
    case Function::kConvertsToBoolean:
      return boolean_of(value);
    case Function::kToInteger:
    case Function::kConvertsToInteger:
      return integer_of(value, false);
    case Function::kToLong:
    case Function::kConvertsToLong:
      return integer_of(value, true);
    case Function::kToDate:
    case Function::kConvertsToDate:
      return temporal_of(value, Temporal::Kind::kDate);
    case Function::kToDateTime:
    case Function::kConvertsToDateTime:
      return temporal_of(value, Temporal::Kind::kDateTime);
    case Function::kToTime:
    case Function::kConvertsToTime:
      return temporal_of(value, Temporal::Kind::kTime);
    case Function::kToQuantity:
    case Function::kConvertsToQuantity:
      return quantity_of(value);
    case Function::kToDecimal:
    case Function::kConvertsToDecimal: {
      const auto decimal = decimal_of(value);
      return decimal ? std::optional<Value>(*decimal) : std::nullopt;
    }
    default: {
      auto text = value.get<TypeInfo>() == nullptr ? to_text(value) : std::nullopt;
      return text ? std::optional<Value>(std::move(*text)) : std::nullopt;
    }
  }
}

bool asks(Function function) {
  switch (function) {
    case Function::kConvertsToBoolean:
    case Function::kConvertsToInteger:
    case Function::kConvertsToLong:
    case Function::kConvertsToDate:
    case Function::kConvertsToDateTime:
    case Function::kConvertsToTime:
    case Function::kConvertsToQuantity:
    case Function::kConvertsToDecimal:
    case Function::kConvertsToString:
      return true;
    default:
      return false;
  }
}

}  // namespace

bool Machine::conversion(const Syntax& tree, const Frame& frame, const Collection& input,
                         Collection& out) {
  const Value* one = nullptr;
  if (!single(tree, input, one)) return false;
  std::optional<std::string> unit;
  if (!tree.arguments.empty() && !text_argument(tree, 0, frame, unit)) return false;
  if (one == nullptr) return true;
  auto result = converted(tree.function, system_value(*one));
  if (result && unit) {
    const auto quantity = fhirpath::converted(*result->get<Quantity>(), *unit);
    result = quantity ? std::optional<Value>(*quantity) : std::nullopt;
  }
  if (asks(tree.function))
    out.emplace_back(result.has_value());
  else if (result)
    out.push_back(std::move(*result));
  return true;
}

}  // namespace sluice::fhirpath
