// A cache of verified access tokens by the SHA-256 of their text: checking a signature takes about
// a millisecond, and every request of a client has the same token.
//
// Thread-safe: shards with a mutex each. Bounded: a full shard drops what has expired, then any.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/digest.h"
#include "base/instant.h"
#include "smart/scope.h"

namespace sluice::smart {

/// The content of an access token.
struct AccessClaims {
  std::string client_id;
  ScopeSet scopes;
  Instant issued;
  Instant expires;
  std::string jti;
  std::string generation;  ///< of the client when the token was issued
};

class TokenCache {
 public:
  using Digest = Sha256;
  /// Shared because a request keeps its claims while the cache drops them.
  using ClaimsPtr = std::shared_ptr<const AccessClaims>;

  explicit TokenCache(std::size_t entries_max);

  static Digest digest(std::string_view token) { return sha256(token); }
  /// nullptr when it is not there or has expired.
  ClaimsPtr find(const Digest& digest, Instant now);
  void put(const Digest& digest, ClaimsPtr claims, Instant now);
  std::size_t size() const;

 private:
  static constexpr std::size_t kShards = 16;
  struct Hash {
    std::size_t operator()(const Digest& digest) const;
  };
  struct Shard {
    std::mutex mutex;
    std::unordered_map<Digest, ClaimsPtr, Hash> entries;  // guarded by mutex
  };
  Shard& shard(const Digest& digest) { return shards_[digest[31] % kShards]; }

  const std::size_t shard_max_;
  mutable std::array<Shard, kShards> shards_;
};

}  // namespace sluice::smart
