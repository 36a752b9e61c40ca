// Errors as a token endpoint answers them (RFC 6749 section 5.2, RFC 7591 section 3.2.2).
#pragma once

#include <boost/system/result.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice::smart {

enum class OAuthCode : std::uint8_t {
  kInvalidRequest,
  kInvalidClient,
  kInvalidScope,
  kUnauthorizedClient,
  kUnsupportedGrantType,
  kSlowDown,                ///< too many requests; wire "temporarily_unavailable"
  kTemporarilyUnavailable,  ///< keys cannot be fetched now
  kServerError,             ///< storage and other errors
};

/// "invalid_client".
std::string_view to_string(OAuthCode code);
/// 400, 401 for kInvalidClient, 429 for kSlowDown, 503 for kTemporarilyUnavailable, 500.
unsigned http_status(OAuthCode code);

/// `description` goes to the client as "error_description": it must not reveal which clients exist.
/// `detail` is for the log: the reason, without tokens and keys.
struct OAuthError {
  OAuthCode code = OAuthCode::kServerError;
  std::string description;
  std::string detail = {};
  std::optional<std::chrono::seconds> retry_after = std::nullopt;
};

/// {"error":...,"error_description":...} with what RFC 6749 does not allow in a description
/// replaced by '?'.
std::string to_json(const OAuthError& error);

/// An error that is not the client's fault: kServerError, or kTemporarilyUnavailable for
/// kUnavailable, kTimeout and kTooManyRequests. Keeps the detail for the log only.
OAuthError server_error(const Error& error);

[[noreturn]] void throw_exception_from_error(const OAuthError& error,
                                             const boost::source_location& where);

template <class T>
using OAuthResult = boost::system::result<T, OAuthError>;

}  // namespace sluice::smart
