#include "api/core/request_headers.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "base/text.h"
#include "base/utf8.h"

namespace sluice::api {
namespace {

std::vector<std::string_view> split(std::string_view text, std::string_view separators) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = text.find_first_of(separators);
    const auto part = trimmed(text.substr(0, end));
    if (!part.empty()) parts.push_back(part);
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

Result<Preferences::Return> read_return(std::string_view value) {
  using Return = Preferences::Return;
  const std::string name = to_lower(value);
  if (name == "minimal") return Return::kMinimal;
  if (name == "representation") return Return::kRepresentation;
  if (name == "operationoutcome") return Return::kOperationOutcome;
  return invalid(
      fmt::format("Prefer: return '{}' is none of minimal, representation and OperationOutcome",
                  shortened(value, 64)));
}

constexpr std::array kHeadersRead = {
    "Accept",        "Authorization",       "Content-Type", "If-Match",
    "If-None-Exist", "If-None-Match",       "If-Range",     "If-Modified-Since",
    "Prefer",        "If-Unmodified-Since", "Range",        "X-Cascade",
    "X-Provenance",  "X-Security-Context"};

}  // namespace

Result<void> check_header_text(const http::Request& request) {
  for (const auto& [name, value] : request.headers.all()) {
    if (is_valid_utf8(value)) continue;
    const std::string lower = to_lower(name);
    for (const std::string_view read : kHeadersRead)
      if (lower == to_lower(read))
        return invalid(fmt::format("the header {} is not valid UTF-8", read));
  }
  return {};
}

Result<Preferences> read_preferences(const http::Request& request) {
  Preferences preferences;
  const std::string all = request.headers.combined("Prefer");
  for (const auto item : split(all, ",;")) {
    const std::size_t equals = item.find('=');
    const std::string name = to_lower(trimmed(item.substr(0, equals)));
    std::string_view value =
        equals == std::string_view::npos ? std::string_view() : trimmed(item.substr(equals + 1));
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
      value = value.substr(1, value.size() - 2);
    if (name == "respond-async") {
      preferences.respond_async = true;
    } else if (name == "separate-export-status") {
      preferences.separate_export_status = true;
    } else if (name == "handling") {
      const std::string handling = to_lower(value);
      if (handling != "lenient" && handling != "strict")
        return invalid(fmt::format("Prefer: handling '{}' is neither strict nor lenient",
                                   shortened(value, 64)));
      preferences.handling_lenient = handling == "lenient";
    } else if (name == "return") {
      SLUICE_ASSIGN_OR_RETURN(preferences.returned, read_return(value));
      preferences.states_return = true;
    }
  }
  return preferences;
}

std::optional<std::string> media_parameter(std::string_view media_type, std::string_view name) {
  for (const auto part :
       split(media_type.substr(std::min(media_type.find(';'), media_type.size())), ";")) {
    const std::size_t equals = part.find('=');
    if (equals == std::string_view::npos ||
        to_lower(trimmed(part.substr(0, equals))) != to_lower(name))
      continue;
    std::string_view value = trimmed(part.substr(equals + 1));
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
      value = value.substr(1, value.size() - 2);
    return std::string(value);
  }
  return std::nullopt;
}

bool is_this_fhir_version(std::string_view media_type) {
  const auto version = media_parameter(media_type, "fhirVersion");
  return !version || *version == "4.0" || *version == "4.0.1";
}

bool accepts_fhir_json(const http::Request& request) {
  const std::string accept = request.headers.combined("Accept");
  if (trimmed(accept).empty()) return true;
  for (const auto range : split(accept, ",")) {
    const std::string type = to_lower(trimmed(range.substr(0, range.find(';'))));
    const auto weight = media_parameter(range, "q");
    const bool is_refused = weight && weight->find_first_not_of("0.") == std::string::npos;
    if (is_refused || !is_this_fhir_version(range)) continue;
    if (type == "application/fhir+json" || type == "application/json" || type == "*/*" ||
        type == "application/*" || type == "application/json+fhir")
      return true;
  }
  return false;
}

std::string content_type(const http::Request& request) {
  const auto header = request.headers.get("Content-Type");
  if (!header) return {};
  return to_lower(trimmed(header->substr(0, header->find(';'))));
}

std::string_view json_body(const http::Request& request) {
  return without_byte_order_mark(request.body);
}

}  // namespace sluice::api
