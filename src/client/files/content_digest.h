// Digests of what was fetched: to check it, and to name it by what it is.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice::client {

struct ContentDigest {
  std::string sha1_base64;  ///< as Attachment.hash
  std::string sha256_hex;
  std::uint64_t size = 0;
};
Result<ContentDigest> digest_of_file(const std::filesystem::path& path);

/// The first 32 hexadecimal digits of the SHA-256 of a text: a name for it.
std::string digest_of_text(std::string_view text);

}  // namespace sluice::client
