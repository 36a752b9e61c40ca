// Groups that are defined by filters, as they are written: what the filters may read, and what the
// server says of them.
#pragma once

#include <optional>
#include <string>

#include "api/core/principal.h"
#include "api/core/service.h"
#include "base/result.h"
#include "fhir/resource_reader.h"
#include "http/message.h"
#include "search/cohort.h"

namespace sluice::api {

/// The cohort that a resource defines; nullopt when it is none.
Result<std::optional<search::Cohort>> cohort_of(const fhir::IncomingResource& resource);

/// A Group's text with the limits of the principal, in which its filters look.
Result<std::string> with_limits_of(const Principal& principal, const search::Cohort& cohort,
                                   const fhir::JsonTokens& group);

/// Whether the principal may have a Group choose its members so: it must be allowed to read every
/// type that the filters read. kForbidden names the type, and is audited. Other resources are none
/// of its business.
Result<void> authorize_cohort(const Service& service, const http::Request& request,
                              const Principal& principal, const fhir::IncomingResource& resource);

/// The same for a change of the members that a Group's filters choose from: what the filters see
/// does not change, so the principal must be allowed to read all of it.
Result<void> authorize_base_change(const Service& service, const http::Request& request,
                                   const Principal& principal,
                                   const fhir::IncomingResource& resource);

/// The resource to write: in a Group with member-filter, the server replaces the statements about
/// evaluation and limits by its own, so that its filters see only what the principal may read.
/// Other resources do not change.
Result<fhir::IncomingResource> as_definition(fhir::IncomingResource resource,
                                             const Principal& principal,
                                             const std::string& base_url);

}  // namespace sluice::api
