// $import: the kick-off (I-03).
#pragma once

#include "api/core/principal.h"
#include "api/core/service.h"
#include "base/result.h"
#include "bulk/import/import_request.h"
#include "http/message.h"

namespace sluice::api {

/// POST [base]/$import: 202 with Content-Location, or an OperationOutcome.
http::Response import_kickoff(Service& service, const http::Request& request,
                              const Principal& principal);

/// Whether the principal may import these types, and see such a job: kForbidden names the type that
/// its token may not create, update and delete, and clients that are limited to groups.
Result<void> authorize_import(const Principal& principal, const bulk::ImportRequest& request);

}  // namespace sluice::api
