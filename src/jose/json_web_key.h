// JSON Web Keys (RFC 7517): public keys as clients register them, our own private ones, and sets.
//
// Values are immutable: copies are cheap and any number of threads may use one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "jose/algorithm.h"

struct json_t;          // jansson's value
struct _cjose_jwk_int;  // cjose's key; the name is its own

namespace sluice::jose {

inline constexpr std::size_t kJwkSetSizeMax = 64u << 10;  ///< bytes of text
inline constexpr std::size_t kJwkSetKeysMax = 100;
inline constexpr std::size_t kKidSizeMax = 256;  ///< bytes
inline constexpr unsigned kRsaBitsMin = 2048;
inline constexpr unsigned kRsaBitsMax = 8192;  ///< larger keys only take time

enum class KeyKind : std::uint8_t { kRsa, kEc };

/// A public key for checking signatures.
class Jwk {
 public:
  /// Reads one key. kInvalid, and the message says what is wrong, for: text that is no JSON object,
  /// duplicate members, symmetric keys ("oct"), unknown kinds and curves, private keys (which
  /// must not be sent), RSA outside 2048 to 8192 bits, a point that is not on its curve, an "alg"
  /// that does not fit the key.
  static Result<Jwk> parse(std::string_view text);

  /// Empty when the key has none.
  const std::string& kid() const { return kid_; }
  /// The member "alg", if the key names an algorithm.
  std::optional<Algorithm> algorithm() const { return algorithm_; }
  KeyKind kind() const { return kind_; }
  /// "P-256", "P-384", "P-521"; empty for RSA.
  const std::string& curve() const { return curve_; }
  /// Of the modulus or the curve.
  unsigned bits() const { return bits_; }

  /// Whether a signature by `algorithm` may be checked with this key: kind, curve, "alg", "use" and
  /// "key_ops" all allow it.
  bool fits(Algorithm algorithm) const;
  /// SHA-256 thumbprint of RFC 7638 as base64url, 43 characters.
  std::string thumbprint() const;
  /// Compact JSON of the key.
  std::string to_json() const;

 private:
  friend class PrivateJwk;
  friend class JwkSet;
  friend class Jws;
  Jwk() = default;
  static Result<Jwk> from_json(std::shared_ptr<json_t> json);

  // Shared because they never change. The key is parsed and checked once: that takes longer than a
  // signature.
  std::shared_ptr<json_t> json_;
  std::shared_ptr<const _cjose_jwk_int> parsed_;
  std::string kid_;
  std::optional<Algorithm> algorithm_;
  KeyKind kind_ = KeyKind::kRsa;
  std::string curve_;
  unsigned bits_ = 0;
  bool may_verify_ = true;  // what "use" and "key_ops" say
};

/// A private key for signing. Has no formatter; to_json() is for the store alone.
class PrivateJwk {
 public:
  /// A fresh key. Its "kid" is its thumbprint, its "alg" the algorithm, its "key_ops" say what each
  /// half is for; RSA keys have 3072 bits.
  /// kInternal when the library fails. An RSA key takes up to seconds.
  static Result<PrivateJwk> generate(Algorithm algorithm);
  /// Reads a private key: a JSON Web Key, a JWK Set with one private key in it, or PEM. kInvalid as
  /// Jwk::parse, and for a public key. Without "alg" the curve decides, RS384 for RSA; without
  /// "kid" it is the thumbprint. The messages hold nothing of the key.
  static Result<PrivateJwk> parse(std::string_view text);

  const std::string& kid() const { return public_.kid(); }
  Algorithm algorithm() const { return algorithm_; }
  const Jwk& public_part() const { return public_; }
  /// The whole key with its secret.
  std::string to_json() const;
  /// The same as PEM (PKCS #8), which has neither "kid" nor "alg".
  Result<std::string> to_pem() const;

 private:
  friend class Jws;
  PrivateJwk() = default;
  static Result<PrivateJwk> from_json(std::shared_ptr<json_t> json);

  std::shared_ptr<json_t> json_;  // shared because they never change
  std::shared_ptr<const _cjose_jwk_int> parsed_;
  Jwk public_;
  Algorithm algorithm_ = Algorithm::kEs384;
};

/// The keys of one party ("jwks").
class JwkSet {
 public:
  /// What to do with a key that Jwk::parse refuses.
  enum class Unusable : std::uint8_t {
    kRefuse,  ///< refuse the set and say which key: registration
    kSkip,    ///< skip it (RFC 7517 section 5): for a set fetched from a URL
  };

  JwkSet() = default;
  /// Reads {"keys": [...]}. kTooLarge over 64 KiB or 100 keys, kInvalid for everything else that is
  /// wrong. The set may be empty.
  static Result<JwkSet> parse(std::string_view text, Unusable unusable = Unusable::kRefuse);

  void add(Jwk key) { keys_.push_back(std::move(key)); }
  const std::vector<Jwk>& keys() const { return keys_; }
  bool has_kid(std::string_view kid) const;
  /// {"keys":[...]}, compact.
  std::string to_json() const;

 private:
  std::vector<Jwk> keys_;
};

}  // namespace sluice::jose
