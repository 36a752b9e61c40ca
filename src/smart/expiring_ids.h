// A durable set of ids, each valid until an instant: the "jti" of used assertions and of revoked
// tokens. Stored as documents "<prefix><expiry in ms, 13 digits>/<client>/<SHA-256
// of the id>", so that the expired ones are the first of their prefix; all of it is in memory too.
//
// An id counts until its expiry by the wall clock, but it is dropped only when its life has also
// passed by the monotonic clock, so that it is still known after a wall clock that was ahead is set
// back. After a restart the lives of ids start over.
//
// Thread-safe.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/instant.h"
#include "base/result.h"
#include "store/store.h"

namespace sluice::smart {

class ExpiringIds {
 public:
  struct Options {
    std::string prefix;               ///< "jti/"
    std::size_t ids_max = 1'000'000;  ///< kept at once, about 200 bytes each
    /// The monotonic clock, which cannot be set.
    std::function<std::chrono::steady_clock::time_point()> monotonic =
        &std::chrono::steady_clock::now;
  };

  /// Reads what is kept; what cannot be read is left out. Store and clock must outlive it.
  static Result<std::unique_ptr<ExpiringIds>> open(store::Store& store, const Clock& clock,
                                                   Options options);

  /// Adds the id of a client until `expires`: true when it was not there, false when it was (also
  /// with another expiry). Of any number of threads with the same id exactly one gets true, and not
  /// before the id is durable. kUnavailable when the set is full; kStorage when it could not be
  /// kept: then the id counts as used in this process.
  Result<bool> insert(std::string_view client, std::string_view id, Instant expires);
  bool contains(std::string_view client, std::string_view id) const;
  /// Drops what has expired, at most about 10,000 ids a call. Call it now and then; insert() does
  /// so once a minute and when the set is full.
  Result<void> purge();
  std::size_t size() const;

 private:
  ExpiringIds(store::Store& store, const Clock& clock, Options options)
      : store_(store), clock_(clock), options_(std::move(options)) {}
  using Monotonic = std::chrono::steady_clock::time_point;
  struct Held {
    Instant expires;
    Monotonic kept_until;
  };
  bool wants_purge() const;

  store::Store& store_;
  const Clock& clock_;
  const Options options_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Held> held_;  // by "<client>/<hash>", guarded by mutex_
  std::set<std::string, std::less<>> keys_;     // of documents, guarded by mutex_
  Monotonic purged_;                            // guarded by mutex_
};

}  // namespace sluice::smart
