#include "smart/token_cache.h"

#include <algorithm>
#include <cstring>

namespace sluice::smart {

TokenCache::TokenCache(std::size_t entries_max)
    : shard_max_(std::max<std::size_t>(1, entries_max / kShards)) {}

std::size_t TokenCache::Hash::operator()(const Digest& digest) const {
  std::size_t hash;
  std::memcpy(&hash, digest.data(), sizeof hash);
  return hash;
}

TokenCache::ClaimsPtr TokenCache::find(const Digest& digest, Instant now) {
  Shard& shard = this->shard(digest);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.entries.find(digest);
  if (found == shard.entries.end()) return nullptr;
  if (found->second->expires <= now) {
    shard.entries.erase(found);
    return nullptr;
  }
  return found->second;
}

void TokenCache::put(const Digest& digest, ClaimsPtr claims, Instant now) {
  Shard& shard = this->shard(digest);
  const std::lock_guard lock(shard.mutex);
  if (shard.entries.size() >= shard_max_) {
    std::erase_if(shard.entries, [&](const auto& entry) { return entry.second->expires <= now; });
    // Which one goes is chance; the token stays good and costs a signature check the next time.
    if (shard.entries.size() >= shard_max_) shard.entries.erase(shard.entries.begin());
  }
  shard.entries[digest] = std::move(claims);
}

std::size_t TokenCache::size() const {
  std::size_t size = 0;
  for (Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    size += shard.entries.size();
  }
  return size;
}

}  // namespace sluice::smart
