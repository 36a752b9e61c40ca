#include "forge.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <stdexcept>

#include "jose/base64url.h"
#include "jose/jose_json.h"

namespace sluice::jose {

std::string put_together(std::string_view header, std::string_view payload,
                         std::string_view signature) {
  return base64url_encode(header) + "." + base64url_encode(payload) + "." +
         base64url_encode(signature);
}

std::string forge(std::string_view header, std::string_view payload, const PrivateJwk& key) {
  // A detached signature over our own texts: libjose signs "<protected>.<payload>" as they are,
  // when it is given the algorithm by the key.
  const std::string private_text = key.to_json();
  const JsonPtr jwk = parse_object(private_text, 8).value();
  const std::string encoded_header = base64url_encode(header);
  const std::string encoded_payload = base64url_encode(payload);
  const JsonPtr jws = adopt(json_pack("{s:s}", "payload", encoded_payload.c_str()));
  const JsonPtr parts = adopt(json_pack("{s:s}", "protected", encoded_header.c_str()));
  const QuietConfig config;
  if (!jose_jws_sig(config, jws.get(), parts.get(), jwk.get()))
    throw std::runtime_error("libjose does not sign this header");
  return encoded_header + "." + encoded_payload + "." +
         std::string(text_of(string_member(jws.get(), "signature")));
}

std::string forge_hs384(std::string_view header, std::string_view payload,
                        std::string_view secret) {
  const std::string text = base64url_encode(header) + "." + base64url_encode(payload);
  unsigned char mac[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  HMAC(EVP_sha384(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), mac, &size);
  return text + "." + base64url_encode({reinterpret_cast<const char*>(mac), size});
}

const PrivateJwk& es384_key() {
  static const PrivateJwk key = PrivateJwk::generate(Algorithm::kEs384).value();
  return key;
}

const PrivateJwk& other_es384_key() {
  static const PrivateJwk key = PrivateJwk::generate(Algorithm::kEs384).value();
  return key;
}

const PrivateJwk& rs384_key() {
  static const PrivateJwk key = PrivateJwk::generate(Algorithm::kRs384).value();
  return key;
}

}  // namespace sluice::jose
