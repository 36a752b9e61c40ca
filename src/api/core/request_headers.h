// Reading the request headers that the endpoints share: Prefer, Accept, Content-Type.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/message.h"

namespace sluice::api {

/// Checks that no header which the endpoints read, and may store or return, holds bytes that are
/// not UTF-8; kInvalid names the first that does. Other headers are not checked.
Result<void> check_header_text(const http::Request& request);

/// What Prefer asks for (RFC 7240, FHIR async, Bulk Data separate-export-status).
struct Preferences {
  bool respond_async = false;
  bool separate_export_status = false;
  bool handling_lenient = false;
  /// What a write sends back.
  enum class Return : std::uint8_t {
    kRepresentation,
    kMinimal,
    kOperationOutcome
  } returned = Return::kRepresentation;
  bool states_return = false;  ///< the client stated `returned`
};

/// Understands repeated headers, commas, semicolons, quotes and any case of names. Ignores unknown
/// preferences, as RFC 7240 requires; kInvalid for values of `handling` and `return` that do not
/// exist.
Result<Preferences> read_preferences(const http::Request& request);

/// The value of a parameter of a media type ("application/fhir+json; fhirVersion=4.0"), unquoted.
std::optional<std::string> media_parameter(std::string_view media_type, std::string_view name);

/// Whether a media type names no other version of FHIR than R4 (FHIR R4, http, version parameter).
bool is_this_fhir_version(std::string_view media_type);

/// Whether Accept allows FHIR JSON (application/fhir+json, application/json, wildcards), in this
/// version and with a weight above zero; absent: yes.
bool accepts_fhir_json(const http::Request& request);

/// The media type of the body in lower case without parameters; empty when there is no
/// Content-Type.
std::string content_type(const http::Request& request);

/// The body as JSON text: what it begins with may be a byte order mark. A view of the request.
std::string_view json_body(const http::Request& request);

}  // namespace sluice::api
