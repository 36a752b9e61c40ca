// The signature algorithms of RFC 7518 that Sluice knows: only asymmetric ones, so that neither
// "none" nor an HMAC under a public key can ever be named.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice::jose {

enum class Algorithm : std::uint8_t {
  kRs256,
  kRs384,
  kRs512,
  kPs256,
  kPs384,
  kPs512,
  kEs256,
  kEs384,
  kEs512,
};

/// The name on the wire: "ES384".
std::string_view to_string(Algorithm algorithm);
/// Exact, case-sensitive. nullopt for "none", "HS256" and anything else that is not listed above.
std::optional<Algorithm> find_algorithm(std::string_view name);

/// The curve that RFC 7518 section 3.4 binds to an ES algorithm ("P-384"); empty for RSA.
std::string_view curve_of(Algorithm algorithm);

}  // namespace sluice::jose
