// References to contained resources, in a resource from which these were cut.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "json/json_tokens.h"

namespace sluice::fhir {

/// Appends `resource` to `out` without its references to contained resources ("#id"): what they
/// refer to is not there any more. Display, identifier and type stay; a Reference of which nothing
/// stays says that its content is masked (the extension data-absent-reason), since it may be
/// mandatory. "#" alone is the resource itself and stays. `tokens` is used and left in any state.
/// kCorrupt when `resource` is no JSON.
Result<void> cut_contained_references(std::string_view resource, JsonTokens& tokens,
                                      std::string& out);

}  // namespace sluice::fhir
