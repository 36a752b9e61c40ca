// What a resource that is written over REST must be beyond being readable: the root elements of its
// type. Full validation against profiles is not the server's.
#pragma once

#include "base/result.h"
#include "fhir/resource_reader.h"

namespace sluice::rest {

/// kUnprocessable, naming the element, when a root element is not one of the type or a mandatory
/// one is missing.
Result<void> validate(const fhir::IncomingResource& resource);

}  // namespace sluice::rest
