// Tokens that Jws::sign would never make: any header and payload text under a right signature, and
// HMACs under whatever somebody takes for the secret.
#pragma once

#include <string>
#include <string_view>

#include "jose/json_web_key.h"

namespace sluice::jose {

/// base64url(header).base64url(payload).signature by `key` with its algorithm.
std::string forge(std::string_view header, std::string_view payload, const PrivateJwk& key);
/// The same with HMAC-SHA384 under `secret`.
std::string forge_hs384(std::string_view header, std::string_view payload, std::string_view secret);
/// base64url(header).base64url(payload).base64url(signature).
std::string put_together(std::string_view header, std::string_view payload,
                         std::string_view signature);

/// Keys that every test of a program shares, because making them takes time.
const PrivateJwk& es384_key();
const PrivateJwk& other_es384_key();
const PrivateJwk& rs384_key();

}  // namespace sluice::jose
