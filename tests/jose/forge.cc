// Signs by libjose, which the product does not use: a second opinion on what cjose checks.
#include "forge.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

// libjose's own headers say nothing of C++.
extern "C" {
#include <jose/cfg.h>
#include <jose/jws.h>
}

#include <memory>
#include <stdexcept>

#include "base/base64.h"

namespace sluice::jose {

std::string put_together(std::string_view header, std::string_view payload,
                         std::string_view signature) {
  return base64url_encode(header) + "." + base64url_encode(payload) + "." +
         base64url_encode(signature);
}

std::string forge(std::string_view header, std::string_view payload, const PrivateJwk& key) {
  // A detached signature over our own texts: libjose signs "<protected>.<payload>" as they are,
  // when it is given the algorithm by the key.
  const auto adopt = [](json_t* json) {
    return std::unique_ptr<json_t, decltype(&json_decref)>(json, &json_decref);
  };
  const auto jwk = adopt(json_loads(key.to_json().c_str(), 0, nullptr));
  const std::string encoded_header = base64url_encode(header);
  const std::string encoded_payload = base64url_encode(payload);
  const auto jws = adopt(json_pack("{s:s}", "payload", encoded_payload.c_str()));
  const auto parts = adopt(json_pack("{s:s}", "protected", encoded_header.c_str()));
  if (!jose_jws_sig(nullptr, jws.get(), parts.get(), jwk.get()))
    throw std::runtime_error("libjose does not sign this header");
  return encoded_header + "." + encoded_payload + "." +
         json_string_value(json_object_get(jws.get(), "signature"));
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
