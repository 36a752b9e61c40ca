// The views that `_viewDefinition` names: found for a client, compiled and named.
#pragma once

#include <functional>

#include "api/core/principal.h"
#include "api/core/service.h"
#include "base/result.h"
#include "bulk/export/request/export_request.h"
#include "http/message.h"

namespace sluice::api {

/// Finds a view as of the newest commit, by reference or canonical URL, among those that the
/// principal may read; or takes the one that came with the request. Its name is the view's own,
/// else its id. kForbidden when the principal may read none, kUnprocessable for one that does not
/// compile; errors as bulk::find_view. `service`, `request` and `principal` must outlive it.
std::function<Result<bulk::RequestedView>(const fhir::Parameter&)> view_finder(
    const Service& service, const http::Request& request, const Principal& principal);

}  // namespace sluice::api
