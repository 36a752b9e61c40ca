// Checks the syntax of the references of a resource. light_validation.h checks root elements
// only.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "json/json_tokens.h"

namespace sluice::fhir {

/// Whether `text` can be a Reference.reference: an absolute URL or URN, "Type/id" with a type of R4
/// (also with "/_history/version"), or "#id".
bool is_reference(std::string_view text);

/// What is wrong with the first Reference.reference that is_reference() refuses, by its path;
/// nullopt when there is none. The tokens must be of a checked resource.
std::optional<std::string> find_bad_reference(const JsonTokens& tokens, std::string_view type_name);

}  // namespace sluice::fhir
