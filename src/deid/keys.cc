#include "deid/keys.h"

#include <fmt/format.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <algorithm>
#include <functional>
#include <stdexcept>

#include "base/bytes.h"
#include "base/file.h"

namespace sluice::deid {
namespace {

constexpr std::size_t kDigestBytes = 32;
constexpr std::size_t kBlockBytes = 16;
constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kRemembered = 1024;

struct Free {
  void operator()(EVP_KDF* kdf) const { EVP_KDF_free(kdf); }
  void operator()(EVP_KDF_CTX* context) const { EVP_KDF_CTX_free(context); }
  void operator()(EVP_MAC* mac) const { EVP_MAC_free(mac); }
  void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};

// Without its key nothing may be written at all.
void check(bool good, const char* what) {
  if (!good) throw std::runtime_error(std::string("OpenSSL cannot compute ") + what);
}

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytes_of(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());
}

// Lengths stand before the texts, so that no two pairs give the same bytes.
std::string info_of(std::string_view view, std::string_view purpose) {
  std::string info = "sluice de-identification 1";
  for (const auto part : {view, purpose}) {
    append_be32(info, static_cast<std::uint32_t>(part.size()));
    info += part;
  }
  return info;
}

OSSL_PARAM octets(const char* name, std::string_view bytes) {
  // OpenSSL reads what it is given here, whatever its type says.
  return OSSL_PARAM_construct_octet_string(name, const_cast<char*>(bytes.data()), bytes.size());
}

}  // namespace

Result<KeyFile> KeyFile::read(const std::filesystem::path& path) {
  SLUICE_ASSIGN_OR_RETURN(const auto bytes, read_file(path));
  auto key = of(bytes);
  if (!key)
    return Error{key.error().kind, fmt::format("{}: {}", path.string(), key.error().message)};
  return key;
}

Result<KeyFile> KeyFile::of(std::string_view bytes) {
  while (!bytes.empty() && (bytes.back() == '\n' || bytes.back() == '\r')) bytes.remove_suffix(1);
  if (bytes.size() < kSizeMin)
    return invalid(
        fmt::format("a key needs {} bytes at least, this one has {}; make one with "
                    "'openssl rand -hex 32'",
                    kSizeMin, bytes.size()));
  if (bytes.size() > kSizeMax) return invalid(fmt::format("a key has at most {} bytes", kSizeMax));
  if (std::all_of(bytes.begin(), bytes.end(), [&](char c) { return c == bytes.front(); }))
    return invalid("this is one byte repeated and no key");
  return KeyFile(std::string(bytes));
}

std::string KeyFile::derive(std::string_view view, std::string_view purpose,
                            std::size_t size) const {
  const std::unique_ptr<EVP_KDF, Free> kdf(EVP_KDF_fetch(nullptr, "HKDF", nullptr));
  check(kdf != nullptr, "HKDF");
  const std::unique_ptr<EVP_KDF_CTX, Free> context(EVP_KDF_CTX_new(kdf.get()));
  const std::string info = info_of(view, purpose);
  char digest[] = "SHA256";
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
                               octets(OSSL_KDF_PARAM_KEY, bytes_),
                               octets(OSSL_KDF_PARAM_INFO, info), OSSL_PARAM_construct_end()};
  std::string key(size, '\0');
  check(context != nullptr && EVP_KDF_derive(context.get(), bytes_of(key), size, params) == 1,
        "HKDF");
  return key;
}

struct Hmac::Impl {
  struct Remembered {
    std::string text;
    std::string hex;
  };
  std::unique_ptr<EVP_MAC, Free> mac;
  std::unique_ptr<EVP_MAC_CTX, Free> context;
  std::array<char, kDigestBytes> digest{};
  std::vector<Remembered> remembered = std::vector<Remembered>(kRemembered);
};

