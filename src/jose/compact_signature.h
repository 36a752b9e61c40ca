// Signing and checking the compact serialization with keys that are parsed already: the calls of
// cjose. Only sources of this module include it.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "jose/jose_json.h"

namespace sluice::jose {

/// "header.payload.signature". `header` names "alg". kInternal when the library fails.
Result<std::string> sign_compact(const cjose_jwk_t& key, json_t& header, std::string_view payload);

/// Whether the signature is right by the "alg" of the header, which the caller has checked: that it
/// is an asymmetric one and fits the key.
bool verify_compact(std::string_view compact, const cjose_jwk_t& key);

}  // namespace sluice::jose
