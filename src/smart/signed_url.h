// Capability URLs: a file's address that itself is the permission to read it, for a while (clients
// with FileAccess::kCapability). HMAC-SHA256 by OpenSSL over job, file, generation of the client
// and expiry.
//
// Thread-safe.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/instant.h"
#include "base/result.h"
#include "smart/key_ring.h"
#include "store/store.h"

namespace sluice::smart {

struct UrlSignerOptions {
  std::chrono::hours rotate_keys_every{24};
  /// The longest a signature can live; a replaced key is kept for so long.
  std::chrono::hours lifetime_max{24 * 30};
};

class UrlSigner {
 public:
  /// Store and clock must outlive it.
  static Result<std::unique_ptr<UrlSigner>> open(store::Store& store, const Clock& clock,
                                                 UrlSignerOptions options = {});

  /// What a signature is good for.
  struct Subject {
    std::string_view job_id;
    std::string_view file;
    /// Client::generation of its client: with another one it is void.
    std::string_view generation = {};
  };

  /// The value of a query parameter that lets its bearer read one file of a job until `expires`
  /// (cut to lifetime_max from now, and to whole seconds): "<seconds>.<key id>.<base64url>", safe
  /// in a URL as it is. Secret: never logged.
  /// With `as_of` always the same for the same arguments: by the key of that time.
  Result<std::string> sign(const Subject& subject, Instant expires,
                           std::optional<Instant> as_of = std::nullopt);

  /// kUnauthenticated when it is malformed, for something else, or by a key we do not have; kGone
  /// when it is right but expired. Compared in constant time.
  Result<void> check(const Subject& subject, std::string_view signature) const;

  /// Replaces the key when it is time, drops those that are over. Call about once an hour.
  Result<void> maintain();

 private:
  UrlSigner(const Clock& clock, UrlSignerOptions options) : clock_(clock), options_(options) {}

  const Clock& clock_;
  const UrlSignerOptions options_;
  std::unique_ptr<KeyRing> keys_;
};

}  // namespace sluice::smart
