// Answers every endpoint gives alike: OperationOutcomes, and the one table from kinds of error to
// HTTP statuses and FHIR issue codes.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "http/message.h"

namespace sluice::api {

inline constexpr std::string_view kFhirJson = "application/fhir+json";

/// A FHIR resource as JSON text.
http::Response fhir_response(int status, std::string json);
/// An OperationOutcome with one informational issue.
http::Response information(int status, std::string_view diagnostics);
/// The OperationOutcome of an error (K-05), with Retry-After if the error has one. Logs 5xx with
/// the error's detail; the client gets the message only.
http::Response error_response(const Error& error);
/// Where an error is told otherwise than by its kind.
struct IssueShape {
  int status = 0;               ///< 0: that of the kind
  std::string_view code = {};   ///< empty: that of the kind
  std::string expression = {};  ///< the parameter at fault
};
http::Response error_response(const Error& error, const IssueShape& shape);
/// As error_response; takes the request for the log line's id.
http::Response request_error(const http::Request& request, const Error& error,
                             const IssueShape& shape = {});

/// The HTTP status of a kind.
int http_status(ErrorKind kind);

}  // namespace sluice::api
