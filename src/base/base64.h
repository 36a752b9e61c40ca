// Base64 (RFC 4648): with padding, as HTTP and FHIR write it, and the alphabet of URLs without
// padding, as JOSE does.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice {

std::string base64_encode(std::string_view bytes);
/// kInvalid for other alphabets, white space, impossible lengths, and padding that is missing or
/// not at the end. Unused last bits may be set: other writers leave them.
Result<std::string> base64_decode(std::string_view text);

std::string base64url_encode(std::string_view bytes);
/// One text for each string of bytes: kInvalid as base64_decode, for any padding, and for unused
/// last bits that are not zero.
Result<std::string> base64url_decode(std::string_view text);

}  // namespace sluice
