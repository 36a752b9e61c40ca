// The functions on collections, and which function a call means.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "fhirpath/document.h"
#include "fhirpath/equality.h"
#include "fhirpath/machine.h"

namespace sluice::fhirpath {

bool Machine::call(const Syntax& tree, const Frame& frame, Collection& out) {
  Lease input(*this);
  if (tree.input != nullptr) {
    if (!eval(*tree.input, frame, *input)) return false;
  } else if (frame.self != nullptr) {
    input->push_back(*frame.self);
  }
  const Function function = tree.function;
  bool ok = false;
  if (function <= Function::kIsDistinct)
    ok = existence(tree, frame, *input, out);
  else if (function <= Function::kSort || function == Function::kIif)
    ok = filtering(tree, frame, *input, out);
  else if (function <= Function::kCombine)
    ok = subsetting(tree, frame, *input, out);
  else if (function <= Function::kConvertsToTime)
    ok = conversion(tree, frame, *input, out);
  else if (function == Function::kJoin)
    ok = join(tree, frame, *input, out);
  else if (function <= Function::kSplit)
    ok = string_function(tree, frame, *input, out);
  else if (function <= Function::kTruncate)
    ok = math(tree, frame, *input, out);
  else if (function == Function::kNow || function == Function::kToday ||
           function == Function::kTimeOfDay)
    ok = clock(tree, out);
  else if (function >= Function::kLowBoundary && function <= Function::kPrecision)
    ok = boundary(tree, frame, *input, out);
  else if (function >= Function::kYearOf && function <= Function::kTimeOf)
    ok = date_part(tree, *input, out);
  else if (function >= Function::kExtension)
    ok = fhir_function(tree, frame, *input, out);
  else
    ok = utility(tree, frame, *input, out);
  return ok && check_size(tree, out);
}

bool Machine::all_of(const Syntax& tree, const Collection& input, bool wanted, bool any,
                     Collection& out) {
  bool result = !any;
  for (const auto& item : input) {
    const Value value = system_value(item);
    const bool* boolean = value.get<bool>();
    if (boolean == nullptr)
      return fail(tree, fmt::format("{}() takes Booleans, not {}", tree.name, type_name(item)));
    if ((*boolean == wanted) == any) result = any;
  }
  out.emplace_back(result);
  return true;
}

/// Looks for the first item for which the criterion says `wanted`, or, for false, does not hold.
bool Machine::any_holds(const Syntax& tree, const Frame& frame, const Collection& input,
                        bool wanted, Collection& out) {
  for (std::size_t i = 0; i < input.size(); ++i) {
    std::optional<bool> result;
    const Frame item{&input[i], static_cast<std::int64_t>(i), frame.total};
    if (!holds(*tree.arguments[0], item, result)) return false;
    if (result.value_or(false) != wanted) continue;
    out.emplace_back(wanted);
    return true;
  }
  out.emplace_back(!wanted);
  return true;
}

bool Machine::existence(const Syntax& tree, const Frame& frame, Collection& input,
                        Collection& out) {
  switch (tree.function) {
    case Function::kEmpty:
      out.emplace_back(input.empty());
      return true;
    case Function::kExists:
      if (tree.arguments.empty()) {
        out.emplace_back(!input.empty());
        return true;
      }
      return any_holds(tree, frame, input, true, out);
    case Function::kAll:
      return any_holds(tree, frame, input, false, out);
    case Function::kAllTrue:
      return all_of(tree, input, true, false, out);
    case Function::kAnyTrue:
      return all_of(tree, input, true, true, out);
    case Function::kAllFalse:
      return all_of(tree, input, false, false, out);
    case Function::kAnyFalse:
      return all_of(tree, input, false, true, out);
    case Function::kCount:
      out.emplace_back(Integer{static_cast<std::int64_t>(input.size())});
      return true;
    case Function::kDistinct:
      return append_distinct(tree, input, out);
    case Function::kIsDistinct: {
      Lease distinct(*this);
      if (!append_distinct(tree, input, *distinct)) return false;
      out.emplace_back(distinct->size() == input.size());
      return true;
    }
    default:
      break;
  }
  Lease other(*this);
  if (!eval_apart(*tree.arguments[0], frame, *other)) return false;
  const bool subset = tree.function == Function::kSubsetOf;
  const Collection& part = subset ? input : *other;
  const Collection& whole = subset ? *other : input;
  for (const auto& item : part) {
    bool found = false;
    if (!is_in(tree, item, whole, found)) return false;
    if (found) continue;
    out.emplace_back(false);
    return true;
  }
  out.emplace_back(true);
  return true;
}

bool Machine::filtering(const Syntax& tree, const Frame& frame, Collection& input,
                        Collection& out) {
  switch (tree.function) {
    case Function::kWhere:
      return where(tree, frame, input, out);
    case Function::kSelect:
      return select(tree, frame, input, out);
    case Function::kRepeat:
    case Function::kRepeatAll:
      return repeat(tree, frame, input, out);
    case Function::kOfType:
      for (auto& item : input)
        if (tree.type.includes(type_of(item))) out.push_back(std::move(item));
      return true;
    case Function::kCoalesce:
      for (const auto& argument : tree.arguments) {
        const std::size_t before = out.size();
        if (!eval_apart(*argument, frame, out)) return false;
        if (out.size() > before) break;
      }
      return true;
    case Function::kSort:
      return sort(tree, frame, input, out);
    default:
      return iif(tree, frame, input, out);
  }
}

bool Machine::where(const Syntax& tree, const Frame& frame, const Collection& input,
                    Collection& out) {
  for (std::size_t i = 0; i < input.size(); ++i) {
    std::optional<bool> result;
    const Frame item{&input[i], static_cast<std::int64_t>(i), frame.total};
    if (!holds(*tree.arguments[0], item, result)) return false;
    if (result == true) out.push_back(input[i]);
  }
  return true;
}

bool Machine::select(const Syntax& tree, const Frame& frame, const Collection& input,
                     Collection& out) {
  for (std::size_t i = 0; i < input.size(); ++i) {
    const Frame item{&input[i], static_cast<std::int64_t>(i), frame.total};
    if (!eval_apart(*tree.arguments[0], item, out) || !check_size(tree, out)) return false;
  }
  return true;
}

bool Machine::repeat(const Syntax& tree, const Frame& frame, const Collection& input,
                     Collection& out) {
  Collection found;
  Collection queue = input;
  while (!queue.empty()) {
    Lease next(*this);
    for (const auto& value : queue) {
      if (!eval_apart(*tree.arguments[0], Frame{&value, frame.index, frame.total}, *next))
        return false;
    }
    const std::size_t before = found.size();
    if (tree.function == Function::kRepeat) {
      if (!append_distinct(tree, *next, found)) return false;
    } else {
      found.insert(found.end(), next->begin(), next->end());
    }
    if (!check_size(tree, found)) return false;
    queue.assign(found.begin() + static_cast<std::ptrdiff_t>(before), found.end());
  }
  std::move(found.begin(), found.end(), std::back_inserter(out));
  return true;
}

bool Machine::sort(const Syntax& tree, const Frame& frame, Collection& input, Collection& out) {
  const std::size_t keys = std::max<std::size_t>(tree.arguments.size(), 1);
  Collection values(input.size() * keys);
  std::vector<bool> present(values.size());
  for (std::size_t i = 0; i < input.size(); ++i) {
    for (std::size_t key = 0; key < keys; ++key) {
      Lease result(*this);
      const Value* one = &input[i];
      if (!tree.arguments.empty()) {
        const Frame item{&input[i], frame.index, frame.total};
        if (!eval_apart(*tree.arguments[key], item, *result) || !single(tree, *result, one))
          return false;
      }
      present[i * keys + key] = one != nullptr;
      if (one != nullptr) values[i * keys + key] = system_value(*one);
    }
  }
  if (!steps(tree, input.size() * keys * 16)) return false;
  bool comparable = true;
  std::vector<std::size_t> order(input.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  // A comparison that is not known counts as equal: items keep their order then.
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    for (std::size_t key = 0; key < keys; ++key) {
      const std::size_t left = a * keys + key;
      const std::size_t right = b * keys + key;
      const bool descending = key < tree.descending.size() && tree.descending[key];
      if (!present[left] || !present[right]) {
        if (present[left] != present[right]) return present[right] != descending;
        continue;
      }
      const Order found =
          compare([&](Work& work) { return order_of(values[left], values[right], work); });
      comparable = comparable && found != Order::kNone;
      if (found == Order::kLess) return !descending;
      if (found == Order::kGreater) return descending;
    }
    return false;
  });
  if (!step(tree)) return false;
  if (!comparable) return fail(tree, "sort() takes items that can be compared");
  for (const std::size_t index : order) out.push_back(std::move(input[index]));
  return true;
}

