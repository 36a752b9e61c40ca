// $import: the kick-off (I-03).
#pragma once

#include "api/core/principal.h"
#include "api/core/service.h"
#include "http/message.h"

namespace sluice::api {

/// POST [base]/$import: 202 with Content-Location, or an OperationOutcome.
http::Response import_kickoff(Service& service, const http::Request& request,
                              const Principal& principal);

}  // namespace sluice::api
