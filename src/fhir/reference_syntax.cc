#include "fhir/reference_syntax.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "fhir/reference.h"
#include "json/json_check.h"

namespace sluice::fhir {
namespace {

// What a Reference has, and no other type with an element "reference" has only these.
bool is_of_reference(std::string_view raw_key) {
  constexpr std::string_view kMembers[] = {"id",         "extension", "reference", "type",
                                           "identifier", "display",   "_id",       "_reference",
                                           "_type",      "_display"};
  return std::any_of(std::begin(kMembers), std::end(kMembers),
                     [&](std::string_view member) { return means(raw_key, member); });
}

// RFC 3986: a letter, then letters, digits, '+', '-' and '.', up to the colon; something behind it
// and nothing that no URI has.
bool is_absolute_uri(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == text.size()) return false;
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  if (!is_letter(text.front())) return false;
  return std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(colon), [&](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
  });
}

constexpr std::string_view kReference = "reference";

// Whether there is a member "reference" at all that cannot be one, wherever it stands. Nearly
// always there is none, and no path has to be known.
bool has_suspect(const JsonTokens& tokens) {
  std::string unescaped;
  for (std::size_t i = 0; i + 2 < tokens.size(); ++i) {
    if (tokens.first(i) != '"' || tokens.first(i + 1) != ':' || tokens.first(i + 2) != '"')
      continue;
    // An escaped key is longer still.
    const std::string_view key = tokens.raw_string(i);
    if (key.size() >= kReference.size() && means(key, kReference)) {
      unescape(tokens.raw_string(i + 2), unescaped);
      if (!is_reference(unescaped)) return true;
    }
    i += 2;
  }
  return false;
}

struct Frame {
  std::size_t path_size = 0;      // of the path without this container
  std::size_t bad_reference = 0;  // the token of a text that can be no reference; 0: none
  bool is_object = false;
  bool is_reference = true;  // only members of a Reference were seen
};

}  // namespace

bool is_reference(std::string_view text) {
  const bool has_gap = std::any_of(text.begin(), text.end(),
                                   [](char c) { return static_cast<unsigned char>(c) <= ' '; });
  if (text.empty() || has_gap) return false;
  return text.front() == '#' || parse_reference(text) || is_absolute_uri(text);
}

std::optional<std::string> find_bad_reference(const JsonTokens& tokens,
                                              std::string_view type_name) {
  if (!has_suspect(tokens)) return std::nullopt;
  std::vector<Frame> frames;
  std::string path(type_name);
  std::string_view key;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const char first = tokens.first(i);
    if (first == '{' || first == '[') {
      const bool is_member = !frames.empty() && frames.back().is_object;
      frames.push_back({path.size(), 0, first == '{', true});
      if (is_member) path.append(".").append(key);  // an array and what is in it are one step
    } else if (first == '}' || first == ']') {
      const Frame& frame = frames.back();
      if (frame.is_object && frame.is_reference && frame.bad_reference != 0)
        return fmt::format("{}.reference is neither a URL nor a Type/id of R4 nor a #id", path);
      path.resize(frame.path_size);
      frames.pop_back();
    } else if (first == '"' && frames.back().is_object) {
      key = tokens.raw_string(i);
      Frame& frame = frames.back();
      frame.is_reference = frame.is_reference && is_of_reference(key);
      ++i;  // the colon
      if (tokens.first(i + 1) != '"') continue;
      ++i;
      // Immunization.education.reference is a uri, and may stand alone.
      if (means(key, kReference) && !path.ends_with(".education") &&
          !is_reference(unescape(tokens.raw_string(i))))
        frame.bad_reference = i;
    }
  }
  return std::nullopt;
}

}  // namespace sluice::fhir
