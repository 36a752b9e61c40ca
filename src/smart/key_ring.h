// The server's own keys: the current one, and older ones with signatures still valid. Stored as
// documents "smart-key/<purpose>/<created in ms, 13 digits>-<id>"; made and replaced here, used by
// access_token and capability.
//
// Thread-safe.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "base/result.h"
#include "store/store.h"

namespace sluice::smart {

/// A secret by value. Has no formatter on purpose.
struct RingKey {
  std::string id;
  Instant created;
  std::string secret;  ///< the purpose's own text
};

class KeyRing {
 public:
  struct Options {
    std::string purpose;                        ///< part of the document's key
    std::chrono::milliseconds rotate_every{0};  ///< age at which the newest key is replaced
    std::chrono::milliseconds keep_for{0};      ///< how long a replaced key is still accepted
    std::function<Result<RingKey>()> make;      ///< id and secret of a fresh key
    /// Whether a stored secret can be one of the purpose's; empty: any.
    std::function<bool(const std::string& secret)> is_secret = {};
  };

  /// Reads the keys, makes the first one when there is none or the newest is too old. A key that
  /// cannot be read is left out: what it signed is void.
  static Result<std::unique_ptr<KeyRing>> open(store::Store& store, const Clock& clock,
                                               Options options);

  /// The key to sign with. Replaces it first when it is too old; if that fails, continues with the
  /// old one.
  std::shared_ptr<const RingKey> current();
  /// The key that current() was at `instant`, so that signing again gives the same signature; the
  /// oldest key if there was none.
  std::shared_ptr<const RingKey> current_at(Instant instant) const;
  /// The key with that id if it may still be accepted; nullptr otherwise.
  std::shared_ptr<const RingKey> find(std::string_view id) const;
  /// Every key that may be accepted, the newest first.
  std::vector<std::shared_ptr<const RingKey>> all() const;
  /// Makes a new key now and signs with it from now on.
  Result<void> rotate();
  /// Removes expired keys.
  Result<void> purge();

 private:
  static constexpr std::chrono::milliseconds kTick{1};

  KeyRing(store::Store& store, const Clock& clock, Options options)
      : store_(store), clock_(clock), options_(std::move(options)) {}
  Result<void> load();
  Result<void> rotate_locked();  // with rotating_ held
  std::string document_key(const RingKey& key) const;
  bool is_alive(std::size_t index, Instant now) const;

  store::Store& store_;
  const Clock& clock_;
  const Options options_;
  std::mutex rotating_;              // one change at a time
  mutable std::shared_mutex mutex_;  //
  // The newest first; guarded by mutex_. Shared because a signer keeps its key while the ring
  // turns.
  std::vector<std::shared_ptr<const RingKey>> keys_;
};

}  // namespace sluice::smart
