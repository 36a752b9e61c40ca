// Percent-encoding (RFC 3986 section 2.1), by Boost.URL.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sluice {

/// `text` decoded once; with `plus_is_space` as in queries. nullopt when a '%' has no two
/// hexadecimal digits behind it. Any byte can come out, NUL too: the caller knows what may stand
/// there.
std::optional<std::string> percent_decoded(std::string_view text, bool plus_is_space);

/// RFC 3986 unreserved characters stay, others become %XX.
std::string percent_encoded(std::string_view text);

}  // namespace sluice
