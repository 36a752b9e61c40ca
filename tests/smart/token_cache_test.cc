// verified tokens are remembered until they expire, in bounded memory.
#include "smart/token_cache.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/bytes.h"

namespace sluice::smart {
namespace {

constexpr Instant kNow{1'700'000'000'000};

TokenCache::ClaimsPtr claims(std::int64_t seconds) {
  auto made = std::make_shared<AccessClaims>();
  made->expires = kNow + std::chrono::seconds(seconds);
  return made;
}

TEST(TokenCache, TheDigestIsSha256) {
  const auto digest = TokenCache::digest("abc");
  EXPECT_EQ(to_hex({reinterpret_cast<const char*>(digest.data()), digest.size()}),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(TokenCache, FindsWhatWasPutUntilItExpires) {
  TokenCache cache(100);
  const auto digest = TokenCache::digest("a");
  EXPECT_EQ(cache.find(digest, kNow), nullptr);
  cache.put(digest, claims(10), kNow);
  EXPECT_NE(cache.find(digest, kNow), nullptr);
  EXPECT_EQ(cache.find(TokenCache::digest("b"), kNow), nullptr);
  EXPECT_EQ(cache.find(digest, kNow + std::chrono::seconds(10)), nullptr);
  EXPECT_EQ(cache.size(), 0u);
}

TEST(TokenCache, IsBoundedAndDropsExpiredOnesFirst) {
  TokenCache cache(160);
  for (int i = 0; i < 1000; ++i)
    cache.put(TokenCache::digest(fmt::format("old{}", i)), claims(10), kNow);
  EXPECT_LE(cache.size(), 160u);
  const Instant later = kNow + std::chrono::seconds(20);
  for (int i = 0; i < 16; ++i)
    cache.put(TokenCache::digest(fmt::format("new{}", i)), claims(1000), later);
  for (int i = 0; i < 16; ++i)
    EXPECT_NE(cache.find(TokenCache::digest(fmt::format("new{}", i)), later), nullptr) << i;
}

}  // namespace
}  // namespace sluice::smart
