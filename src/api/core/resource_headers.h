// The request headers and parameters of interactions on one resource: conditions, formats.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "fhir/resource_type.h"
#include "http/message.h"
#include "rest/interactions.h"

namespace sluice::api {

/// The resource that the path names; kNotFound for what can be no id.
Result<fhir::ResourceId> key_of(const http::Request& request, fhir::ResourceType type);

/// The entity tag of a version: W/"3".
std::string entity_tag(std::uint32_t version);

/// The precondition of a write, from If-Match and If-None-Match. kInvalid for an invalid entity
/// tag, more than one of them, or both headers; kUnsupported for If-None-Match with other than "*".
Result<rest::Condition> read_condition(const http::Request& request);

/// kPreconditionFailed for a read with an If-Match that names another version than this one (RFC
/// 9110, 13.1.1); kInvalid as of read_condition().
Result<void> check_if_match(const http::Request& request, const rest::Stored& stored);

/// kUnsupported, naming it, for a header that asks for what is not done and must not be passed
/// over: X-Provenance on a write, If-Unmodified-Since on anything.
Result<void> refuse_headers(const http::Request& request);

/// Whether a client that sent If-None-Match or If-Modified-Since has this version already.
bool is_known(const http::Request& request, const rest::Stored& stored);

/// Checks what every interaction understands: kNotAcceptable for Accept or _format other than JSON,
/// kUnsupported naming any other parameter. `any_accept`: ignore Accept.
Result<void> check_formats(const http::Request& request, bool any_accept = false);

/// The error for a parameter that an interaction does not have.
Error unsupported_parameter(std::string_view name);

/// As check_formats for interactions with parameters of their own: `format` is the value of
/// _format.
Result<void> check_format(const http::Request& request, const std::optional<std::string>& format);

/// kUnsupportedMediaType, naming what is supported, for a media type other than FHIR JSON.
Result<void> check_json_type(std::string_view media_type);
/// The same for the body, including its FHIR version.
Result<void> check_body_type(const http::Request& request);
/// The media type of the patches that are understood, and the check that a body is one.
inline constexpr std::string_view kJsonPatch = "application/json-patch+json";
Result<void> check_patch_type(const http::Request& request);

}  // namespace sluice::api
