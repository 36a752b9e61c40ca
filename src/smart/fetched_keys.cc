#include "smart/fetched_keys.h"

#include <algorithm>
#include <utility>

namespace sluice::smart {

bool FetchedKeys::wants_fetch(const Cached& cached, std::string_view kid) const {
  const Time now = now_();
  const bool was_tried = cached.fetched != Time();
  if (was_tried && now - cached.fetched < options_.age_min) return false;
  return !cached.keys || now >= cached.fresh_until || !cached.keys->has_kid(kid);
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

Result<jose::JwkSet> FetchedKeys::keys(const Client& client, std::string_view kid) {
  if (client.jwks) return *client.jwks;
  std::unique_lock lock(mutex_);
  if (by_url_.size() >= options_.urls_max && !by_url_.contains(client.jwks_url))
    std::erase_if(by_url_, [](const auto& entry) { return !entry.second.is_fetching; });
  Cached* cached = &by_url_[client.jwks_url];
  while (cached->is_fetching) {
    fetched_.wait(lock);
    cached = &by_url_[client.jwks_url];
  }
  if (wants_fetch(*cached, kid)) {
    cached->is_fetching = true;
    lock.unlock();
    auto fetched = fetch_(client.jwks_url);
    lock.lock();
    cached->is_fetching = false;
    store(*cached, std::move(fetched));
    fetched_.notify_all();
  }
  if (cached->keys) return *cached->keys;
  return Error{ErrorKind::kUnavailable, "the client's keys cannot be fetched",
               cached->error ? cached->error->message : std::string(), options_.age_min};
}

}  // namespace sluice::smart
