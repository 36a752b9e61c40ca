// Base64 with padding (RFC 4648 section 4), as HTTP and FHIR write it.
#pragma once

#include <string>
#include <string_view>

namespace sluice::client {

std::string base64_encode(std::string_view bytes);

}  // namespace sluice::client
