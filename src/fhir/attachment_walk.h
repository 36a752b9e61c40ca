// Finds the Attachments of a resource: elements of that type by the R4 table, choices by their
// name, also in contained resources and extensions, and in extensions of other Attachments.
#pragma once

#include <cstddef>
#include <functional>

#include "base/result.h"
#include "fhir/resource_type.h"
#include "json/json_tokens.h"

namespace sluice::fhir {

/// Calls `visit` with the token of each Attachment object of a checked resource, in the order in
/// which they begin: one that stands in another's extension comes after that one, although its url
/// may stand before the other's. Stops at the first error. `type` is that of the resource.
Result<void> each_attachment(const JsonTokens& tokens, ResourceType type,
                             const std::function<Result<void>(std::size_t object)>& visit);

}  // namespace sluice::fhir
