#include "jose/compact_signature.h"

#include <cjose/jws.h>
#include <openssl/err.h>

#include <cstdint>
#include <memory>

namespace sluice::jose {
namespace {

using JwsPtr = std::unique_ptr<cjose_jws_t, decltype(&cjose_jws_release)>;

}  // namespace

Result<std::string> sign_compact(const cjose_jwk_t& key, json_t& header, std::string_view payload) {
  const JwsPtr jws(
      cjose_jws_sign(&key, &header, reinterpret_cast<const std::uint8_t*>(payload.data()),
                     payload.size(), nullptr),
      &cjose_jws_release);
  const char* compact = nullptr;  // belongs to the jws
  if (jws == nullptr || !cjose_jws_export(jws.get(), &compact, nullptr)) {
    ERR_clear_error();
    return Error{ErrorKind::kInternal, "a JWT could not be signed"};
  }
  return std::string(compact);
}

bool verify_compact(std::string_view compact, const cjose_jwk_t& key) {
  const JwsPtr jws(cjose_jws_import(compact.data(), compact.size(), nullptr), &cjose_jws_release);
  const bool is_right = jws != nullptr && cjose_jws_verify(jws.get(), &key, nullptr);
  // OpenSSL's error about a wrong signature must not appear as a later error.
  ERR_clear_error();
  return is_right;
}

}  // namespace sluice::jose
