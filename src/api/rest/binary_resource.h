// What is special about Binary: sent and taken as the bytes that it holds, and guarded by what its
// securityContext names.
#pragma once

#include <string>
#include <string_view>

#include "api/core/principal.h"
#include "api/core/service.h"
#include "base/result.h"
#include "fhir/binary_content.h"
#include "fhir/resource_type.h"
#include "http/message.h"
#include "rest/interactions.h"

namespace sluice::api {

/// Whether the body is content of a Binary rather than a resource: everything but FHIR, which
/// application/json counts as.
bool is_raw_upload(const http::Request& request, fhir::ResourceType type);
/// The resource that a write brings: its body, or the Binary that a raw upload makes, with the
/// securityContext of X-Security-Context. kInvalid for a Content-Type or a header that cannot be
/// one, kUnsupportedMediaType for other than FHIR JSON or without a Content-Type, kTooLarge above
/// what fits into a resource. `uploaded` keeps the text of a raw upload.
Result<std::string_view> body_of(const http::Request& request, fhir::ResourceType type,
                                 std::string_view id, std::string_view base_url,
                                 std::string& uploaded);

/// Whether a Binary is to be sent as its bytes: not when _format or Accept ask for FHIR JSON.
bool wants_raw(const http::Request& request, fhir::ResourceType type);
/// The bytes of a Binary, or the requested Range; 304 and 412 by the request's conditions.
/// kNotAcceptable when Accept excludes its type or its data is not base64.
Result<http::Response> raw_response(const http::Request& request, const rest::Stored& stored);
/// Headers of a Binary's bytes: their type, and that they are no page of this server.
void set_content_headers(http::Response& response, const fhir::BinaryContent& content);

/// Whether the principal may do this with a Binary: kForbidden when its scopes do not cover the
/// type that securityContext names, or all types when it names nothing of this server. Allows
/// everything for other types.
Result<void> authorize_content(const Principal& principal, fhir::ResourceType type,
                               std::string_view json, smart::Permissions permissions,
                               std::string_view base_url);

}  // namespace sluice::api