Hmac::Hmac(std::string_view key) : impl_(std::make_unique<Impl>()) {
  impl_->mac.reset(EVP_MAC_fetch(nullptr, "HMAC", nullptr));
  check(impl_->mac != nullptr, "HMAC");
  impl_->context.reset(EVP_MAC_CTX_new(impl_->mac.get()));
  char digest[] = "SHA256";
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                               OSSL_PARAM_construct_end()};
  check(impl_->context != nullptr &&
            EVP_MAC_init(impl_->context.get(), bytes_of(key), key.size(), params) == 1,
        "HMAC");
}
Hmac::~Hmac() = default;
Hmac::Hmac(Hmac&&) noexcept = default;
Hmac& Hmac::operator=(Hmac&&) noexcept = default;

std::string_view Hmac::of(std::string_view text) {
  auto* const context = impl_->context.get();
  auto& digest = impl_->digest;
  std::size_t size = 0;
  // Without a key it begins anew with the one that it has.
  check(EVP_MAC_init(context, nullptr, 0, nullptr) == 1 &&
            EVP_MAC_update(context, bytes_of(text), text.size()) == 1 &&
            EVP_MAC_final(context, reinterpret_cast<unsigned char*>(digest.data()), &size,
                          digest.size()) == 1 &&
            size == digest.size(),
        "HMAC");
  return {digest.data(), digest.size()};
}

const std::string& Hmac::hex(std::string_view text) {
  auto& slot = impl_->remembered[std::hash<std::string_view>()(text) % kRemembered];
  if (slot.hex.empty() || slot.text != text) {
    slot.hex = to_hex(of(text));
    slot.text = text;
  }
  return slot.hex;
}

std::uint64_t Hmac::below(std::string_view text, std::uint32_t bound) {
  return read_be64(of(text).data()) % bound;
}

std::string encrypt(std::string_view key, Hmac& iv, std::string_view place, std::string_view text) {
  std::string input(place);
  append_be64(input, place.size());
  input += text;
  std::string out(iv.of(input).substr(0, kBlockBytes));
  out.resize(kBlockBytes + text.size() + kBlockBytes);
  const std::unique_ptr<EVP_CIPHER_CTX, Free> context(EVP_CIPHER_CTX_new());
  int size = 0;
  int rest = 0;
  check(key.size() == kKeyBytes && context != nullptr &&
            EVP_EncryptInit_ex2(context.get(), EVP_aes_256_cbc(), bytes_of(key), bytes_of(out),
                                nullptr) == 1 &&
            EVP_EncryptUpdate(context.get(), bytes_of(out) + kBlockBytes, &size, bytes_of(text),
                              static_cast<int>(text.size())) == 1 &&
            EVP_EncryptFinal_ex(context.get(), bytes_of(out) + kBlockBytes + size, &rest) == 1,
        "AES");
  out.resize(kBlockBytes + static_cast<std::size_t>(size + rest));
  return out;
}

Result<std::string> decrypt(std::string_view key, std::string_view bytes) {
  if (bytes.size() < 2 * kBlockBytes) return invalid("this is no encrypted value");
  const std::string_view text = bytes.substr(kBlockBytes);
  std::string out(text.size() + kBlockBytes, '\0');
  const std::unique_ptr<EVP_CIPHER_CTX, Free> context(EVP_CIPHER_CTX_new());
  int size = 0;
  int rest = 0;
  check(key.size() == kKeyBytes && context != nullptr &&
            EVP_DecryptInit_ex2(context.get(), EVP_aes_256_cbc(), bytes_of(key), bytes_of(bytes),
                                nullptr) == 1,
        "AES");
  if (EVP_DecryptUpdate(context.get(), bytes_of(out), &size, bytes_of(text),
                        static_cast<int>(text.size())) != 1 ||
      EVP_DecryptFinal_ex(context.get(), bytes_of(out) + size, &rest) != 1)
    return invalid("the value was encrypted with another key");
  out.resize(static_cast<std::size_t>(size) + static_cast<std::size_t>(rest));
  return out;
}

}  // namespace sluice::deid
