// DELETE [base]/Patient/[id] with _cascade=delete or "X-Cascade: delete": the patient with all of
// the compartment (I-02).
#pragma once

#include "api/core/principal.h"
#include "api/core/service.h"
#include "base/result.h"
#include "fhir/resource_type.h"
#include "http/message.h"

namespace sluice::api {

/// Whether the request has `_cascade` or X-Cascade, with any value.
bool mentions_cascade(const http::Request& request);

/// kUnsupported when it has the header: for what does not cascade, and would be done without.
Result<void> refuse_cascade_header(const http::Request& request);

http::Response delete_with_compartment(Service& service, const http::Request& request,
                                       const Principal& principal, fhir::ResourceType type);

}  // namespace sluice::api