bool Machine::aggregate(const Syntax& tree, const Frame& frame, const Collection& input,
                        Collection& out) {
  Collection total;
  if (tree.arguments.size() == 2 && !eval_apart(*tree.arguments[1], frame, total)) return false;
  for (std::size_t i = 0; i < input.size(); ++i) {
    Collection next;
    const Frame item{&input[i], static_cast<std::int64_t>(i), &total};
    if (!eval_apart(*tree.arguments[0], item, next) || !check_size(tree, next)) return false;
    total = std::move(next);
  }
  std::move(total.begin(), total.end(), std::back_inserter(out));
  return true;
}

bool Machine::iif(const Syntax& tree, const Frame& frame, const Collection& input,
                  Collection& out) {
  const Value* one = nullptr;
  if (!single(tree, input, one)) return false;
  const Frame item{one, frame.index, frame.total};
  std::optional<bool> result;
  if (!holds(*tree.arguments[0], item, result)) return false;
  if (result == true) return eval_apart(*tree.arguments[1], item, out);
  return tree.arguments.size() < 3 || eval_apart(*tree.arguments[2], item, out);
}

bool Machine::subsetting(const Syntax& tree, const Frame& frame, Collection& input,
                         Collection& out) {
  std::size_t begin = 0;
  std::size_t end = input.size();
  switch (tree.function) {
    case Function::kSingle: {
      const Value* one = nullptr;
      if (!single(tree, input, one)) return false;
      break;
    }
    case Function::kFirst:
      end = std::min<std::size_t>(end, 1);
      break;
    case Function::kLast:
      begin = end - std::min<std::size_t>(end, 1);
      break;
    case Function::kTail:
      begin = std::min<std::size_t>(end, 1);
      break;
    case Function::kSkip:
    case Function::kTake: {
      std::optional<std::int64_t> number;
      if (!integer_argument(tree, 0, frame, number)) return false;
      if (!number) return true;
      const auto count = static_cast<std::size_t>(
          std::clamp<std::int64_t>(*number, 0, static_cast<std::int64_t>(end)));
      if (tree.function == Function::kSkip)
        begin = count;
      else
        end = count;
      break;
    }
    default:
      return set_function(tree, frame, input, out);
  }
  for (; begin < end; ++begin) out.push_back(std::move(input[begin]));
  return true;
}

bool Machine::set_function(const Syntax& tree, const Frame& frame, Collection& input,
                           Collection& out) {
  Lease other(*this);
  if (!eval_apart(*tree.arguments[0], frame, *other)) return false;
  Lease result(*this);
  if (tree.function == Function::kCombine) {
    std::move(input.begin(), input.end(), std::back_inserter(out));
    std::move(other->begin(), other->end(), std::back_inserter(out));
    return true;
  }
  if (tree.function == Function::kUnion) {
    if (!append_distinct(tree, input, *result) || !append_distinct(tree, *other, *result))
      return false;
  } else {
    const bool intersects = tree.function == Function::kIntersect;
    for (const auto& item : input) {
      bool found = false;
      bool repeated = false;
      if (!is_in(tree, item, *other, found)) return false;
      if (intersects && found && !is_in(tree, item, *result, repeated)) return false;
      if (found == intersects && !repeated) result->push_back(item);
    }
  }
  std::move(result->begin(), result->end(), std::back_inserter(out));
  return true;
}

}  // namespace sluice::fhirpath
