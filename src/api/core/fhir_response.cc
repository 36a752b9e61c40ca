#include "api/core/fhir_response.h"

#include <fmt/format.h>

#include "base/log.h"
#include "fhir/operation_outcome.h"

namespace sluice::api {
namespace {

struct Mapping {
  ErrorKind kind;
  int status;
  std::string_view issue_code;  // of http://hl7.org/fhir/issue-type
};

constexpr Mapping kMappings[] = {
    {ErrorKind::kInvalid, 400, "invalid"},
    {ErrorKind::kUnsupported, 400, "not-supported"},
    {ErrorKind::kUnauthenticated, 401, "login"},
    {ErrorKind::kForbidden, 403, "forbidden"},
    {ErrorKind::kNotFound, 404, "not-found"},
    {ErrorKind::kMethodNotAllowed, 405, "not-supported"},
    {ErrorKind::kNotAcceptable, 406, "not-supported"},
    // 408 would blame the connection, and to try again would not help.
    {ErrorKind::kTimeout, 422, "too-costly"},
    {ErrorKind::kPreconditionFailed, 412, "conflict"},
    {ErrorKind::kUnprocessable, 422, "processing"},
    {ErrorKind::kConflict, 409, "conflict"},
    {ErrorKind::kGone, 410, "deleted"},
    {ErrorKind::kTooLarge, 413, "too-long"},
    {ErrorKind::kUnsupportedMediaType, 415, "not-supported"},
    {ErrorKind::kRangeNotSatisfiable, 416, "invalid"},
    {ErrorKind::kTooManyRequests, 429, "throttled"},
    {ErrorKind::kCancelled, 503, "transient"},
    {ErrorKind::kUnavailable, 503, "transient"},
    {ErrorKind::kStorage, 500, "exception"},
    {ErrorKind::kCorrupt, 500, "exception"},
    {ErrorKind::kInternal, 500, "exception"},
};

const Mapping& mapping(ErrorKind kind) {
  for (const auto& entry : kMappings)
    if (entry.kind == kind) return entry;
  return kMappings[std::size(kMappings) - 1];
}

}  // namespace

int http_status(ErrorKind kind) {
  return mapping(kind).status;
}

http::Response fhir_response(int status, std::string json) {
  http::Response response;
  response.status = status;
  response.headers.set("Content-Type", std::string(kFhirJson));
  response.body = std::move(json);
  return response;
}

http::Response information(int status, std::string_view diagnostics) {
  return fhir_response(status,
                       fhir::operation_outcome("information", "informational", diagnostics));
}

http::Response error_response(const Error& error) {
  return error_response(error, {});
}

http::Response error_response(const Error& error, const IssueShape& shape) {
  // A full disk is a temporary error.
  const bool passes = error.kind == ErrorKind::kStorage && error.retry_after;
  const Mapping& entry = mapping(passes ? ErrorKind::kUnavailable : error.kind);
  const int status = shape.status == 0 ? entry.status : shape.status;
  auto response = fhir_response(
      status, fhir::operation_outcome({{status >= 500 && status != 503 ? "fatal" : "error",
                                        shape.code.empty() ? entry.issue_code : shape.code,
                                        error.message, shape.expression}}));
  if (error.retry_after)
    response.headers.set("Retry-After", fmt::to_string(error.retry_after->count()));
  return response;
}

http::Response request_error(const http::Request& request, const Error& error,
                             const IssueShape& shape) {
  if (http_status(error.kind) == 500)
    spdlog::error("request failed id={} kind={} error=\"{}\" detail=\"{}\"", request.id,
                  to_string(error.kind), error.message, error.detail);
  return error_response(error, shape);
}

}  // namespace sluice::api
