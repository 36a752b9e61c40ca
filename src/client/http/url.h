// URLs as a client needs them: resolving, comparing origins. By curl's own parser, so that what is
// compared is what is connected to.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice::client {

/// `reference` against `base` (RFC 3986 section 5). White space at its ends is left out, characters
/// that should have been encoded are. kInvalid unless the result is http or https
/// without user and password.
Result<std::string> resolve_url(const std::string& base, const std::string& reference);
/// "https://host:443": scheme, host and port, the port always. Empty for an invalid URL.
std::string origin_of(const std::string& url);
/// Whether a plain-text connection to the URL stays on this machine.
bool is_loopback(const std::string& url);
/// All but unreserved characters as %XX.
std::string percent_encode(std::string_view text);
/// Appends "name=value", encoded, to the query of `url`.
void append_query(std::string& url, std::string_view name, std::string_view value);

}  // namespace sluice::client
