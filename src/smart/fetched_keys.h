// Keys by JWKS URL, cached: Cache-Control within bounds, a fetch for an unknown "kid" at
// most once a minute for each URL, the old keys when a fetch fails. Fetches run on their own
// threads: however slowly a key server answers, only a few callers wait for it, and not for
// long.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "base/result.h"
#include "base/worker_pool.h"
#include "smart/assertion.h"

namespace sluice::smart {

struct FetchedJwks {
  std::string body;
  std::optional<std::chrono::seconds> max_age;  ///< of Cache-Control
};

struct FetchedKeysOptions {
  std::chrono::seconds age_min{60};         ///< younger keys are not fetched again
  std::chrono::seconds age_max{24 * 3600};  ///< older keys are, despite Cache-Control
  std::chrono::seconds age_default{3600};   ///< without Cache-Control
  std::size_t urls_max = 10'000;
  std::size_t fetches_max = 8;  ///< at once
  /// Of these, from one host, and from URLs whose last fetch failed: a host that does not answer
  /// must not have all threads, however many clients name it.
  std::size_t fetches_of_host_max = 2;
  std::size_t fetches_again_max = 4;
  std::size_t queue_max = 64;  ///< fetches that wait for a thread
  /// Callers that may wait for a fetch at once, and how long: others get kUnavailable.
  std::size_t waiting_max = 2;
  std::chrono::milliseconds wait_max{2000};
};

/// A client's inline keys, or those at its URL. Thread-safe; one fetch of a URL at a time.
class FetchedKeys final : public KeySource {
 public:
  using Time = std::chrono::steady_clock::time_point;
  /// Runs on the fetches' own threads; ends early when asked to stop.
  using Fetch =
      std::function<Result<FetchedJwks>(const std::string& url, const std::stop_token& stop)>;

  explicit FetchedKeys(Fetch fetch, FetchedKeysOptions options = {},
                       std::function<Time()> now = std::chrono::steady_clock::now);
  /// Asks fetches to stop and waits for them.
  ~FetchedKeys() override;
  FetchedKeys(const FetchedKeys&) = delete;
  FetchedKeys& operator=(const FetchedKeys&) = delete;

  /// kUnavailable, with the time to retry, when a fetch takes longer than the caller may wait.
  /// Fresh keys are returned at once, also while they are fetched again.
  Result<jose::JwkSet> keys(const Client& client, std::string_view kid) override;

 private:
  struct Cached {
    std::optional<jose::JwkSet> keys;
    Time fetched{};  ///< the last attempt
    Time fresh_until{};
    bool is_fetching = false;
    bool is_again = false;       ///< the fetch is one after a failure
    std::optional<Error> error;  ///< of the last attempt
  };
  bool is_fresh(const Cached& cached, std::string_view kid) const;
  bool wants_fetch(const Cached& cached, std::string_view kid) const;
  void store(Cached& cached, Result<FetchedJwks> fetched) const;
  Cached& entry(const std::string& url);                               // under mutex_
  bool has_room(const Cached& cached, const std::string& host) const;  // under mutex_
  bool start_fetch(Cached& cached, const std::string& url);            // under mutex_
  void run_fetch(const std::string& url);
  bool wait_until(std::unique_lock<std::mutex>& lock, Time deadline,
                  const std::function<bool()>& is_so);

  const Fetch fetch_;
  const FetchedKeysOptions options_;
  const std::function<Time()> now_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Cached> by_url_;          // guarded by mutex_
  std::map<std::string, std::size_t> from_host_;  // fetches under way; guarded by mutex_
  std::size_t fetches_again_ = 0;                 // those after a failure; guarded by mutex_
  std::size_t waiting_ = 0;                       // guarded by mutex_
  std::stop_source stop_;
  WorkerPool pool_;  // the last: its threads use the rest
};

}  // namespace sluice::smart
