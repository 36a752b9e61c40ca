// Whether tokens make a JSON text: the grammar, numbers, literals, escapes, depth.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"
#include "json/json_tokens.h"

namespace sluice::fhir {

/// What a check finds out by the way.
struct JsonTraits {
  bool has_escapes = false;  ///< some string or key has a backslash
};

/// Checks that the tokens are one JSON object (RFC 8259) nested at most `depth_max` levels deep
/// (the object itself is one) and nothing after it. Stricter than the RFC in one point: an escaped
/// surrogate needs its other half, for alone it has no UTF-8 form. Numbers may have any number of
/// digits. Does not check for repeated keys. kInvalid with rule and byte otherwise.
Result<JsonTraits> check_json_object(const JsonTokens& tokens, std::size_t depth_max);

/// As check_json_object(), for one array.
Result<JsonTraits> check_json_array(const JsonTokens& tokens, std::size_t depth_max);

/// The meaning of the bytes between a string's quotes: escapes resolved. From the first bad escape
/// on, which a checked text does not have, bytes stay as they are.
std::string unescape(std::string_view raw);
/// The same into `out`, whose capacity is kept from string to string.
void unescape(std::string_view raw, std::string& out);

/// The inverse: the bytes between the quotes of a string that means `text` (UTF-8).
std::string escape(std::string_view text);

/// Whether a checked string means `text` (which has no escapes of its own). Allocates nothing.
bool means(std::string_view raw, std::string_view text);

}  // namespace sluice::fhir
