#include "fhirpath/equality.h"

#include <algorithm>
#include <map>

#include "fhirpath/document.h"
#include "fhirpath/text.h"
#include "json/json_check.h"

namespace sluice::fhirpath {
namespace {

std::optional<Decimal> number_of(const Value& value) {
  if (const auto* integer = value.get<Integer>()) return Decimal(integer->value);
  if (const auto* decimal = value.get<Decimal>()) return *decimal;
  return std::nullopt;
}

/// A quantity, or a number as one.
std::optional<Quantity> amount_of(const Value& value) {
  if (const auto* quantity = value.get<Quantity>()) return *quantity;
  if (const auto number = number_of(value)) return Quantity{*number};
  return std::nullopt;
}

/// As to_system(). A text is copied, and read by what compares it.
Value system_value(const Value& value, Work& work) {
  if (const Node* node = value.node(); node != nullptr && node->value != Node::kNone) {
    const auto& tokens = node->document->tokens();
    if (tokens.first(node->value) == '"') work.add_text(tokens.raw_string(node->value).size());
  } else if (const auto* text = value.get<std::string>()) {
    work.add_text(text->size());
  }
  return to_system(value);
}

bool are_times(const Temporal& a, const Temporal& b) {
  return (a.kind() == Temporal::Kind::kTime) == (b.kind() == Temporal::Kind::kTime);
}

// ---- nodes that do not convert: their JSON, with numbers by value ----

using Members = std::map<std::string, std::uint32_t>;

Members members_of(const Document& document, std::uint32_t object) {
  const auto& tokens = document.tokens();
  Members members;
  for (std::size_t key = object + 1; tokens.first(key) == '"';) {
    members.emplace(fhir::unescape(tokens.raw_string(key)), static_cast<std::uint32_t>(key + 2));
    const std::size_t behind = document.behind(key + 2);
    if (tokens.first(behind) != ',') break;
    key = behind + 1;
  }
  return members;
}

std::vector<std::uint32_t> items_of(const Document& document, std::uint32_t array) {
  const auto& tokens = document.tokens();
  std::vector<std::uint32_t> items;
  for (std::size_t item = array + 1; tokens.first(item) != ']';) {
    items.push_back(static_cast<std::uint32_t>(item));
    const std::size_t behind = document.behind(item);
    if (tokens.first(behind) != ',') break;
    item = behind + 1;
  }
  return items;
}

struct Json {
  const Document& document;
  std::uint32_t token;
  char first() const { return document.tokens().first(token); }
};

/// `loosely`: as ~ compares, in any order and without case.
bool same_json(const Json& a, const Json& b, bool loosely, Work& work) {
  ++work.steps;
  if (work.is_spent()) return false;
  if (&a.document == &b.document && a.token == b.token) return true;
  const char kind = a.first();
  const char other = b.first();
  if (kind == '{' || kind == '[' || kind == '"') {
    if (kind != other) return false;
  } else if (other == '{' || other == '[' || other == '"') {
    return false;
  }
  if (kind == '{') {
    const auto left = members_of(a.document, a.token);
    const auto right = members_of(b.document, b.token);
    work.steps += (left.size() + right.size()) / 2;
    return left.size() == right.size() &&
           std::equal(left.begin(), left.end(), right.begin(), [&](const auto& x, const auto& y) {
             return x.first == y.first &&
                    same_json({a.document, x.second}, {b.document, y.second}, loosely, work);
           });
  }
  if (kind == '[') {
    const auto left = items_of(a.document, a.token);
    const auto right = items_of(b.document, b.token);
    work.steps += (left.size() + right.size()) / 16;
    const auto same = [&](std::uint32_t x, std::uint32_t y) {
      return same_json({a.document, x}, {b.document, y}, loosely, work);
    };
    if (left.size() != right.size()) return false;
    return loosely && left.size() <= 64
               ? std::is_permutation(left.begin(), left.end(), right.begin(), same)
               : std::equal(left.begin(), left.end(), right.begin(), same);
  }
  const auto& left = a.document.tokens();
  const auto& right = b.document.tokens();
  if (kind == '"') {
    const std::size_t size = left.raw_string(a.token).size();
    if (loosely || size == right.raw_string(b.token).size()) work.add_text(size);
    if (left.raw_string(a.token) == right.raw_string(b.token)) return true;
    const std::string x = fhir::unescape(left.raw_string(a.token));
    const std::string y = fhir::unescape(right.raw_string(b.token));
    return loosely ? normalized(x) == normalized(y) : x == y;
  }
  const std::string_view x = left.scalar(a.token);
  const std::string_view y = right.scalar(b.token);
  if (x == y) return true;
  const auto number = Decimal::parse(x);
  const auto second = Decimal::parse(y);
  return number && second && *number == *second;
}

bool same_node(const Node& a, const Node& b, bool loosely, Work& work) {
  if (a.value != Node::kNone && b.value != Node::kNone)
    return same_json({*a.document, a.value}, {*b.document, b.value}, loosely, work);
  if (a.value != b.value || a.companion == Node::kNone || b.companion == Node::kNone) return false;
  return same_json({*a.document, a.companion}, {*b.document, b.companion}, loosely, work);
}

/// Both are strings in the JSON, without escapes.
std::optional<bool> quickly_equal(const Value& a, const Value& b, Work& work) {
  const Node* node = a.node();
  if (node == nullptr || node->value == Node::kNone) return std::nullopt;
  if (row_of(node->type).conversion != system::kString) return std::nullopt;
  const auto& tokens = node->document->tokens();
  if (tokens.first(node->value) != '"') return std::nullopt;
  if (const auto* text = b.get<std::string>())
    return work.add_text(text->size()), fhir::means(tokens.raw_string(node->value), *text);
  return std::nullopt;
}

std::optional<bool> equal_system(const Value& a, const Value& b, Work& work) {
  if (const Node* node = a.node()) {
    const Node* other = b.node();
    return other != nullptr && same_node(*node, *other, false, work);
  }
  if (b.node() != nullptr) return false;
  if (const auto left = number_of(a)) {
    if (const auto right = number_of(b)) return *left == *right;
  }
  if (a.get<Quantity>() != nullptr || b.get<Quantity>() != nullptr) {
    const auto left = amount_of(a);
    const auto right = amount_of(b);
    if (!left || !right) return false;
    const auto order = compare(*left, *right);
    return order ? std::optional(*order == 0) : std::nullopt;
  }
  if (a.data.index() != b.data.index()) return false;
  if (const auto* temporal = a.get<Temporal>()) {
    const auto& other = *b.get<Temporal>();
    if (!are_times(*temporal, other)) return false;
    const auto order = compare(*temporal, other);
    return order ? std::optional(*order == 0) : std::nullopt;
  }
  if (const auto* text = a.get<std::string>()) return *text == *b.get<std::string>();
  if (const auto* boolean = a.get<bool>()) return *boolean == *b.get<bool>();
  if (const auto* info = a.get<TypeInfo>()) return info->type == b.get<TypeInfo>()->type;
  return false;
}

Order as_order(std::optional<int> order) {
  if (!order) return Order::kUnknown;
  return *order < 0 ? Order::kLess : *order > 0 ? Order::kGreater : Order::kEqual;
}

}  // namespace

std::optional<bool> equal(const Value& a, const Value& b, Work& work) {
  if (work.is_spent()) return false;
  if (const auto found = quickly_equal(a, b, work)) return found;
  if (const auto found = quickly_equal(b, a, work)) return found;
  if (a.node() != nullptr && b.node() != nullptr && *a.node() == *b.node() &&
      (row_of(a.node()->type).conversion < system::kDate ||
       row_of(a.node()->type).conversion > system::kTime))
    return true;
  const Value left = system_value(a, work);
  const Value right = system_value(b, work);
  return equal_system(left, right, work);
}

bool equivalent(const Value& a, const Value& b, Work& work) {
  if (work.is_spent()) return false;
  const Value left = system_value(a, work);
  const Value right = system_value(b, work);
  if (left.node() != nullptr && right.node() != nullptr)
    return same_node(*left.node(), *right.node(), true, work);
  if (left.node() != nullptr || right.node() != nullptr) return false;
  const auto x = number_of(left);
  const auto y = number_of(right);
  if (x && y) {
    const int scale = std::min(x->significant_scale(), y->significant_scale());
    return x->rounded(scale) == y->rounded(scale);
  }
  if (left.get<Quantity>() != nullptr || right.get<Quantity>() != nullptr) {
    const auto one = amount_of(left);
    const auto two = amount_of(right);
    return one && two && equivalent(*one, *two).value_or(false);
  }
  if (left.data.index() != right.data.index()) return false;
  if (const auto* text = left.get<std::string>())
    return normalized(*text) == normalized(*right.get<std::string>());
  if (const auto* temporal = left.get<Temporal>())
    return equivalent(*temporal, *right.get<Temporal>());
  return equal_system(left, right, work).value_or(false);
}

Order order_of(const Value& a, const Value& b, Work& work) {
  if (work.is_spent()) return Order::kUnknown;
  const Value left = system_value(a, work);
  const Value right = system_value(b, work);
  const auto x = number_of(left);
  const auto y = number_of(right);
  if (x && y) return *x < *y ? Order::kLess : *x > *y ? Order::kGreater : Order::kEqual;
  if (left.get<Quantity>() != nullptr || right.get<Quantity>() != nullptr) {
    const auto one = amount_of(left);
    const auto two = amount_of(right);
    return one && two ? as_order(compare(*one, *two)) : Order::kNone;
  }
  if (left.data.index() != right.data.index()) return Order::kNone;
  if (const auto* text = left.get<std::string>()) {
    // Bytes of UTF-8 have the order of their characters.
    const int order = text->compare(*right.get<std::string>());
    return as_order(order);
  }
  if (const auto* temporal = left.get<Temporal>()) {
    const auto& other = *right.get<Temporal>();
    return are_times(*temporal, other) ? as_order(compare(*temporal, other)) : Order::kNone;
  }
  return Order::kNone;
}

std::optional<bool> equal(const Collection& a, const Collection& b, Work& work) {
  if (a.empty() || b.empty()) return std::nullopt;
  if (a.size() != b.size()) return false;
  bool known = true;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const auto same = equal(a[i], b[i], work);
    if (same == false) return false;
    known = known && same.has_value();
  }
  return known ? std::optional(true) : std::nullopt;
}

bool equivalent(const Collection& a, const Collection& b, Work& work) {
  if (a.size() != b.size()) return false;
  std::vector<bool> taken(b.size());
  for (const auto& item : a) {
    bool found = false;
    for (std::size_t i = 0; i < b.size() && !found; ++i) {
      ++work.steps;
      if (work.is_spent()) return false;
      if (taken[i] || !equivalent(item, b[i], work)) continue;
      taken[i] = found = true;
    }
    if (!found) return false;
  }
  return true;
}

}  // namespace sluice::fhirpath
