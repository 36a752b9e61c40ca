// $sql-run, and $viewdefinition-run as it was called before: the rows of one view as the answer
// (E3).
#pragma once

#include "api/core/principal.h"
#include "api/core/service.h"
#include "api/jobs/sql_request.h"
#include "http/message.h"

namespace sluice::api {

/// GET and POST: the table, made while it is sent, of what an export could give to the client as of
/// the newest commit. A fault in its beginning is an OperationOutcome; one after that ends the
/// connection before the end of the body.
http::Response sql_run(Service& service, const http::Request& request, const Principal& principal,
                       SqlOperation operation);

}  // namespace sluice::api
