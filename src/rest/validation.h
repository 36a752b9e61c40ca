// What a resource that is written over REST must be beyond being readable: the root elements of its
// type, and references that can be ones. Full validation against profiles is not the server's.
#pragma once

#include "base/result.h"
#include "fhir/resource_reader.h"

namespace sluice::rest {

/// kUnprocessable, naming the element, when a root element is not one of the type, is no array
/// where it repeats or the other way round, or of another kind (object, string, number, boolean), a
/// mandatory one is missing, or Reference.reference is neither a URL, a "Type/id" nor a "#id".
Result<void> validate(const fhir::IncomingResource& resource);

}  // namespace sluice::rest
