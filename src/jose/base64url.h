// base64url without padding (RFC 7515 appendix C), strict: one text for each string of bytes.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice::jose {

std::string base64url_encode(std::string_view bytes);

/// kInvalid for padding, white space, other alphabets, impossible lengths, and for texts whose
/// unused last bits are not zero (two texts would mean the same bytes).
Result<std::string> base64url_decode(std::string_view text);

}  // namespace sluice::jose
