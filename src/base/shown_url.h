// URLs as messages and logs show them: queries may be signatures, user names come with passwords.
#pragma once

#include <string>
#include <string_view>

namespace sluice {

/// A URL without query, fragment and user information, at most 256 bytes of it. Also of a text that
/// is no whole URL; nothing is decoded.
std::string shown_url(std::string_view url);

}  // namespace sluice
