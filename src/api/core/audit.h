// Audit lines of requests.
#pragma once

#include <vector>

#include "api/core/principal.h"
#include "api/core/service.h"
#include "base/result.h"
#include "http/message.h"
#include "smart/audit_event.h"

namespace sluice::api {

/// Writes an audit event of the request, with the principal's id and the peer's address; does
/// nothing on an open server. What cannot be audited must not be done.
Result<void> audit(const Service& service, const http::Request& request, const Principal& principal,
                   smart::AuditEvent event);
/// The same for several events, all or none of which are written before this returns.
Result<void> audit_all(const Service& service, const http::Request& request,
                       const Principal& principal, std::vector<smart::AuditEvent> events);

}  // namespace sluice::api
