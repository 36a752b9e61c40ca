#include "smart/fetched_keys.h"

#include <algorithm>
#include <utility>

namespace sluice::smart {

namespace {

constexpr std::chrono::seconds kComeAgain{1};

Error under_way() {
  return {ErrorKind::kUnavailable, "the client's keys are being fetched", {}, kComeAgain};
}

}  // namespace

FetchedKeys::FetchedKeys(Fetch fetch, FetchedKeysOptions options, std::function<Time()> now)
    : fetch_(std::move(fetch)),
      options_(options),
      now_(std::move(now)),
      pool_({.threads = options.fetches_max,
             .queue_max = options.queue_max,
             .name = "keys",
             .nice = 0}) {}

FetchedKeys::~FetchedKeys() {
  stop_.request_stop();
  pool_.stop();
}

bool FetchedKeys::is_fresh(const Cached& cached, std::string_view kid) const {
  return cached.keys && now_() < cached.fresh_until && cached.keys->has_kid(kid);
}

bool FetchedKeys::wants_fetch(const Cached& cached, std::string_view kid) const {
  const bool was_tried = cached.fetched != Time();
  if (was_tried && now_() - cached.fetched < options_.age_min) return false;
  return !is_fresh(cached, kid);
}

void FetchedKeys::store(Cached& cached, Result<FetchedJwks> fetched) const {
  cached.fetched = now_();
  cached.error.reset();
  Result<jose::JwkSet> keys =
      fetched ? jose::JwkSet::parse(fetched->body, jose::JwkSet::Unusable::kSkip)
              : Result<jose::JwkSet>(fetched.error());
  if (!keys) {
    // What was fetched before goes on to count until it is too old.
    cached.error = keys.error();
    if (cached.keys && cached.fetched >= cached.fresh_until + options_.age_max) cached.keys.reset();
    return;
  }
  cached.keys = std::move(*keys);
  cached.fresh_until = cached.fetched + std::clamp(fetched->max_age.value_or(options_.age_default),
                                                   options_.age_min, options_.age_max);
}

FetchedKeys::Cached& FetchedKeys::entry(const std::string& url) {
  if (by_url_.size() >= options_.urls_max && !by_url_.contains(url))
    std::erase_if(by_url_, [](const auto& entry) { return !entry.second.is_fetching; });
  return by_url_[url];
}

void FetchedKeys::run_fetch(const std::string& url) {
  const std::stop_token stop = stop_.get_token();
  auto fetched = stop.stop_requested()
                     ? Result<FetchedJwks>(Error{ErrorKind::kCancelled, "the server is stopping"})
                     : fetch_(url, stop);
  const std::lock_guard lock(mutex_);
  Cached& cached = by_url_[url];
  cached.is_fetching = false;
  store(cached, std::move(fetched));
  fetched_.notify_all();
}

// Whether the fetch ended while we waited.
bool FetchedKeys::wait_for_fetch(std::unique_lock<std::mutex>& lock, const std::string& url) {
  if (waiting_ >= options_.waiting_max) return false;
  ++waiting_;
  const bool ended =
      fetched_.wait_for(lock, options_.wait_max, [&] { return !by_url_[url].is_fetching; });
  --waiting_;
  return ended;
}

Result<jose::JwkSet> FetchedKeys::keys(const Client& client, std::string_view kid) {
  if (client.jwks) return *client.jwks;
  const std::string& url = client.jwks_url;
  std::unique_lock lock(mutex_);
  Cached* cached = &entry(url);
  if (!cached->is_fetching && wants_fetch(*cached, kid)) {
    if (!pool_.try_post([this, url] { run_fetch(url); })) return under_way();
    cached->is_fetching = true;
  }
  if (cached->is_fetching && !is_fresh(*cached, kid)) {
    if (!wait_for_fetch(lock, url)) return under_way();
    cached = &entry(url);
  }
  if (cached->keys) return *cached->keys;
  return Error{ErrorKind::kUnavailable, "the client's keys cannot be fetched",
               cached->error ? cached->error->message : std::string(), options_.age_min};
}

}  // namespace sluice::smart
