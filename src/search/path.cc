#include "search/path.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <utility>

#include "json/json_check.h"

namespace sluice::search {
namespace {

using Name = std::pair<std::string_view, DataType>;
constexpr std::array kDataTypes = {
    Name{"code", DataType::kCode},
    Name{"id", DataType::kCode},
    Name{"string", DataType::kText},
    Name{"markdown", DataType::kText},
    Name{"uri", DataType::kUri},
    Name{"url", DataType::kUri},
    Name{"canonical", DataType::kCanonical},
    Name{"boolean", DataType::kBoolean},
    Name{"presence", DataType::kPresence},
    Name{"Coding", DataType::kCoding},
    Name{"CodeableConcept", DataType::kCodeableConcept},
    Name{"Identifier", DataType::kIdentifier},
    Name{"ContactPoint", DataType::kContactPoint},
    Name{"HumanName", DataType::kHumanName},
    Name{"Address", DataType::kAddress},
    Name{"date", DataType::kDateTime},
    Name{"dateTime", DataType::kDateTime},
    Name{"instant", DataType::kInstant},
    Name{"Period", DataType::kPeriod},
    Name{"Timing", DataType::kTiming},
    Name{"integer", DataType::kNumber},
    Name{"decimal", DataType::kNumber},
    Name{"Quantity", DataType::kQuantity},
    Name{"Age", DataType::kQuantity},
    Name{"Duration", DataType::kQuantity},
    Name{"Money", DataType::kMoney},
    Name{"Range", DataType::kRange},
    Name{"SampledData", DataType::kSampledData},
    Name{"Reference", DataType::kReference},
    Name{"Resource", DataType::kResource},
};

DataType data_type(std::string_view name) {
  const auto* found = std::find_if(kDataTypes.begin(), kDataTypes.end(),
                                   [&](const Name& known) { return known.first == name; });
  if (found == kDataTypes.end()) std::abort();
  return found->second;
}

/// Removes and returns the text before `separator`; also removes the separator.
std::string_view take(std::string_view& text, char separator) {
  const std::string_view part = text.substr(0, text.find(separator));
  text.remove_prefix(std::min(text.size(), part.size() + 1));
  return part;
}

/// "telecom", "entry[0]", "telecom[system=phone]".
PathStep parse_step(std::string_view text) {
  PathStep step{std::string(take(text, '['))};
  if (text.empty()) return step;
  text.remove_suffix(1);
  if (text.find('=') == std::string_view::npos) {
    std::size_t index = 0;
    std::from_chars(text.data(), text.data() + text.size(), index);
    step.index = index;
  } else {
    step.filter_name = take(text, '=');
    step.filter_value = text;
  }
  return step;
}

Path parse_path(std::string_view text) {
  Path path;
  std::string_view steps = text.substr(0, text.rfind(':'));
  std::string_view type = steps.size() == text.size() ? "" : text.substr(steps.size() + 1);
  if (steps.starts_with('/')) {
    path.from_root = true;
    steps.remove_prefix(1);
  }
  if (steps == ".") steps = {};
  while (!steps.empty()) path.steps.push_back(parse_step(take(steps, '.')));
  if (type.empty()) return path;  // the element of a composite
  if (const std::size_t target = type.find('('); target != std::string_view::npos) {
    path.target = fhir::find_resource_type(type.substr(target + 1, type.size() - target - 2));
    if (!path.target) std::abort();
    type = type.substr(0, target);
  }
  path.type = data_type(type);
  path.is_family_name = path.type == DataType::kText && path.steps.back().name == "family";
  return path;
}

bool has_escape(std::string_view raw) {
  return raw.find('\\') != std::string_view::npos;
}

}  // namespace

std::string Path::text() const {
  std::string text;
  for (const PathStep& step : steps) {
    if (!text.empty()) text += '.';
    text += step.name;
  }
  return text;
}

std::vector<Path> parse_paths(std::string_view text) {
  std::vector<Path> paths;
  while (!text.empty()) paths.push_back(parse_path(take(text, '|')));
  return paths;
}

bool is_string(const fhir::JsonTokens& tokens, std::size_t i, std::string_view wanted) {
  if (tokens.first(i) != '"') return false;
  const std::string_view raw = tokens.raw_string(i);
  return has_escape(raw) ? fhir::means(raw, wanted) : raw == wanted;
}

bool is_key(const fhir::JsonTokens& tokens, std::size_t key, std::string_view name) {
  // Most names differ in their first bytes or in their length; the closing quote tells the length.
  const std::string_view text = tokens.text();
  const std::size_t begin = tokens.begin(key) + 1;
  if (begin + name.size() < text.size() && text[begin + name.size()] == '"' &&
      std::memcmp(text.data() + begin, name.data(), name.size()) == 0)
    return true;
  if (tokens.scalar_end(key) - begin <= name.size() + 1) return false;  // escapes only lengthen
  const std::string_view raw = tokens.raw_string(key);
  return has_escape(raw) && fhir::means(raw, name);
}

std::size_t member(const fhir::JsonTokens& tokens, std::size_t object, std::string_view name) {
  if (object >= tokens.size() || tokens.first(object) != '{') return kNoToken;
  std::size_t key = object + 1;
  while (key + 2 < tokens.size() && tokens.first(key) == '"') {
    const std::size_t value = key + 2;
    if (is_key(tokens, key, name)) return value;
    const char first = tokens.first(value);
    const std::size_t behind = (first == '{' || first == '[' ? tokens.closing(value) : value) + 1;
    if (behind >= tokens.size() || tokens.first(behind) != ',') break;
    key = behind + 1;
  }
  return kNoToken;
}

std::string_view string_of(const fhir::JsonTokens& tokens, std::size_t i, std::string& buffer) {
  const std::string_view raw = tokens.raw_string(i);
  if (!has_escape(raw)) return raw;
  fhir::unescape(raw, buffer);
  return buffer;
}

std::size_t string_member(const fhir::JsonTokens& tokens, std::size_t object,
                          std::string_view name) {
  const std::size_t value = member(tokens, object, name);
  return value != kNoToken && tokens.first(value) == '"' ? value : kNoToken;
}

}  // namespace sluice::search
