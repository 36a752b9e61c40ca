// Loops over the members of an object and the elements of an array in the tokens of a checked text.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "json/json_check.h"
#include "json/json_tokens.h"

namespace sluice::fhir {

/// Calls `visit(key token, value token)`, which returns a Result<void>, for each member of the
/// object that begins with token `object`; stops at the first error.
template <class Visit>
Result<void> each_member(const JsonTokens& tokens, std::size_t object, Visit&& visit) {
  std::size_t key = object + 1;
  while (tokens.first(key) == '"') {
    SLUICE_RETURN_IF_ERROR(visit(key, key + 2));
    const std::size_t behind = tokens.behind(key + 2);
    if (tokens.first(behind) != ',') break;
    key = behind + 1;
  }
  return {};
}

/// Calls `visit(value token)`, which returns a Result<void>, for each element of the array that
/// begins with token `array`; stops at the first error.
template <class Visit>
Result<void> each_element(const JsonTokens& tokens, std::size_t array, Visit&& visit) {
  std::size_t element = array + 1;
  while (tokens.first(element) != ']') {
    SLUICE_RETURN_IF_ERROR(visit(element));
    const std::size_t behind = tokens.behind(element);
    if (tokens.first(behind) != ',') break;
    element = behind + 1;
  }
  return {};
}

/// The member `name` of the object that begins with token `object`, if it is a string.
inline std::optional<std::string> string_member(const JsonTokens& tokens, std::size_t object,
                                                std::string_view name) {
  std::optional<std::string> text;
  (void)each_member(tokens, object, [&](std::size_t key, std::size_t value) -> Result<void> {
    if (tokens.first(value) == '"' && means(tokens.raw_string(key), name))
      text = unescape(tokens.raw_string(value));
    return {};
  });
  return text;
}

}  // namespace sluice::fhir
