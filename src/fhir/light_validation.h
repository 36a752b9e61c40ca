// Light validation of incoming resources (REST, load, $import): root elements of the type, and
// well-formed references. The server does not validate against
// profiles.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhir/resource_type.h"
#include "json/json_tokens.h"

namespace sluice::fhir {

/// Whether a resource of a wrong shape is refused, or stored as it is.
enum class Leniency : std::uint8_t { kStrict, kLenient };

/// kUnprocessable, naming the element, when a root element is not one of the type, is not an array
/// although it repeats or vice versa, or is of another kind (object, string, number, boolean), a
/// mandatory one is missing, or Reference.reference is neither a URL, a "Type/id" nor a "#id". The
/// tokens must be those of a text that ResourceReader has read.
Result<void> check_shape(const JsonTokens& tokens, ResourceType type);

/// Of find_validation_issues().
inline constexpr std::size_t kFaultsMax = 20;

/// What check_shape() would refuse a resource for: each wrong root element, and the first reference
/// that can be none; kFaultsMax at most. Names elements, never what is in them.
std::vector<std::string> find_validation_issues(const JsonTokens& tokens, ResourceType type);

}  // namespace sluice::fhir
