#include "api/resource_headers.h"

#include <fmt/format.h>

#include <charconv>
#include <string_view>

#include "api/fhir_response.h"
#include "api/request_headers.h"

namespace sluice::api {
namespace {

// W/"3" or "3". 0, which is no version, for a tag that is not one of ours.
Result<std::uint32_t> version_of(std::string_view header, std::string_view tag) {
  const Error bad = invalid(
      fmt::format(R"({} '{}' is not one entity tag such as W/"3")", header, tag.substr(0, 64)));
  if (tag.starts_with("W/")) tag.remove_prefix(2);
  if (tag.size() < 2 || tag.front() != '"' || tag.back() != '"') return bad;
  tag = tag.substr(1, tag.size() - 2);
  if (tag.find('"') != std::string_view::npos) return bad;
  std::uint32_t version = 0;
  const auto [end, failed] = std::from_chars(tag.data(), tag.data() + tag.size(), version);
  if (failed != std::errc() || end != tag.data() + tag.size()) return 0;
  return version;
}

Error unsupported_type(std::string_view type, std::string_view supported) {
  return {ErrorKind::kUnsupportedMediaType,
          fmt::format("Content-Type '{}' is not supported: use {}", type.substr(0, 64), supported)};
}

}  // namespace

std::string entity_tag(std::uint32_t version) {
  return fmt::format("W/\"{}\"", version);
}

Result<rest::Condition> read_condition(const http::Request& request) {
  using Kind = rest::Condition::Kind;
  const bool has_match = request.headers.count("If-Match") > 0;
  const bool has_none_match = request.headers.count("If-None-Match") > 0;
  if (has_match && has_none_match) return invalid("If-Match and If-None-Match exclude each other");
  if (has_none_match) {
    if (request.headers.combined("If-None-Match") != "*")
      return Error{ErrorKind::kUnsupported, "If-None-Match of a write takes '*' only"};
    return rest::Condition{Kind::kAbsent};
  }
  if (!has_match) return rest::Condition{};
  const std::string match = request.headers.combined("If-Match");
  if (match == "*") return rest::Condition{Kind::kPresent};
  SLUICE_TRY(const auto version, version_of("If-Match", match));
  return rest::Condition{Kind::kVersion, version};
}

bool is_known(const http::Request& request, const rest::Stored& stored) {
  if (const auto tags = request.headers.combined("If-None-Match"); !tags.empty()) {
    if (tags == "*") return true;
    // Weak comparison (RFC 9110 section 8.8.3.2): with or without W/, one of several.
    return (", " + tags + ",").find(fmt::format("\"{}\",", stored.version)) != std::string::npos;
  }
  const auto since = request.headers.get("If-Modified-Since");
  if (!since) return false;
  const auto instant = parse_http_date(*since);
  // HTTP-dates have whole seconds.
  return instant && stored.last_updated.milliseconds / 1000 <= instant->milliseconds / 1000;
}

Result<void> check_formats(const http::Request& request) {
  std::optional<std::string> format;
  for (const auto& [name, value] : request.query) {
    if (name != "_format")
      return Error{ErrorKind::kUnsupported,
                   fmt::format("the parameter '{}' is not supported here", name.substr(0, 64))};
    format = value;
    SLUICE_CHECK(check_format(request, format));
  }
  return check_format(request, format);
}

Result<void> check_format(const http::Request& request, const std::optional<std::string>& format) {
  // _format wins over Accept: it is for clients that cannot say what they accept.
  if (!format) {
    if (accepts_fhir_json(request)) return {};
    return Error{ErrorKind::kNotAcceptable,
                 fmt::format("Accept '{}' is not supported: use application/fhir+json",
                             request.headers.combined("Accept").substr(0, 64))};
  }
  if (*format == "json" || *format == "application/json" || *format == kFhirJson ||
      *format == "application/fhir json")
    return {};
  return Error{ErrorKind::kNotAcceptable,
               fmt::format("_format '{}' is not supported: use json", format->substr(0, 64))};
}

Result<void> check_body_type(const http::Request& request) {
  const std::string type = content_type(request);
  if (type == kFhirJson || type == "application/json") return {};
  return unsupported_type(type, kFhirJson);
}

Result<void> check_patch_type(const http::Request& request) {
  const std::string type = content_type(request);
  if (type == kJsonPatch) return {};
  return unsupported_type(type, kJsonPatch);
}

}  // namespace sluice::api
