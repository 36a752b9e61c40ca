// What a resource that is written over REST must be beyond being readable: the root elements of its
// type, and references that can be ones. Full validation against profiles is not the server's.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "fhir/resource_reader.h"

namespace sluice::rest {

/// Whether a Group may choose its members by filters (G-03): only where it has been asked whether
/// the client may read what they read.
enum class MemberFilters : std::uint8_t { kRefused, kAllowed };

/// kUnprocessable, naming the element, when a root element is not one of the type, is no array
/// where it repeats or the other way round, or of another kind (object, string, number, boolean), a
/// mandatory one is missing, Reference.reference is neither a URL, a "Type/id" nor a "#id", and
/// what is wrong with the filters of a Group; kUnsupported for a Group with filters where they are
/// refused.
Result<void> validate(const fhir::IncomingResource& resource,
                      MemberFilters filters = MemberFilters::kRefused);

}  // namespace sluice::rest
