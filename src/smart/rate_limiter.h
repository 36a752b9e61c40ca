// A token bucket for each key (a client, an address), in bounded memory.
//
// Thread-safe.
#pragma once

#include <chrono>
#include <cstddef>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/token_bucket.h"

namespace sluice::smart {

class RateLimiter {
 public:
  using TimePoint = TokenBucket::TimePoint;

  /// Of more than `keys_max` keys the one that was quiet longest is forgotten: it starts full
  /// again.
  explicit RateLimiter(std::size_t keys_max = 100'000) : keys_max_(keys_max) {}

  /// Takes one from the bucket of `key`: nullopt, or, when it is empty, after how many seconds (at
  /// least 1) there will be one. The rate may change from call to call.
  std::optional<std::chrono::seconds> take(std::string_view key, const Rate& rate,
                                           TimePoint now = std::chrono::steady_clock::now());
  void forget(std::string_view key);
  std::size_t size() const;

 private:
  struct Entry {
    std::string key;
    TokenBucket bucket;
  };
  using Order = std::list<Entry>;

  const std::size_t keys_max_;
  mutable std::mutex mutex_;
  Order order_;  // used last first, guarded by mutex_
  std::unordered_map<std::string_view, Order::iterator> by_key_;  // views into order_
};

}  // namespace sluice::smart
