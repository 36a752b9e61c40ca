#include "base/digest.h"

#include <openssl/evp.h>

#include <algorithm>
#include <stdexcept>

namespace sluice {
namespace {

struct Free {
  void operator()(EVP_MD* algorithm) const { EVP_MD_free(algorithm); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

// A wrong digest would lose an update, or let something pass.
void check(bool good) {
  if (!good) throw std::runtime_error("OpenSSL cannot compute a digest");
}

}  // namespace

struct Digester::Impl {
  std::unique_ptr<EVP_MD, Free> algorithm;
  std::unique_ptr<EVP_MD_CTX, Free> context;
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};

  void begin() { check(EVP_DigestInit_ex2(context.get(), algorithm.get(), nullptr) == 1); }
};

Digester::Digester(DigestAlgorithm algorithm) : impl_(std::make_unique<Impl>()) {
  const char* const name = algorithm == DigestAlgorithm::kSha1 ? "SHA1" : "SHA256";
  impl_->algorithm.reset(EVP_MD_fetch(nullptr, name, nullptr));
  impl_->context.reset(EVP_MD_CTX_new());
  check(impl_->algorithm != nullptr && impl_->context != nullptr);
  impl_->begin();
}
Digester::~Digester() = default;

void Digester::add(std::string_view bytes) {
  check(EVP_DigestUpdate(impl_->context.get(), bytes.data(), bytes.size()) == 1);
}

std::string_view Digester::finish() {
  unsigned size = 0;
  check(EVP_DigestFinal_ex(impl_->context.get(), impl_->digest.data(), &size) == 1);
  impl_->begin();
  return {reinterpret_cast<const char*>(impl_->digest.data()), size};
}

Sha256 sha256(std::string_view bytes) {
  Digester digester(DigestAlgorithm::kSha256);
  digester.add(bytes);
  Sha256 digest;
  const std::string_view finished = digester.finish();
  std::copy_n(finished.begin(), digest.size(), digest.begin());
  return digest;
}

}  // namespace sluice
