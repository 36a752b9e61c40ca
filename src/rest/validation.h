// What a resource that is written over REST must be beyond being readable: light validation, and
// what the filters of a Group may be.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "fhir/light_validation.h"
#include "fhir/resource_reader.h"

namespace sluice::rest {

using fhir::Leniency;

/// Whether a Group may choose its members by filters (G-03): only after checking that the client
/// may read what they read.
enum class MemberFilters : std::uint8_t { kRefused, kAllowed };

/// As fhir::check_shape(); also kUnprocessable for wrong filters of a Group, and kUnsupported for a
/// Group with filters where they are refused. kLenient accepts everything except errors of a
/// Group's filters.
Result<void> validate(const fhir::IncomingResource& resource,
                      MemberFilters filters = MemberFilters::kRefused,
                      Leniency leniency = Leniency::kStrict);

}  // namespace sluice::rest
