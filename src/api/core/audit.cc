#include "api/core/audit.h"

#include "base/log.h"

namespace sluice::api {

Result<void> audit(const Service& service, const http::Request& request, const Principal& principal,
                   smart::AuditEvent event) {
  return audit_all(service, request, principal, {std::move(event)});
}

Result<void> audit_all(const Service& service, const http::Request& request,
                       const Principal& principal, std::vector<smart::AuditEvent> events) {
  if (service.authorization == nullptr) return {};
  for (auto& event : events) {
    event.client_id = principal.client_id;
    event.address = request.peer_address;
  }
  const auto written = service.authorization->audit().write(events);
  if (written) return {};
  spdlog::error("audit failed id={} error=\"{}\" detail=\"{}\"", request.id,
                written.error().message, written.error().detail);
  return Error{ErrorKind::kUnavailable, "the audit log cannot be written", written.error().detail};
}

}  // namespace sluice::api
