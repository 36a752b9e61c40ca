#include "json/json_node.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <utility>

#include "json/json_check.h"

namespace sluice::fhir {
namespace {

/// A number without what does not change its value: zeros at either end, the place of the point.
struct PlainNumber {
  bool is_negative = false;
  std::string digits;  // empty for zero
  long long exponent = 0;
  bool is_exact = true;  // false: the exponent has more digits than we count with
  friend bool operator==(const PlainNumber&, const PlainNumber&) = default;
};

PlainNumber plain(std::string_view text) {
  constexpr std::size_t kExponentDigitsMax = 15;
  PlainNumber number;
  if (text.front() == '-') {
    number.is_negative = true;
    text.remove_prefix(1);
  }
  const std::size_t e = text.find_first_of("eE");
  if (e != std::string_view::npos) {
    std::string_view exponent = text.substr(e + 1);
    const bool is_negative = exponent.front() == '-';
    if (is_negative || exponent.front() == '+') exponent.remove_prefix(1);
    while (exponent.size() > 1 && exponent.front() == '0') exponent.remove_prefix(1);
    number.is_exact = exponent.size() <= kExponentDigitsMax;
    if (number.is_exact)
      std::from_chars(exponent.data(), exponent.data() + exponent.size(), number.exponent);
    if (is_negative) number.exponent = -number.exponent;
    text = text.substr(0, e);
  }
  const std::size_t point = text.find('.');
  number.digits = text.substr(0, point);
  if (point != std::string_view::npos) {
    number.digits += text.substr(point + 1);
    number.exponent -= static_cast<long long>(text.size() - point - 1);
  }
  while (!number.digits.empty() && number.digits.back() == '0') {
    number.digits.pop_back();
    ++number.exponent;
  }
  number.digits.erase(0, std::min(number.digits.find_first_not_of('0'), number.digits.size()));
  if (number.digits.empty()) return {};
  return number;
}

bool same_scalar(std::string_view a, std::string_view b) {
  if (a == b) return true;
  const auto is_number = [](char c) { return c == '-' || (c >= '0' && c <= '9'); };
  if (a.front() == '"' && b.front() == '"')
    return unescape(a.substr(1, a.size() - 2)) == unescape(b.substr(1, b.size() - 2));
  if (!is_number(a.front()) || !is_number(b.front())) return false;
  const PlainNumber left = plain(a);
  return left.is_exact && left == plain(b);
}

}  // namespace

JsonNode JsonNode::clone() const {
  JsonNode copy(*tokens_, token_);
  if (!opened_ || !opened_->changed) return copy;
  copy.opened_ = std::make_unique<Opened>();
  copy.opened_->changed = true;
  copy.opened_->raw_keys = opened_->raw_keys;
  copy.opened_->children.reserve(opened_->children.size());
  for (const JsonNode& child : opened_->children) copy.opened_->children.push_back(child.clone());
  return copy;
}

std::string_view JsonNode::text() const {
  const std::size_t begin = tokens_->begin(token_);
  return tokens_->text().substr(begin, tokens_->end(tokens_->behind(token_) - 1) - begin);
}

std::size_t JsonNode::bytes_to_open() const {
  return opened_ || !is_container() ? 0 : text().size();
}

void JsonNode::open() {
  if (opened_ || !is_container()) return;
  opened_ = std::make_unique<Opened>();
  const bool has_keys = is_object();
  // The text is checked: values, with their keys and colons, and commas between them.
  std::size_t at = token_ + 1;
  while (tokens_->first(at) != '}' && tokens_->first(at) != ']') {
    if (has_keys) {
      opened_->raw_keys.push_back(tokens_->raw_string(at));
      at += 2;
    }
    opened_->children.emplace_back(*tokens_, at);
    at = tokens_->behind(at);
    if (tokens_->first(at) == ',') ++at;
  }
}

std::optional<std::size_t> JsonNode::find(std::string_view key) const {
  for (std::size_t i = 0; i < opened_->raw_keys.size(); ++i)
    if (means(opened_->raw_keys[i], key)) return i;
  return std::nullopt;
}

void JsonNode::insert_element(std::size_t at, JsonNode value) {
  opened_->children.insert(opened_->children.begin() + static_cast<std::ptrdiff_t>(at),
                           std::move(value));
  set_changed();
}

void JsonNode::add_member(std::string_view raw_key, JsonNode value) {
  opened_->raw_keys.push_back(raw_key);
  opened_->children.push_back(std::move(value));
  set_changed();
}

JsonNode JsonNode::take_child(std::size_t at) {
  const auto offset = static_cast<std::ptrdiff_t>(at);
  JsonNode taken = std::move(opened_->children[at]);
  opened_->children.erase(opened_->children.begin() + offset);
  if (is_object()) opened_->raw_keys.erase(opened_->raw_keys.begin() + offset);
  set_changed();
  return taken;
}

void JsonNode::append_to(std::string& out) const {
  if (is_as_in_text()) {
    out += text();
    return;
  }
  const bool has_keys = is_object();
  out += has_keys ? '{' : '[';
  for (std::size_t i = 0; i < opened_->children.size(); ++i) {
    if (i > 0) out += ',';
    if (has_keys) out.append("\"").append(opened_->raw_keys[i]).append("\":");
    opened_->children[i].append_to(out);
  }
  out += has_keys ? '}' : ']';
}

JsonNode::Extent JsonNode::extent() const {
  Extent extent;
  if (is_as_in_text()) {
    extent.bytes = text().size();
    std::size_t depth = 0;
    const std::size_t behind = tokens_->behind(token_);
    for (std::size_t i = token_; i < behind; ++i) {
      const char c = tokens_->first(i);
      if (c == '{' || c == '[') extent.depth = std::max(extent.depth, ++depth);
      if (c == '}' || c == ']') --depth;
    }
    return extent;
  }
  extent.bytes = 2;
  for (const std::string_view key : opened_->raw_keys) extent.bytes += key.size() + 3;
  for (const JsonNode& child : opened_->children) {
    const Extent inner = child.extent();
    extent.bytes += inner.bytes + 1;
    extent.depth = std::max(extent.depth, inner.depth);
  }
  ++extent.depth;
  return extent;
}

const JsonNode& JsonNode::opened(std::optional<JsonNode>& copy) const {
  if (opened_) return *this;
  copy.emplace(*tokens_, token_).open();
  return *copy;
}

std::vector<std::pair<std::string, std::size_t>> JsonNode::sorted_keys() const {
  std::vector<std::pair<std::string, std::size_t>> keys;
  keys.reserve(opened_->raw_keys.size());
  for (std::size_t i = 0; i < opened_->raw_keys.size(); ++i)
    keys.emplace_back(unescape(opened_->raw_keys[i]), i);
  std::sort(keys.begin(), keys.end());
  return keys;
}

bool JsonNode::is_same_text(const JsonNode& other) const {
  if (is_as_in_text() && other.is_as_in_text()) return text() == other.text();
  std::string mine;
  std::string others;
  append_to(mine);
  other.append_to(others);
  return mine == others;
}

bool same_value(const JsonNode& a, const JsonNode& b) {
  if (a.is_object() != b.is_object() || a.is_array() != b.is_array()) return false;
  if (a.is_as_in_text() && b.is_as_in_text() && a.text() == b.text()) return true;
  if (!a.is_container()) return same_scalar(a.text(), b.text());
  std::optional<JsonNode> left_copy;
  std::optional<JsonNode> right_copy;
  const JsonNode& left = a.opened(left_copy);
  const JsonNode& right = b.opened(right_copy);
  if (left.child_count() != right.child_count()) return false;
  if (left.is_array()) {
    for (std::size_t i = 0; i < left.child_count(); ++i)
      if (!same_value(left.child(i), right.child(i))) return false;
    return true;
  }
  const auto left_keys = left.sorted_keys();
  const auto right_keys = right.sorted_keys();
  for (std::size_t i = 0; i < left_keys.size(); ++i)
    if (left_keys[i].first != right_keys[i].first ||
        !same_value(left.child(left_keys[i].second), right.child(right_keys[i].second)))
      return false;
  return true;
}

}  // namespace sluice::fhir
