// What a resource that is written over REST must be beyond being readable: light validation, and
// what the filters of a Group and the expressions of a ViewDefinition may be.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhir/light_validation.h"
#include "fhir/resource_reader.h"
#include "json/json_tokens.h"

namespace sluice::rest {

using fhir::Leniency;

/// Whether a Group may choose its members by filters (G-03): only after checking that the client
/// may read what they read.
enum class MemberFilters : std::uint8_t { kRefused, kAllowed };

/// As fhir::check_shape(); also kUnprocessable for wrong filters of a Group and for a
/// ViewDefinition that does not compile, whose place it names, and kUnsupported for a Group with
/// filters where they are refused. kLenient accepts everything except errors of a Group's filters.
Result<void> validate(const fhir::IncomingResource& resource,
                      MemberFilters filters = MemberFilters::kRefused,
                      Leniency leniency = Leniency::kStrict);

/// What validate() would refuse a resource for, if it is not lenient: the issues of
/// fhir::find_validation_issues(), and the place where a ViewDefinition does not compile. `json` is
/// the text of the tokens.
std::vector<std::string> find_issues(const fhir::JsonTokens& tokens, std::string_view json,
                                     fhir::ResourceType type);

}  // namespace sluice::rest
