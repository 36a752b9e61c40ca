// Every route of the server: what answers it and what it needs of its caller.
#pragma once

#include "api/core/service.h"
#include "api/routes/metrics.h"
#include "api/routes/readiness.h"
#include "http/router.h"

namespace sluice::api {

/// The responder for errors outside of handlers: OperationOutcomes like everywhere else.
http::ErrorResponder error_responder();

/// Adds /healthz and /readyz, which add_routes() adds too. `store`, `clock` and `readiness` must
/// outlive the router.
void add_health_routes(http::Router& router, const store::Store& store, const Clock& clock,
                       const Readiness& readiness);

/// Adds all routes. `service`, `metrics` and `readiness` must outlive the router.
void add_routes(http::Router& router, Service& service, const ServerMetrics& metrics,
                const Readiness& readiness);

}  // namespace sluice::api
