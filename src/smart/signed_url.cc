#include "smart/signed_url.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/base64.h"
#include "base/bytes.h"

namespace sluice::smart {
namespace {

constexpr std::size_t kSecretBytes = 32;
constexpr std::size_t kIdBytes = 6;
constexpr std::size_t kMacBytes = 32;
constexpr std::size_t kSignatureSizeMax = 128;
constexpr std::chrono::hours kSlack{1};

Error refused(std::string detail) {
  return {ErrorKind::kUnauthenticated, "the file's address is not a valid one", std::move(detail)};
}

void append_text(std::string& out, std::string_view text) {
  append_be32(out, static_cast<std::uint32_t>(text.size()));
  out += text;
}

// Lengths stand before the texts, so that no two subjects give the same bytes.
Result<std::string> mac_of(const RingKey& key, const UrlSigner::Subject& subject,
                           std::int64_t seconds) {
  SLUICE_ASSIGN_OR_RETURN(const std::string secret, from_hex(key.secret));
  std::string text;
  append_text(text, "sluice file 2");
  append_text(text, subject.job_id);
  append_text(text, subject.file);
  append_text(text, subject.generation);
  append_be64(text, static_cast<std::uint64_t>(seconds));
  std::string mac(EVP_MAX_MD_SIZE, '\0');
  std::size_t size = 0;
  if (EVP_Q_mac(nullptr, "HMAC", nullptr, "SHA256", nullptr, secret.data(), secret.size(),
                reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                reinterpret_cast<unsigned char*>(mac.data()), mac.size(), &size) == nullptr ||
      size != kMacBytes)
    return Error{ErrorKind::kInternal, "an address could not be signed", "EVP_Q_mac"};
  mac.resize(size);
  return mac;
}

}  // namespace

Result<std::unique_ptr<UrlSigner>> UrlSigner::open(store::Store& store, const Clock& clock,
                                                   UrlSignerOptions options) {
  if (options.rotate_keys_every < std::chrono::hours(1) ||
      options.lifetime_max < std::chrono::hours(1) ||
      options.lifetime_max / options.rotate_keys_every > 800)
    return invalid("signed URLs: keys and URLs live an hour at least, and no URL 800 keys long");
  std::unique_ptr<UrlSigner> signer(new UrlSigner(clock, options));
  KeyRing::Options ring;
  ring.purpose = "capability";
  ring.rotate_every = options.rotate_keys_every;
  ring.keep_for = options.lifetime_max + kSlack;
  ring.make = []() -> Result<RingKey> {
    return RingKey{random_hex(kIdBytes), {}, random_hex(kSecretBytes)};
  };
  ring.is_secret = [](const std::string& secret) {
    return secret.size() == 2 * kSecretBytes && from_hex(secret).has_value();
  };
  SLUICE_ASSIGN_OR_RETURN(signer->keys_, KeyRing::open(store, clock, std::move(ring)));
  return signer;
}

Result<std::string> UrlSigner::sign(const Subject& subject, Instant expires,
                                    std::optional<Instant> as_of) {
  const Instant latest = clock_.now() + options_.lifetime_max;
  const std::int64_t seconds = std::min(expires, latest).milliseconds / 1000;
  const auto key = as_of ? keys_->current_at(*as_of) : keys_->current();
  SLUICE_ASSIGN_OR_RETURN(const std::string mac, mac_of(*key, subject, seconds));
  return fmt::format("{}.{}.{}", seconds, key->id, base64url_encode(mac));
}

Result<void> UrlSigner::check(const Subject& subject, std::string_view signature) const {
  if (signature.size() > kSignatureSizeMax) return refused("too long");
  const std::size_t first = signature.find('.');
  const std::size_t second = signature.rfind('.');
  if (first == std::string_view::npos || first == second) return refused("not three parts");
  std::int64_t seconds = 0;
  const auto [end, failed] = std::from_chars(signature.data(), signature.data() + first, seconds);
  // One text for each number, as for everything that is signed.
  if (failed != std::errc() || end != signature.data() + first || seconds < 0 ||
      fmt::format("{}", seconds) != signature.substr(0, first))
    return refused("the expiry is not a number");
  const auto key = keys_->find(signature.substr(first + 1, second - first - 1));
  if (key == nullptr) return refused("unknown key");
  const auto given = base64url_decode(signature.substr(second + 1));
  if (!given || given->size() != kMacBytes) return refused("the signature is not base64url");
  SLUICE_ASSIGN_OR_RETURN(const std::string mac, mac_of(*key, subject, seconds));
  if (CRYPTO_memcmp(mac.data(), given->data(), kMacBytes) != 0)
    return refused("the signature is wrong");
  if (Instant{seconds * 1000} <= clock_.now())
    return Error{ErrorKind::kGone, "the file's address has expired"};
  return {};
}

Result<void> UrlSigner::maintain() {
  keys_->current();
  return keys_->purge();
}

}  // namespace sluice::smart
