#include "api/core/resource_headers.h"

#include <fmt/format.h>

#include <string_view>

#include "api/core/fhir_response.h"
#include "api/core/request_headers.h"
#include "base/utf8.h"

namespace sluice::api {
namespace {

std::optional<std::string> combined_if_any(const http::Request& request, std::string_view name) {
  if (request.headers.count(name) == 0) return std::nullopt;
  return request.headers.combined(name);
}

Error unsupported_type(std::string_view type, std::string_view supported) {
  return {
      ErrorKind::kUnsupportedMediaType,
      fmt::format("Content-Type '{}' is not supported: use {}", shortened(type, 64), supported)};
}

}  // namespace

Result<fhir::ResourceId> key_of(const http::Request& request, fhir::ResourceType type) {
  fhir::ResourceId key{type, std::string(request.parameter("id"))};
  if (fhir::is_valid_id(key.id)) return key;
  return not_found(fmt::format("there is no {}/{}", fhir::type_name(type), shortened(key.id, 64)));
}

std::string entity_tag(std::uint32_t version) {
  return fmt::format("W/\"{}\"", version);
}

Result<rest::Condition> read_condition(const http::Request& request) {
  return rest::parse_condition(combined_if_any(request, "If-Match"),
                               combined_if_any(request, "If-None-Match"));
}

Result<void> check_if_match(const http::Request& request, const rest::Stored& stored) {
  SLUICE_ASSIGN_OR_RETURN(
      const auto condition,
      rest::parse_condition(combined_if_any(request, "If-Match"), std::nullopt));
  if (condition.kind != rest::Condition::Kind::kVersion || condition.version == stored.version)
    return {};
  return Error{ErrorKind::kPreconditionFailed,
               fmt::format("If-Match names another version, here is version {}", stored.version)};
}

Result<void> refuse_headers(const http::Request& request) {
  const bool is_read = request.method == "GET" || request.method == "HEAD";
  if (!is_read && request.headers.count("X-Provenance") > 0)
    return Error{ErrorKind::kUnsupported,
                 "the header X-Provenance is not supported: send the Provenance as a resource, in "
                 "one transaction with what it is about"};
  if (request.headers.count("If-Unmodified-Since") > 0)
    return Error{ErrorKind::kUnsupported,
                 "the header If-Unmodified-Since is not supported: use If-Match"};
  return {};
}

bool is_known(const http::Request& request, const rest::Stored& stored) {
  rest::Known known{request.headers.combined("If-None-Match")};
  if (const auto since = request.headers.get("If-Modified-Since"))
    if (const auto instant = parse_http_date(*since)) known.since = *instant;
  return rest::is_known(known, stored.version, stored.last_updated);
}

Error unsupported_parameter(std::string_view name) {
  return {ErrorKind::kUnsupported,
          fmt::format("the parameter '{}' is not supported here", shortened(name, 64))};
}

Result<void> check_formats(const http::Request& request, bool any_accept) {
  std::optional<std::string> format;
  for (const auto& [name, value] : request.query) {
    if (name != "_format") return unsupported_parameter(name);
    format = value;
    SLUICE_RETURN_IF_ERROR(check_format(request, format));
  }
  if (any_accept && !format) return {};
  return check_format(request, format);
}

Result<void> check_format(const http::Request& request, const std::optional<std::string>& format) {
  // _format wins over Accept: it is for clients that cannot say what they accept.
  if (!format) {
    if (accepts_fhir_json(request)) return {};
    return Error{ErrorKind::kNotAcceptable,
                 fmt::format("Accept '{}' is not supported: use application/fhir+json",
                             shortened(request.headers.combined("Accept"), 64))};
  }
  if (*format == "json" || *format == "application/json" || *format == kFhirJson ||
      *format == "application/fhir json")
    return {};
  return Error{ErrorKind::kNotAcceptable,
               fmt::format("_format '{}' is not supported: use json", shortened(*format, 64))};
}

Result<void> check_json_type(std::string_view media_type) {
  if (media_type == kFhirJson || media_type == "application/json") return {};
  return unsupported_type(media_type, kFhirJson);
}

Result<void> check_body_type(const http::Request& request) {
  SLUICE_RETURN_IF_ERROR(check_json_type(content_type(request)));
  const std::string header(request.headers.get("Content-Type").value_or(""));
  if (is_this_fhir_version(header)) return {};
  return unsupported_type(header, "fhirVersion=4.0");
}

Result<void> check_patch_type(const http::Request& request) {
  const std::string type = content_type(request);
  if (type == kJsonPatch) return {};
  return unsupported_type(type, kJsonPatch);
}

}  // namespace sluice::api
