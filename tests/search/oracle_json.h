// Small helpers of the oracle's files: texts cut up, members of JSON values.
#pragma once

#include <boost/json.hpp>
#include <cctype>
#include <optional>
#include <string>
#include <vector>

#include "oracle.h"

namespace sluice::oracle {

inline std::vector<std::string> columns(const std::string& line, char separator) {
  std::vector<std::string> parts(1);
  for (const char c : line) {
    if (c == separator)
      parts.emplace_back();
    else
      parts.back() += c;
  }
  return parts;
}

inline std::string trimmed(std::string text) {
  while (!text.empty() && text.back() == ' ') text.pop_back();
  while (!text.empty() && text.front() == ' ') text.erase(0, 1);
  return text;
}

/// Parts between separators that are in no brackets.
inline std::vector<std::string> outside_brackets(const std::string& text, char separator) {
  std::vector<std::string> parts(1);
  int depth = 0;
  for (const char c : text) {
    depth += c == '(' ? 1 : c == ')' ? -1 : 0;
    if (c == separator && depth == 0)
      parts.emplace_back();
    else
      parts.back() += c;
  }
  for (auto& part : parts) part = trimmed(part);
  return parts;
}

inline const boost::json::value* get(const boost::json::value& value, const std::string& name) {
  return value.is_object() ? value.as_object().if_contains(name) : nullptr;
}

/// A string member; nullopt when there is none.
inline std::optional<std::string> text_of(const boost::json::value& value,
                                          const std::string& name) {
  const auto* found = get(value, name);
  if (found == nullptr || !found->is_string()) return std::nullopt;
  return std::string(found->as_string());
}

inline bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

inline void add_flat(const boost::json::value& value, const std::string& choice,
                     std::vector<Node>& out) {
  if (value.is_array()) {
    for (const auto& element : value.as_array()) add_flat(element, choice, out);
  } else if (!value.is_null()) {
    out.push_back({&value, choice});
  }
}

/// JSON does not tell a ContactPoint from an Identifier.
inline bool is_contact_point(const Parameter& parameter) {
  return parameter.expression.find("telecom") != std::string::npos ||
         parameter.expression == "Subscription.contact";
}

}  // namespace sluice::oracle
