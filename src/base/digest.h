// Digests by OpenSSL: of bytes that come piece by piece, or are there at once.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace sluice {

enum class DigestAlgorithm : std::uint8_t { kSha1, kSha256 };

/// One digest after the other, with what can be set up once set up once. Throws when OpenSSL does
/// not have the algorithm, or no memory. Used by one thread at a time.
class Digester {
 public:
  explicit Digester(DigestAlgorithm algorithm);
  ~Digester();

  void add(std::string_view bytes);
  /// The digest of what was added, 20 or 32 bytes, as a view until the next call; then it begins
  /// anew.
  std::string_view finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

using Sha256 = std::array<unsigned char, 32>;
Sha256 sha256(std::string_view bytes);
inline std::string_view view(const Sha256& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

}  // namespace sluice
