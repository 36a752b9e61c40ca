#include "smart/oauth_error.h"

#include <algorithm>
#include <boost/json.hpp>
#include <stdexcept>

#include "base/json_text.h"

namespace sluice::smart {

std::string_view to_string(OAuthCode code) {
  switch (code) {
    case OAuthCode::kInvalidRequest:
      return "invalid_request";
    case OAuthCode::kInvalidClient:
      return "invalid_client";
    case OAuthCode::kInvalidScope:
      return "invalid_scope";
    case OAuthCode::kUnauthorizedClient:
      return "unauthorized_client";
    case OAuthCode::kUnsupportedGrantType:
      return "unsupported_grant_type";
    case OAuthCode::kSlowDown:
    case OAuthCode::kTemporarilyUnavailable:
      return "temporarily_unavailable";
    case OAuthCode::kServerError:
      break;
  }
  return "server_error";
}

unsigned http_status(OAuthCode code) {
  switch (code) {
    case OAuthCode::kInvalidClient:
      return 401;
    case OAuthCode::kSlowDown:
      return 429;
    case OAuthCode::kTemporarilyUnavailable:
      return 503;
    case OAuthCode::kServerError:
      return 500;
    default:
      return 400;
  }
}

std::string to_json(const OAuthError& error) {
  std::string description = error.description;
  // RFC 6749 section 5.2: %x20-21 / %x23-5B / %x5D-7E.
  std::replace_if(
      description.begin(), description.end(),
      [](char c) { return c < 0x20 || c > 0x7e || c == '"' || c == '\\'; }, '?');
  boost::json::object object;
  object["error"] = boost::json::string_view(to_string(error.code));
  if (!description.empty()) object["error_description"] = description;
  return json_text(object);
}

OAuthError server_error(const Error& error) {
  const bool may_pass = error.kind == ErrorKind::kUnavailable ||
                        error.kind == ErrorKind::kTimeout ||
                        error.kind == ErrorKind::kTooManyRequests;
  std::string detail = error.message;
  if (!error.detail.empty()) detail += ": " + error.detail;
  if (may_pass)
    return {OAuthCode::kTemporarilyUnavailable, "this cannot be answered now; try again later",
            std::move(detail), error.retry_after};
  return {OAuthCode::kServerError, "the server failed", std::move(detail)};
}

void throw_exception_from_error(const OAuthError& error, const boost::source_location&) {
  throw std::logic_error(error.description + ": " + error.detail);
}

}  // namespace sluice::smart
