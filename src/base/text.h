// Text of protocols: ASCII, independent of the locale.
#pragma once

#include <string>
#include <string_view>

namespace sluice {

/// With A to Z in lower case; everything else stays.
std::string to_lower(std::string_view text);
/// Without the characters `blank` at both ends; HTTP's optional white space unless said otherwise.
std::string_view trimmed(std::string_view text, std::string_view blank = " \t");

}  // namespace sluice
