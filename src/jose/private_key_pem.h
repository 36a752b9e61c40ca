// Private keys in PEM, as OpenSSL and most key tools write them.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice::jose {

/// Whether a text is PEM rather than JSON.
bool is_pem(std::string_view text);
/// The JSON Web Key of the first private key in `pem` (PKCS #8, PKCS #1, SEC 1), without "kid" and
/// "alg". kInvalid for what is none, is encrypted, or is neither RSA nor on P-256, P-384, P-521;
/// the messages hold nothing of the key.
Result<std::string> jwk_of_pem(std::string_view pem);
/// The PKCS #8 PEM of a private JSON Web Key.
Result<std::string> pem_of_jwk(std::string_view jwk);

}  // namespace sluice::jose
