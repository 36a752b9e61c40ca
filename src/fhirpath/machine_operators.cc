// The operators.
#include <fmt/format.h>

#include "fhirpath/equality.h"
#include "fhirpath/machine.h"

namespace sluice::fhirpath {
namespace {

std::optional<Decimal> number_of(const Value& value) {
  if (const auto* integer = value.get<Integer>()) return Decimal(integer->value);
  if (const auto* decimal = value.get<Decimal>()) return *decimal;
  return std::nullopt;
}

void push(std::optional<bool> value, Collection& out) {
  if (value) out.emplace_back(*value);
}

template <class T>
void push_value(std::optional<T> value, Collection& out) {
  if (value) out.emplace_back(std::move(*value));
}

/// nullopt where the result does not fit 64 bits, or is not defined.
std::optional<std::int64_t> whole_result(Operator op, std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  switch (op) {
    case Operator::kAdd:
      if (__builtin_add_overflow(a, b, &result)) return std::nullopt;
      return result;
    case Operator::kSubtract:
      if (__builtin_sub_overflow(a, b, &result)) return std::nullopt;
      return result;
    case Operator::kMultiply:
      if (__builtin_mul_overflow(a, b, &result)) return std::nullopt;
      return result;
    default:
      if (b == 0 || (a == std::numeric_limits<std::int64_t>::min() && b == -1)) return std::nullopt;
      return op == Operator::kDiv ? a / b : a % b;
  }
}

std::optional<Decimal> decimal_result(Operator op, const Decimal& a, const Decimal& b) {
  switch (op) {
    case Operator::kAdd:
      return add(a, b);
    case Operator::kSubtract:
      return subtract(a, b);
    case Operator::kMultiply:
      return multiply(a, b);
    case Operator::kDivide:
      return divide(a, b);
    case Operator::kMod:
      return remainder(a, b);
    default: {
      const auto rest = remainder(a, b);
      if (!rest) return std::nullopt;
      const auto whole = divide(*subtract(a, *rest), b);
      return whole ? std::optional(whole->truncated()) : std::nullopt;
    }
  }
}

}  // namespace

bool Machine::unary(const Syntax& tree, const Frame& frame, Collection& out) {
  Lease operand(*this);
  const Value* one = nullptr;
  if (!eval_apart(*tree.arguments[0], frame, *operand) || !single(tree, *operand, one))
    return false;
  if (one == nullptr) return true;
  const bool negative = tree.op == Operator::kSubtract;
  const Value value = system_value(*one);
  if (const auto* integer = value.get<Integer>()) {
    const auto result = whole_result(Operator::kMultiply, integer->value, negative ? -1 : 1);
    push_integer(result, integer->is_long, out);
  } else if (const auto* decimal = value.get<Decimal>()) {
    out.emplace_back(negative ? decimal->negated() : *decimal);
  } else if (const auto* quantity = value.get<Quantity>()) {
    out.emplace_back(Quantity{negative ? quantity->value.negated() : quantity->value,
                              quantity->unit, quantity->is_calendar});
  } else {
    return fail(tree, fmt::format("a sign needs a number, not {}", type_name(*one)));
  }
  return true;
}

bool Machine::binary(const Syntax& tree, const Frame& frame, Collection& out) {
  if (tree.op >= Operator::kAnd) return logic(tree, frame, out);
  Lease left(*this);
  Lease right(*this);
  if (!eval_apart(*tree.arguments[0], frame, *left) ||
      !eval_apart(*tree.arguments[1], frame, *right))
    return false;
  switch (tree.op) {
    case Operator::kUnion: {
      Lease both(*this);
      if (!append_distinct(tree, *left, *both) || !append_distinct(tree, *right, *both))
        return false;
      out.insert(out.end(), both->begin(), both->end());
      return check_size(tree, out);
    }
    case Operator::kEqual:
    case Operator::kNotEqual: {
      if (!steps(tree, left->size())) return false;
      const auto same = compare([&](Work& work) { return equal(*left, *right, work); });
      if (!step(tree)) return false;
      push(same ? std::optional(*same == (tree.op == Operator::kEqual)) : std::nullopt, out);
      return true;
    }
    case Operator::kEquivalent:
    case Operator::kNotEquivalent:
      out.emplace_back(compare([&](Work& work) { return equivalent(*left, *right, work); }) ==
                       (tree.op == Operator::kEquivalent));
      return step(tree);
    case Operator::kIn:
      return membership(tree, *left, *right, out);
    case Operator::kContains:
      return membership(tree, *right, *left, out);
    case Operator::kConcatenate:
      return concatenate(tree, *left, *right, out);
    case Operator::kLess:
    case Operator::kLessOrEqual:
    case Operator::kGreater:
    case Operator::kGreaterOrEqual:
      return comparison(tree, *left, *right, out);
    default:
      return arithmetic(tree, *left, *right, out);
  }
}

bool Machine::logic(const Syntax& tree, const Frame& frame, Collection& out) {
  std::optional<bool> left;
  if (!holds(*tree.arguments[0], frame, left)) return false;
  // What the left side decides alone.
  if (tree.op == Operator::kAnd && left == false) return out.emplace_back(false), true;
  if (tree.op == Operator::kOr && left == true) return out.emplace_back(true), true;
  if (tree.op == Operator::kImplies && left == false) return out.emplace_back(true), true;
  std::optional<bool> right;
  if (!holds(*tree.arguments[1], frame, right)) return false;
  std::optional<bool> result;
  switch (tree.op) {
    case Operator::kAnd:
      if (right == false)
        result = false;
      else if (left && right)
        result = true;
      break;
    case Operator::kOr:
      if (right == true)
        result = true;
      else if (left && right)
        result = false;
      break;
    case Operator::kXor:
      if (left && right) result = *left != *right;
      break;
    default:
      if (right == true)
        result = true;
      else if (left)
        result = right;
      break;
  }
  push(result, out);
  return true;
}

bool Machine::comparison(const Syntax& tree, const Collection& left, const Collection& right,
                         Collection& out) {
  const Value* a = nullptr;
  const Value* b = nullptr;
  if (!single(tree, left, a) || !single(tree, right, b)) return false;
  if (a == nullptr || b == nullptr) return true;
  const Order order = compare([&](Work& work) { return order_of(*a, *b, work); });
  if (!step(tree)) return false;
  if (order == Order::kNone)
    return fail(tree, fmt::format("'{}' cannot compare {} and {}", tree.name, type_name(*a),
                                  type_name(*b)));
  if (order == Order::kUnknown) return true;
  switch (tree.op) {
    case Operator::kLess:
      out.emplace_back(order == Order::kLess);
      break;
    case Operator::kLessOrEqual:
      out.emplace_back(order != Order::kGreater);
      break;
    case Operator::kGreater:
      out.emplace_back(order == Order::kGreater);
      break;
    default:
      out.emplace_back(order != Order::kLess);
      break;
  }
  return true;
}

bool Machine::membership(const Syntax& tree, const Collection& item, const Collection& values,
                         Collection& out) {
  const Value* one = nullptr;
  if (!single(tree, item, one)) return false;
  if (one == nullptr) return true;
  bool found = false;
  if (!is_in(tree, *one, values, found)) return false;
  out.emplace_back(found);
  return true;
}

bool Machine::concatenate(const Syntax& tree, const Collection& left, const Collection& right,
                          Collection& out) {
  std::string text;
  for (const Collection* side : {&left, &right}) {
    const Value* one = nullptr;
    if (!single(tree, *side, one)) return false;
    if (one == nullptr) continue;
    const Value value = system_value(*one);
    const auto* part = value.get<std::string>();
    if (part == nullptr)
      return fail(tree, fmt::format("'&' takes text, not {}; toString() makes text of it",
                                    type_name(*one)));
    text += *part;
  }
  return push_text(tree, std::move(text), out);
}

bool Machine::arithmetic(const Syntax& tree, const Collection& left, const Collection& right,
                         Collection& out) {
  const Value* first = nullptr;
  const Value* second = nullptr;
  if (!single(tree, left, first) || !single(tree, right, second)) return false;
  if (first == nullptr || second == nullptr) return true;
  const Value a = system_value(*first);
  const Value b = system_value(*second);
  if (number_of(a) && number_of(b)) return arithmetic_on_numbers(tree, a, b, out);
  const auto* text = a.get<std::string>();
  const auto* more = b.get<std::string>();
  if (text != nullptr && more != nullptr && tree.op == Operator::kAdd)
    return push_text(tree, *text + *more, out);
  const auto* date = a.get<Temporal>();
  const auto* amount = b.get<Quantity>();
  if (date != nullptr && amount != nullptr &&
      (tree.op == Operator::kAdd || tree.op == Operator::kSubtract))
    return move_date(tree, *date, *amount, out);
  const auto quantity_of = [](const Value& value) -> std::optional<Quantity> {
    if (const auto* quantity = value.get<Quantity>()) return *quantity;
    if (const auto number = number_of(value)) return Quantity{*number};
    return std::nullopt;
  };
  const auto x = quantity_of(a);
  const auto y = quantity_of(b);
  if (x && y && tree.op != Operator::kDiv && tree.op != Operator::kMod)
    return arithmetic_on_quantities(tree, *x, *y, out);
  return fail(tree, fmt::format("'{}' does not take {} and {}", tree.name, type_name(*first),
                                type_name(*second)));
}

bool Machine::arithmetic_on_numbers(const Syntax& tree, const Value& left, const Value& right,
                                    Collection& out) {
  const auto* a = left.get<Integer>();
  const auto* b = right.get<Integer>();
  if (a != nullptr && b != nullptr && tree.op != Operator::kDivide) {
    push_integer(whole_result(tree.op, a->value, b->value), a->is_long || b->is_long, out);
    return true;
  }
  push_value(decimal_result(tree.op, *number_of(left), *number_of(right)), out);
  return true;
}

bool Machine::arithmetic_on_quantities(const Syntax& tree, const Quantity& left,
                                       const Quantity& right, Collection& out) {
  switch (tree.op) {
    case Operator::kAdd:
      push_value(add(left, right), out);
      break;
    case Operator::kSubtract:
      push_value(add(left, Quantity{right.value.negated(), right.unit, right.is_calendar}), out);
      break;
    case Operator::kMultiply:
      push_value(multiply(left, right), out);
      break;
    default:
      push_value(divide(left, right), out);
      break;
  }
  return true;
}

bool Machine::move_date(const Syntax& tree, const Temporal& date, const Quantity& by,
                        Collection& out) {
  const auto unit = time_unit(by);
  if (!unit)
    return fail(tree, fmt::format("'{}' is no unit of the calendar: a date is moved by years, "
                                  "months, weeks, days and parts of a day",
                                  by.unit));
  if (date.kind() == Temporal::Kind::kTime && *unit <= TimeUnit::kDay)
    return fail(tree, "a time is moved by hours and their parts");
  const auto moved =
      date.moved(tree.op == Operator::kSubtract ? by.value.negated() : by.value, *unit);
  if (!moved) return fail(tree, "the year is out of range");
  out.emplace_back(*moved);
  return true;
}

}  // namespace sluice::fhirpath
