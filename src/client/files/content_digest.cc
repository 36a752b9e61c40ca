#include "client/files/content_digest.h"

#include <openssl/evp.h>

#include <array>
#include <memory>
#include <new>
#include <span>

#include "base/base64.h"
#include "base/bytes.h"
#include "base/file.h"

namespace sluice::client {
namespace {

class Digest {
 public:
  explicit Digest(const EVP_MD* algorithm) : context_(EVP_MD_CTX_new()) {
    if (!context_ || EVP_DigestInit_ex(context_.get(), algorithm, nullptr) != 1)
      throw std::bad_alloc();
  }
  void feed(std::string_view bytes) {
    if (EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) != 1) throw std::bad_alloc();
  }
  std::string finish() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
    unsigned size = 0;
    if (EVP_DigestFinal_ex(context_.get(), out.data(), &size) != 1) throw std::bad_alloc();
    return {reinterpret_cast<const char*>(out.data()), size};
  }

 private:
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context_;
};

}  // namespace

Result<ContentDigest> digest_of_file(const std::filesystem::path& path) {
  SLUICE_ASSIGN_OR_RETURN(const auto file, open_for_reading(path));
  Digest sha1(EVP_sha1());
  Digest sha256(EVP_sha256());
  ContentDigest digest;
  std::string buffer(256u << 10, '\0');
  for (;;) {
    SLUICE_ASSIGN_OR_RETURN(const std::size_t n, read_at(file.get(), digest.size, buffer, path));
    if (n == 0) break;
    const auto bytes = std::string_view(buffer).substr(0, n);
    sha1.feed(bytes);
    sha256.feed(bytes);
    digest.size += n;
  }
  digest.sha1_base64 = base64_encode(sha1.finish());
  digest.sha256_hex = to_hex(sha256.finish());
  return digest;
}

std::string digest_of_text(std::string_view text) {
  Digest sha256(EVP_sha256());
  sha256.feed(text);
  return to_hex(sha256.finish()).substr(0, 32);
}

}  // namespace sluice::client
