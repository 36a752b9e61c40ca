// $export at system, patient and group level: the kick-off (K).
#pragma once

#include "api/core/principal.h"
#include "api/core/service.h"
#include "bulk/export/request/export_request.h"
#include "http/message.h"

namespace sluice::api {

/// GET and POST of [base]/$export, [base]/Patient/$export, [base]/Group/[id]/$export: 202 with
/// Content-Location, or an OperationOutcome.
http::Response export_kickoff(Service& service, const http::Request& request,
                              const Principal& principal, bulk::ExportLevel level);

}  // namespace sluice::api
