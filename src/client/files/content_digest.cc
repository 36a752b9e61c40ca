#include "client/files/content_digest.h"

#include "base/base64.h"
#include "base/bytes.h"
#include "base/digest.h"
#include "base/file.h"

namespace sluice::client {

Result<ContentDigest> digest_of_file(const std::filesystem::path& path) {
  SLUICE_ASSIGN_OR_RETURN(const auto file, open_for_reading(path));
  Digester sha1(DigestAlgorithm::kSha1);
  Digester sha256(DigestAlgorithm::kSha256);
  ContentDigest digest;
  std::string buffer(256u << 10, '\0');
  for (;;) {
    SLUICE_ASSIGN_OR_RETURN(const std::size_t n, read_at(file.get(), digest.size, buffer, path));
    if (n == 0) break;
    const auto bytes = std::string_view(buffer).substr(0, n);
    sha1.add(bytes);
    sha256.add(bytes);
    digest.size += n;
  }
  digest.sha1_base64 = base64_encode(sha1.finish());
  digest.sha256_hex = to_hex(sha256.finish());
  return digest;
}

std::string digest_of_text(std::string_view text) {
  return to_hex(view(sha256(text))).substr(0, 32);
}

}  // namespace sluice::client
