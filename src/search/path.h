// Where a search parameter looks: a path of JSON members with the data type at its end, compiled
// from the table, and the walk along it over the tokens of a resource.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fhir/resource_type.h"
#include "json/json_tokens.h"

namespace sluice::search {

/// The data types that matching distinguishes.
enum class DataType : std::uint8_t {
  kCode,  ///< code, id: exact
  kText,  ///< string, markdown
  kUri,   ///< uri, url
  kCanonical,
  kBoolean,
  kPresence,  ///< anything: whether it exists and is not false
  kCoding,
  kCodeableConcept,
  kIdentifier,
  kContactPoint,
  kHumanName,
  kAddress,
  kDateTime,  ///< date, dateTime
  kInstant,
  kPeriod,
  kTiming,
  kNumber,
  kQuantity,
  kMoney,
  kRange,
  kSampledData,
  kReference,
  kResource,  ///< a resource within the resource
};

struct PathStep {
  std::string name;
  std::optional<std::size_t> index = {};  ///< only that element of the array
  std::string filter_name = {};           ///< only elements with such a member; empty: all
  std::string filter_value = {};
};

struct Path {
  std::vector<PathStep> steps;  ///< empty: the resource itself
  DataType type = DataType::kCode;
  std::optional<fhir::ResourceType> target;  ///< only references to that type
  bool from_root = false;                    ///< in a composite: begins at the resource
  bool is_family_name = false;  ///< its words count each: "Quinones" finds "Carreno Quinones"

  /// "subject", "participant.actor".
  std::string text() const;
};

/// "valueQuantity:Quantity|component.valueQuantity:Quantity" of the table, which is trusted: aborts
/// for what it does not understand.
std::vector<Path> parse_paths(std::string_view text);

// ---- the walk ----

inline constexpr std::size_t kNoToken = static_cast<std::size_t>(-1);

/// Whether the member that begins with token `key` has this name.
bool is_key(const fhir::JsonTokens& tokens, std::size_t key, std::string_view name);
/// Whether the string token `i` means `wanted`.
bool is_string(const fhir::JsonTokens& tokens, std::size_t i, std::string_view wanted);
/// The value token of a member of the object that begins with token `object`, or kNoToken.
std::size_t member(const fhir::JsonTokens& tokens, std::size_t object, std::string_view name);
/// The text of the string token `i`; in `buffer` when it has escapes.
std::string_view string_of(const fhir::JsonTokens& tokens, std::size_t i, std::string& buffer);
/// As member(), but kNoToken when the value is not a string (or not that of the name).
std::size_t string_member(const fhir::JsonTokens& tokens, std::size_t object,
                          std::string_view name);

/// Calls `visit(token)` for each element of an array or for the value itself until one call returns
/// true; returns whether one did. Null does not count.
template <class Visit>
bool any_element(const fhir::JsonTokens& tokens, std::size_t value, Visit&& visit) {
  if (value >= tokens.size()) return false;
  if (tokens.first(value) != '[') return tokens.first(value) != 'n' && visit(value);
  std::size_t element = value + 1;
  while (element < tokens.size() && tokens.first(element) != ']') {
    if (tokens.first(element) != 'n' && visit(element)) return true;
    const std::size_t behind = tokens.first(element) == '{' || tokens.first(element) == '['
                                   ? tokens.closing(element) + 1
                                   : element + 1;
    if (behind >= tokens.size() || tokens.first(behind) != ',') break;
    element = behind + 1;
  }
  return false;
}

/// Calls `visit(token)` for each value at the end of `path` until one call returns true; returns
/// whether one did. `value` is what the first `done` steps lead to.
template <class Visit>
bool any_value(const fhir::JsonTokens& tokens, std::size_t value, const Path& path,
               std::size_t done, Visit&& visit) {
  const PathStep* step = done == 0 ? nullptr : &path.steps[done - 1];
  std::size_t number = 0;
  return any_element(tokens, value, [&](std::size_t element) {
    if (step != nullptr && step->index && *step->index != number++) return false;
    if (done == path.steps.size() && (step == nullptr || step->filter_name.empty()))
      return static_cast<bool>(visit(element));
    if (tokens.first(element) != '{') return false;
    if (step != nullptr && !step->filter_name.empty()) {
      const std::size_t found = string_member(tokens, element, step->filter_name);
      if (found == kNoToken || !is_string(tokens, found, step->filter_value)) return false;
    }
    if (done == path.steps.size()) return static_cast<bool>(visit(element));
    const std::size_t next = member(tokens, element, path.steps[done].name);
    return next != kNoToken && any_value(tokens, next, path, done + 1, visit);
  });
}

}  // namespace sluice::search
