// The functions on numbers, and on dates and times.
#include <fmt/format.h>

#include "fhirpath/machine.h"

namespace sluice::fhirpath {
namespace {

std::optional<Decimal> number_of(const Value& value) {
  if (const auto* integer = value.get<Integer>()) return Decimal(integer->value);
  if (const auto* decimal = value.get<Decimal>()) return *decimal;
  return std::nullopt;
}

template <class T>
void push_value(std::optional<T> value, Collection& out) {
  if (value) out.emplace_back(std::move(*value));
}

constexpr int kScaleMax = 28;

}  // namespace

bool Machine::math(const Syntax& tree, const Frame& frame, const Collection& input,
                   Collection& out) {
  const Value* one = nullptr;
  if (!single(tree, input, one)) return false;
  if (one == nullptr) return true;
  const Value value = system_value(*one);
  const bool rounds = tree.function == Function::kAbs || tree.function == Function::kCeiling ||
                      tree.function == Function::kFloor || tree.function == Function::kRound ||
                      tree.function == Function::kTruncate;
  const auto number = number_of(value);
  if (!number && !(rounds && value.get<Quantity>() != nullptr))
    return fail(tree, fmt::format("{}() takes a number, not {}", tree.name, type_name(*one)));
  if (rounds) return rounding(tree, frame, value, out);
  if (tree.function == Function::kExp) return push_value(exp(*number), out), true;
  if (tree.function == Function::kLn) return push_value(ln(*number), out), true;
  if (tree.function == Function::kSqrt) return push_value(sqrt(*number), out), true;
  Lease values(*this);
  const Value* argument = nullptr;
  if (!eval_apart(*tree.arguments[0], frame, *values) || !single(tree, *values, argument))
    return false;
  if (argument == nullptr) return true;
  const Value converted = system_value(*argument);
  const auto second = number_of(converted);
  if (!second)
    return fail(*tree.arguments[0],
                fmt::format("{}() takes a number here, not {}", tree.name, type_name(*argument)));
  if (tree.function == Function::kLog) return push_value(log(*number, *second), out), true;
  const auto result = power(*number, *second);
  if (result && result->is_whole() && value.get<Integer>() != nullptr &&
      converted.get<Integer>() != nullptr)
    push_integer(result->to_integer(), value.get<Integer>()->is_long, out);
  else
    push_value(result, out);
  return true;
}

bool Machine::rounding(const Syntax& tree, const Frame& frame, const Value& value,
                       Collection& out) {
  std::optional<std::int64_t> scale = 0;
  if (!tree.arguments.empty()) {
    if (!integer_argument(tree, 0, frame, scale)) return false;
    if (!scale) return true;
    if (*scale < 0) return fail(*tree.arguments[0], "the number of digits must not be negative");
  }
  const auto* integer = value.get<Integer>();
  if (integer != nullptr && tree.function != Function::kRound) {
    const bool negates = tree.function == Function::kAbs && integer->value < 0;
    if (negates && integer->value == std::numeric_limits<std::int64_t>::min()) return true;
    push_integer(negates ? -integer->value : integer->value, integer->is_long, out);
    return true;
  }
  const auto* quantity = value.get<Quantity>();
  Decimal number = quantity != nullptr ? quantity->value : *number_of(value);
  switch (tree.function) {
    case Function::kAbs:
      if (number.sign() < 0) number = number.negated();
      break;
    case Function::kCeiling:
      number = number.ceiling();
      break;
    case Function::kFloor:
      number = number.floor();
      break;
    case Function::kTruncate:
      number = number.truncated();
      break;
    default:
      number = number.rounded(static_cast<int>(std::min<std::int64_t>(*scale, kScaleMax)));
      break;
  }
  if (quantity != nullptr)
    out.emplace_back(Quantity{number, quantity->unit, quantity->is_calendar});
  else if (tree.function == Function::kAbs || tree.function == Function::kRound)
    out.emplace_back(number);
  else
    push_integer(number.to_integer(), false, out);
  return true;
}

bool Machine::boundary(const Syntax& tree, const Frame& frame, const Collection& input,
                       Collection& out) {
  const Value* one = nullptr;
  if (!single(tree, input, one)) return false;
  std::optional<std::int64_t> digits;
  if (!tree.arguments.empty()) {
    if (!integer_argument(tree, 0, frame, digits)) return false;
    if (!digits || *digits < 0 || *digits > kScaleMax) return true;
  }
  if (one == nullptr) return true;
  const Value value = system_value(*one);
  const bool high = tree.function == Function::kHighBoundary;
  const auto* temporal = value.get<Temporal>();
  const auto* quantity = value.get<Quantity>();
  const auto number = quantity != nullptr ? std::optional(quantity->value) : number_of(value);
  if (temporal == nullptr && !number)
    return fail(tree, fmt::format("{}() takes a number, a date or a time, not {}", tree.name,
                                  type_name(*one)));
  if (tree.function == Function::kPrecision) {
    push_integer(number ? number->scale() : temporal->digits(), false, out);
    return true;
  }
  if (temporal != nullptr) {
    const auto wanted = digits ? std::optional(static_cast<int>(*digits)) : std::nullopt;
    push_value(high ? temporal->high_boundary(wanted) : temporal->low_boundary(wanted), out);
    return true;
  }
  const int scale = static_cast<int>(digits.value_or(std::max(8, number->scale() + 1)));
  const Decimal half(5, number->scale() + 1);
  const auto moved = high ? add(*number, half) : subtract(*number, half);
  const auto result = !moved ? std::nullopt
                      : high ? moved->rounded_up(scale)
                             : moved->rounded_down(scale);
  if (result && quantity != nullptr)
    out.emplace_back(Quantity{*result, quantity->unit, quantity->is_calendar});
  else
    push_value(result, out);
  return true;
}

bool Machine::date_part(const Syntax& tree, const Collection& input, Collection& out) {
  const Value* one = nullptr;
  if (!single(tree, input, one)) return false;
  if (one == nullptr) return true;
  const Value value = system_value(*one);
  const auto* temporal = value.get<Temporal>();
  if (temporal == nullptr)
    return fail(tree,
                fmt::format("{}() takes a date or a time, not {}", tree.name, type_name(*one)));
  const bool is_time = temporal->kind() == Temporal::Kind::kTime;
  const auto push = [&](Precision needed, int part) {
    if (temporal->precision() >= needed && (needed > Precision::kDay || !is_time))
      push_integer(part, false, out);
  };
  switch (tree.function) {
    case Function::kYearOf:
      push(Precision::kYear, temporal->year());
      break;
    case Function::kMonthOf:
      push(Precision::kMonth, temporal->month());
      break;
    case Function::kDayOf:
      push(Precision::kDay, temporal->day());
      break;
    case Function::kHourOf:
      push(Precision::kHour, temporal->hour());
      break;
    case Function::kMinuteOf:
      push(Precision::kMinute, temporal->minute());
      break;
    case Function::kSecondOf:
      push(Precision::kSecond, temporal->second());
      break;
    case Function::kMillisecondOf:
      push(Precision::kFraction, temporal->millisecond());
      break;
    case Function::kTimezoneOffsetOf:
      if (temporal->has_zone())
        push_value(divide(Decimal(temporal->zone_minutes()), Decimal(60)), out);
      break;
    case Function::kDateOf:
      if (!is_time) out.emplace_back(temporal->as_date());
      break;
    default:
      push_value(temporal->time_of_day(), out);
      break;
  }
  return true;
}

bool Machine::clock(const Syntax& tree, Collection& out) {
  if (!now_) now_ = options_.clock != nullptr ? options_.clock->now() : SystemClock().now();
  const Temporal now = Temporal::at(*now_);
  if (tree.function == Function::kNow)
    out.emplace_back(now);
  else if (tree.function == Function::kToday)
    out.emplace_back(now.as_date());
  else
    push_value(now.time_of_day(), out);
  return true;
}

}  // namespace sluice::fhirpath
