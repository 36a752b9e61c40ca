// JSON pointers (RFC 6901): which value of a JSON text is meant.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sluice::fhir {

/// The steps from the whole text to a value: keys of objects and indexes of arrays; none for the
/// whole text.
using JsonPointer = std::vector<std::string>;

/// "/name/0/family" or "". kInvalid without a slash at its beginning, or with a '~' that is neither
/// "~0" (which is '~') nor "~1" ('/').
Result<JsonPointer> parse_json_pointer(std::string_view text);

/// The index that a step is in an array: decimal digits without a zero in front. nullopt for
/// anything else, "-" too, and for numbers beyond any array.
std::optional<std::size_t> array_index(std::string_view step);

}  // namespace sluice::fhir
