#include "api/rest/binary_resource.h"

#include <fmt/format.h>

#include <utility>

#include "api/core/fhir_response.h"
#include "api/core/request_headers.h"
#include "api/core/resource_headers.h"
#include "base/text.h"
#include "base/utf8.h"
#include "fhir/reference.h"
#include "fhir/resource_reader.h"
#include "http/byte_range.h"

namespace sluice::api {
namespace {

constexpr const char* kSecurityContext = "X-Security-Context";
// base64 makes four bytes of three; the rest of the resource has a kilobyte.
constexpr std::size_t kContentSizeMax = (fhir::ReaderLimits().resource_size_max - 1024) / 4 * 3;

bool is_fhir(std::string_view type) {
  return type == kFhirJson || type == "application/json" || type == "application/json+fhir" ||
         type == "application/fhir+xml" || type == "application/xml+fhir";
}

// Without parameters; they neither choose nor refuse.
std::string essence(std::string_view type) {
  return to_lower(trimmed(type.substr(0, type.find(';'))));
}

template <class Visit>
void each_accepted(const http::Request& request, Visit visit) {
  const std::string accept = request.headers.combined("Accept");
  std::string_view rest = accept;
  while (!rest.empty()) {
    const std::size_t comma = rest.find(',');
    if (const std::string range = essence(rest.substr(0, comma)); !range.empty()) visit(range);
    if (comma == std::string_view::npos) return;
    rest.remove_prefix(comma + 1);
  }
}

bool accepts(const http::Request& request, const std::string& type) {
  bool any = false;
  bool found = false;
  each_accepted(request, [&](const std::string& range) {
    any = true;
    found = found || range == "*/*" || range == type ||
            (range.ends_with("/*") && type.starts_with(range.substr(0, range.size() - 1)));
  });
  return found || !any;
}

// The Binary that a raw upload makes, with the securityContext of X-Security-Context.
Result<std::string> uploaded_binary(const http::Request& request, std::string_view id,
                                    std::string_view base_url) {
  const std::string type(trimmed(request.headers.get("Content-Type").value_or("")));
  if (type.empty())
    return Error{ErrorKind::kUnsupportedMediaType, "Content-Type is missing: what is it?"};
  if (!fhir::is_media_type(type))
    return invalid(fmt::format("Content-Type '{}' is not a media type", shortened(type, 64)));
  if (request.body.size() > kContentSizeMax)
    return Error{ErrorKind::kTooLarge,
                 fmt::format("the content of a Binary has at most {} bytes", kContentSizeMax)};
  std::string context;
  if (request.headers.count(kSecurityContext) > 0) {
    context = request.headers.combined(kSecurityContext);
    if (!fhir::parse_reference(context, base_url))
      return invalid(fmt::format("{} '{}' is not a reference to a resource of this server",
                                 kSecurityContext, shortened(context, 64)));
  }
  return fhir::write_binary(id, type, context, request.body);
}

}  // namespace

bool is_raw_upload(const http::Request& request, fhir::ResourceType type) {
  return type == fhir::types::kBinary && !is_fhir(content_type(request));
}

Result<std::string_view> body_of(const http::Request& request, fhir::ResourceType type,
                                 std::string_view id, std::string_view base_url,
                                 std::string& uploaded) {
  if (is_raw_upload(request, type)) {
    SLUICE_ASSIGN_OR_RETURN(uploaded, uploaded_binary(request, id, base_url));
    return std::string_view(uploaded);
  }
  if (type == fhir::types::kBinary && request.headers.count(kSecurityContext) > 0)
    return invalid("X-Security-Context is for raw content: a Binary has its securityContext");
  SLUICE_RETURN_IF_ERROR(check_body_type(request));
  return json_body(request);
}

bool wants_raw(const http::Request& request, fhir::ResourceType type) {
  if (type != fhir::types::kBinary) return false;
  for (const auto& [name, value] : request.query)
    if (name == "_format") return false;
  bool names_fhir = false;
  each_accepted(request,
                [&](const std::string& range) { names_fhir = names_fhir || is_fhir(range); });
  return !names_fhir;
}

void set_content_headers(http::Response& response, const fhir::BinaryContent& content) {
  response.headers.set("Content-Type", content.content_type);
  // What was uploaded must not act as a page of this server.
  response.headers.set("X-Content-Type-Options", "nosniff");
  response.headers.set("Content-Security-Policy", "sandbox");
  response.headers.set("Content-Disposition", "attachment");
}

Result<http::Response> raw_response(const http::Request& request, const rest::Stored& stored) {
  auto content = fhir::read_binary(stored.json);
  if (!content && content.error().kind == ErrorKind::kInvalid)
    return Error{ErrorKind::kNotAcceptable,
                 content.error().message + ": there is only application/fhir+json"};
  if (!content) return content.error();
  if (!accepts(request, essence(content->content_type)))
    return Error{ErrorKind::kNotAcceptable,
                 fmt::format("the content is {}; there is application/fhir+json too",
                             content->content_type)};
  // Strong, unlike that of the resource as JSON: these bytes do not change with how they are sent.
  const std::string etag = fmt::format("\"{}\"", stored.version);
  const std::uint64_t size = content->bytes.size();
  const auto decision = http::decide_range(request, etag, stored.last_updated, size);
  http::Response response;
  if (decision.status == 416)
    response =
        error_response({ErrorKind::kRangeNotSatisfiable,
                        fmt::format("Range '{}' is not within the {} bytes of the content",
                                    shortened(request.headers.combined("Range"), 64), size)});
  if (decision.status == 412)
    response = error_response(
        {ErrorKind::kPreconditionFailed, "the condition of the request does not hold"});
  http::apply_range(decision, etag, stored.last_updated, size, response);
  response.headers.set("Vary", "Accept");
  response.headers.set("Cache-Control", "private, no-cache");
  if (decision.status != 200 && decision.status != 206) return response;
  set_content_headers(response, *content);
  if (decision.status == 206)
    content->bytes = content->bytes.substr(decision.range.offset, decision.range.length);
  response.body = std::move(content->bytes);
  return response;
}

Result<void> authorize_content(const Principal& principal, fhir::ResourceType type,
                               std::string_view json, smart::Permissions permissions,
                               std::string_view base_url) {
  if (type != fhir::types::kBinary || principal.client == nullptr) return {};
  SLUICE_ASSIGN_OR_RETURN(const auto context, fhir::read_security_context(json));
  if (!context) return {};
  const auto reference = fhir::parse_reference(*context, base_url);
  if (principal.claims != nullptr) {
    const auto& scopes = principal.claims->scopes;
    const auto given =
        reference ? scopes.permissions(reference->type) : scopes.permissions_on_all_types();
    if (given.all_of(permissions)) return {};
  }
  return Error{ErrorKind::kForbidden,
               fmt::format("the access token's scopes do not cover {}, which the Binary's "
                           "securityContext names",
                           reference ? fhir::type_name(reference->type) : "what is elsewhere")};
}

}  // namespace sluice::api
