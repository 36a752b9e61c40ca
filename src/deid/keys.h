// The keys of de-identification: derived from one key file, for each view and purpose apart; and
// what is computed with them, by OpenSSL alone.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sluice::deid {

/// The bytes of a key file. Has no formatter: it is never shown.
class KeyFile {
 public:
  /// Shorter ones are refused.
  static constexpr std::size_t kSizeMin = 32;
  static constexpr std::size_t kSizeMax = 64 * 1024;

  static Result<KeyFile> read(const std::filesystem::path& path);
  /// Line breaks at the end do not count. kInvalid for a key that is too short, too long, or one
  /// byte repeated.
  static Result<KeyFile> of(std::string_view bytes);

  /// HKDF-SHA256 (RFC 5869) of the file: other names and purposes give keys that tell nothing of
  /// each other.
  std::string derive(std::string_view view, std::string_view purpose, std::size_t size) const;

 private:
  explicit KeyFile(std::string bytes) : bytes_(std::move(bytes)) {}
  std::string bytes_;
};

/// HMAC-SHA256 under one key, set up once. Throws when OpenSSL cannot. For one thread at a time.
class Hmac {
 public:
  explicit Hmac(std::string_view key);
  ~Hmac();
  Hmac(Hmac&&) noexcept;
  Hmac& operator=(Hmac&&) noexcept;

  /// 32 bytes, until the next call.
  std::string_view of(std::string_view text);
  /// 64 characters, until the next call. Remembers some of the last texts: references repeat.
  const std::string& hex(std::string_view text);
  /// A number below `bound`, each as likely but for one part in 2^32 at most.
  std::uint64_t below(std::string_view text, std::uint32_t bound);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// AES-CBC with the 256 bits of `key`: the vector, then the ciphertext. The vector is an HMAC of
/// `place` and the text under `iv`, so that the same value in the same place gives the same bytes.
std::string encrypt(std::string_view key, Hmac& iv, std::string_view place, std::string_view text);
/// The inverse; kInvalid for what no such key has written.
Result<std::string> decrypt(std::string_view key, std::string_view bytes);

}  // namespace sluice::deid
