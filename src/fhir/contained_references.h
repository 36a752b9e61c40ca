// References to contained resources, in a resource from which these were cut.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "json/json_tokens.h"

namespace sluice::fhir {

/// Appends `resource` to `out` without its references to contained resources ("#id"), which have
/// been removed. Display, identifier and type stay; a Reference that becomes empty states that its
/// content is masked (the extension data-absent-reason), because it may be mandatory. "#" alone is
/// the resource itself and stays. Leaves `tokens` in an unspecified state. kCorrupt when `resource`
/// is not JSON.
Result<void> cut_contained_references(std::string_view resource, JsonTokens& tokens,
                                      std::string& out);

}  // namespace sluice::fhir
