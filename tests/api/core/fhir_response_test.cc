// The one table from kinds of error to HTTP statuses and FHIR issue codes (K-05).
#include "api/core/fhir_response.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace sluice::api {
namespace {

namespace json = boost::json;

json::object issue_of(const http::Response& response) {
  EXPECT_EQ(response.headers.get("Content-Type"), "application/fhir+json");
  const auto outcome = json::parse(std::get<std::string>(response.body)).as_object();
  EXPECT_EQ(outcome.at("resourceType"), "OperationOutcome");
  return outcome.at("issue").as_array().at(0).as_object();
}

TEST(FhirResponse, K05EveryKindOfErrorHasItsStatusAndIssueCode) {
  const struct {
    ErrorKind kind;
    int status;
    const char* code;
    const char* severity;
  } cases[] = {
      {ErrorKind::kInvalid, 400, "invalid", "error"},
      {ErrorKind::kUnsupported, 400, "not-supported", "error"},
      {ErrorKind::kUnauthenticated, 401, "login", "error"},
      {ErrorKind::kForbidden, 403, "forbidden", "error"},
      {ErrorKind::kNotFound, 404, "not-found", "error"},
      {ErrorKind::kMethodNotAllowed, 405, "not-supported", "error"},
      {ErrorKind::kNotAcceptable, 406, "not-supported", "error"},
      {ErrorKind::kTimeout, 422, "too-costly", "error"},
      {ErrorKind::kConflict, 409, "conflict", "error"},
      {ErrorKind::kGone, 410, "deleted", "error"},
      {ErrorKind::kTooLarge, 413, "too-long", "error"},
      {ErrorKind::kUnsupportedMediaType, 415, "not-supported", "error"},
      {ErrorKind::kRangeNotSatisfiable, 416, "invalid", "error"},
      {ErrorKind::kTooManyRequests, 429, "throttled", "error"},
      {ErrorKind::kCancelled, 503, "transient", "error"},
      {ErrorKind::kUnavailable, 503, "transient", "error"},
      {ErrorKind::kStorage, 500, "exception", "fatal"},
      {ErrorKind::kCorrupt, 500, "exception", "fatal"},
      {ErrorKind::kInternal, 500, "exception", "fatal"},
  };
  for (const auto& each : cases) {
    const auto response = error_response({each.kind, "what was wrong", "kept inside"});
    EXPECT_EQ(response.status, each.status);
    const auto issue = issue_of(response);
    EXPECT_EQ(issue.at("code"), each.code) << each.status;
    EXPECT_EQ(issue.at("severity"), each.severity) << each.status;
    EXPECT_EQ(issue.at("diagnostics"), "what was wrong");
    EXPECT_EQ(std::get<std::string>(response.body).find("kept inside"), std::string::npos);
    EXPECT_FALSE(response.headers.get("Retry-After"));
  }
}

TEST(FhirResponse, K06AnErrorThatPassesSaysWhen) {
  const auto response =
      error_response({ErrorKind::kTooManyRequests, "too many", {}, std::chrono::seconds(7)});
  EXPECT_EQ(response.headers.get("Retry-After"), "7");
}

TEST(FhirResponse, ControlCharactersAndQuotesOfAMessageStayText) {
  const auto response = error_response({ErrorKind::kInvalid, "\"a\"\n\x01 \xc3\xa4"});
  EXPECT_EQ(issue_of(response).at("diagnostics"), "\"a\"\n\x01 \xc3\xa4");
}

TEST(FhirResponse, AFullDiskIsToBeTriedAgain) {
  const auto response =
      error_response({ErrorKind::kStorage, "the disk is full", {}, std::chrono::seconds(10)});
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.headers.get("Retry-After"), "10");
  EXPECT_EQ(issue_of(response).at("code"), "transient");
}

}  // namespace
}  // namespace sluice::api
