// Reads Binaries that a resource names in an Attachment (F-06): with the right to read that
// resource now, also after the job that exported it has ended.
#pragma once

#include <string_view>

#include "api/core/principal.h"
#include "api/core/service.h"
#include "base/result.h"
#include "http/message.h"

namespace sluice::api {

/// Whether a resource that the principal may read now names the Binary. A client that is limited to
/// groups may read what exports of its groups give it. False as well for a Binary that the queries
/// of its scopes leave out. kUnavailable when there is no slot for what may take long,
/// kUnprocessable when it took too long. `service`: with the whole store.
Result<bool> may_read_attached(const Service& service, const http::Request& request,
                               const Principal& principal, std::string_view binary_id);

/// Whether a read of a Binary, which the principal's scopes do not cover, or which its limit to
/// groups closes, is one of such an attachment. Errors as may_read_attached().
Result<bool> reads_as_attachment(const Service& service, const http::Request& request,
                                 const Principal& principal);
/// GET [base]/Binary/[id] for clients that read it as an attachment.
http::Response read_attached(Service& service, const http::Request& request,
                             const Principal& principal);

}  // namespace sluice::api
