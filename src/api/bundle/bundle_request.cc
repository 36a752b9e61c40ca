#include "api/bundle/bundle_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "api/core/fhir_response.h"
#include "api/core/service.h"
#include "base/utf8.h"
#include "fhir/binary_content.h"
#include "fhir/resource_type.h"
#include "http/target.h"
#include "json/json_walk.h"

namespace sluice::api {
namespace {

// What an answer to one entry may hold: a page of a search at the most.
constexpr std::size_t kBodySizeMax = 64u << 20;

std::string_view to_text(Preferences::Return returned) {
  switch (returned) {
    case Preferences::Return::kRepresentation:
      return "return=representation";
    case Preferences::Return::kOperationOutcome:
      return "return=OperationOutcome";
    case Preferences::Return::kMinimal:
      break;
  }
  return "return=minimal";
}

// Only resources: a batch that kicks off exports or asks for tokens is not what R4 means.
Result<http::Target> target_of(std::string_view method, std::string_view url,
                               std::string_view base_url) {
  if (url.starts_with(base_url)) url.remove_prefix(base_url.size());
  if (url.starts_with('/')) url.remove_prefix(1);
  SLUICE_ASSIGN_OR_RETURN(auto target,
                          http::parse_target(method, fmt::format("{}/{}", kFhirPath, url)));
  const bool is_operation = std::any_of(target.segments.begin(), target.segments.end(),
                                        [](const auto& s) { return s.starts_with('$'); });
  if (target.segments.size() < 2 || is_operation || !fhir::find_resource_type(target.segments[1]))
    return Error{ErrorKind::kUnsupported,
                 fmt::format("there is no {} of '{}' in a Bundle", shortened(method, 16),
                             shortened(url.substr(0, url.find('?')), 128))};
  return target;
}

Result<void> add_conditions(const fhir::BundleRequestEntry& entry, http::Headers& headers) {
  if (entry.if_match) headers.set("If-Match", *entry.if_match);
  if (entry.if_none_match) headers.set("If-None-Match", *entry.if_none_match);
  if (entry.if_none_exist) headers.set("If-None-Exist", *entry.if_none_exist);
  if (entry.if_modified_since) {
    const auto since = parse_fhir_instant(*entry.if_modified_since);
    if (!since) return invalid("request.ifModifiedSince is not an instant");
    headers.set("If-Modified-Since", to_http_date(*since));
  }
  return {};
}

Result<void> add_body(const fhir::BundleRequest& bundle, const fhir::BundleRequestEntry& entry,
                      http::Request& request) {
  if (entry.resource == 0) return {};
  const std::string_view resource = bundle.resource_of(entry);
  if (entry.method != "PATCH") {
    request.headers.set("Content-Type", std::string(kFhirJson));
    request.body = resource;
    return {};
  }
  // A patch is no resource: it comes in a Binary.
  if (fhir::string_member(bundle.tokens(), entry.resource, "resourceType") != "Binary")
    return invalid("the resource of a PATCH is a Binary with a JSON Patch in it");
  SLUICE_ASSIGN_OR_RETURN(auto binary, fhir::read_binary(resource));
  request.headers.set("Content-Type", std::move(binary.content_type));
  request.body = std::move(binary.bytes);
  return {};
}

Result<std::string> text_of(http::Response& response) {
  if (auto* const text = std::get_if<std::string>(&response.body)) return std::move(*text);
  if (const auto* shared = std::get_if<SharedText>(&response.body))
    return std::string(shared->view());
  auto* const stream = std::get_if<http::StreamBody>(&response.body);
  if (stream == nullptr) return Error{ErrorKind::kUnsupported, "its answer is no resource"};
  std::string text;
  std::array<char, 64u << 10> buffer;
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(const std::size_t size, stream->read(buffer));
    if (size == 0) return text;
    if (text.size() + size > kBodySizeMax)
      return Error{ErrorKind::kTooLarge, "its answer is too large for a Bundle"};
    text.append(buffer.data(), size);
  }
}

}  // namespace

Result<http::Request> entry_request(const http::Request& whole, std::string_view base_url,
                                    const Preferences& preferences,
                                    const fhir::BundleRequest& bundle,
                                    const fhir::BundleRequestEntry& entry) {
  SLUICE_ASSIGN_OR_RETURN(auto target, target_of(entry.method, entry.url, base_url));
  http::Request request;
  request.id = whole.id;
  request.method = entry.method;
  request.path = std::move(target.path);
  request.target = request.path;
  if (!target.raw_query.empty()) request.target.append("?").append(target.raw_query);
  request.segments = std::move(target.segments);
  request.raw_query = std::move(target.raw_query);
  request.query = std::move(target.query);
  request.peer_address = whole.peer_address;
  request.origin = whole.origin;
  for (const auto& [name, value] : whole.headers.all())
    if (name == "Authorization" || name == "authorization") request.headers.add(name, value);
  request.headers.set("Accept", std::string(kFhirJson));
  request.headers.set("Prefer", std::string(to_text(preferences.returned)));
  SLUICE_RETURN_IF_ERROR(add_conditions(entry, request.headers));
  SLUICE_RETURN_IF_ERROR(add_body(bundle, entry, request));
  return request;
}

BundleResponseEntry dispatch_entry(const http::Router& router, http::Request request,
                                   std::string_view base_url) {
  std::string route;
  auto response = router.dispatch(request, route);
  return entry_of_response(request, std::move(response), base_url);
}

BundleResponseEntry entry_of_response(const http::Request& request, http::Response response,
                                      std::string_view base_url) {
  auto body = text_of(response);
  if (!body) return error_entry(body.error());
  BundleResponseEntry entry;
  entry.status = response.status;
  entry.etag = response.headers.combined("ETag");
  entry.location = response.headers.combined("Location");
  if (entry.location.empty()) entry.location = response.headers.combined("Content-Location");
  if (entry.location.starts_with(base_url)) entry.location.erase(0, base_url.size() + 1);
  entry.last_modified = response.last_modified;
  // A read may give an OperationOutcome that is stored; a write gives one as its outcome.
  const bool is_outcome =
      response.status >= 400 ||
      (request.method != "GET" && body->starts_with(R"({"resourceType":"OperationOutcome")"));
  (is_outcome ? entry.outcome : entry.resource) = std::move(*body);
  return entry;
}

}  // namespace sluice::api
