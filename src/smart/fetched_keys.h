// Keys by JWKS URL, cached: Cache-Control within bounds, a fetch for an unknown "kid" at
// most once a minute for each URL, the old keys when a fetch fails.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "base/result.h"
#include "smart/assertion.h"

namespace sluice::smart {

struct FetchedJwks {
  std::string body;
  std::optional<std::chrono::seconds> max_age;  ///< of Cache-Control
};

struct FetchedKeysOptions {
  std::chrono::seconds age_min{60};         ///< what is younger is not fetched again
  std::chrono::seconds age_max{24 * 3600};  ///< what is older is, whatever Cache-Control says
  std::chrono::seconds age_default{3600};   ///< without Cache-Control
  std::size_t urls_max = 10'000;
};

/// A client's inline keys, or those at its URL. Thread-safe; of several threads that want the same
/// URL one fetches and the others wait.
class FetchedKeys final : public KeySource {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Fetch = std::function<Result<FetchedJwks>(const std::string& url)>;

  explicit FetchedKeys(Fetch fetch, FetchedKeysOptions options = {},
                       std::function<Time()> now = std::chrono::steady_clock::now)
      : fetch_(std::move(fetch)), options_(options), now_(std::move(now)) {}

  Result<jose::JwkSet> keys(const Client& client, std::string_view kid) override;

 private:
  struct Cached {
    std::optional<jose::JwkSet> keys;
    Time fetched{};  ///< the last attempt
    Time fresh_until{};
    bool is_fetching = false;
    std::optional<Error> error;  ///< of the last attempt
  };
  bool wants_fetch(const Cached& cached, std::string_view kid) const;
  void store(Cached& cached, Result<FetchedJwks> fetched) const;

  const Fetch fetch_;
  const FetchedKeysOptions options_;
  const std::function<Time()> now_;
  std::mutex mutex_;
  std::condition_variable fetched_;
  std::map<std::string, Cached> by_url_;  // guarded by mutex_
};

}  // namespace sluice::smart
