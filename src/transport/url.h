// URLs by curl's own parser, so that what is compared is what is connected to.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"

namespace sluice::transport {

struct UrlParts {
  std::string scheme;  ///< in lower case
  std::string host;    ///< IPv6 addresses in brackets
  std::string port;    ///< the scheme's own when the URL names none
  bool has_user = false;
};
/// nullopt unless it is a whole URL of a scheme that is known.
std::optional<UrlParts> parse_url(const std::string& url);
/// `reference` against `base` (RFC 3986 section 5). White space at its ends is left out, characters
/// that should have been encoded are. kInvalid unless the result is http or https
/// without user and password.
Result<std::string> resolve_url(const std::string& base, const std::string& reference);
/// "https://host:443": scheme, host and port, the port always. Empty for an invalid URL.
std::string origin_of(const std::string& url);

}  // namespace sluice::transport
