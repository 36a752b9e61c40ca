#include "smart/fetched_keys.h"

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace sluice::smart {

namespace {

constexpr std::chrono::seconds kComeAgain{1};

Error under_way() {
  return {ErrorKind::kUnavailable, "the client's keys are being fetched", {}, kComeAgain};
}

// Without the port: another one is the same machine.
std::string host_of(std::string_view url) {
  url.remove_prefix(std::min(url.size(), url.find("//") + 2));
  const std::string_view authority = url.substr(0, url.find_first_of("/?#"));
  return to_lower(authority.substr(0, authority.find(':', authority.find(']') + 1)));
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

bool FetchedKeys::has_room(const Cached& cached, const std::string& host) const {
  if (cached.error && fetches_again_ >= options_.fetches_again_max) return false;
  const auto found = from_host_.find(host);
  return found == from_host_.end() || found->second < options_.fetches_of_host_max;
}

bool FetchedKeys::start_fetch(Cached& cached, const std::string& url) {
  if (!pool_.try_post([this, url] { run_fetch(url); })) return false;
  cached.is_fetching = true;
  cached.is_again = cached.error.has_value();
  if (cached.is_again) ++fetches_again_;
  ++from_host_[host_of(url)];
  return true;
}

void FetchedKeys::run_fetch(const std::string& url) {
  const std::stop_token stop = stop_.get_token();
  auto fetched = stop.stop_requested()
                     ? Result<FetchedJwks>(Error{ErrorKind::kCancelled, "the server is stopping"})
                     : fetch_(url, stop);
  const std::lock_guard lock(mutex_);
  Cached& cached = by_url_[url];
  cached.is_fetching = false;
  if (cached.is_again) --fetches_again_;
  if (const auto found = from_host_.find(host_of(url)); --found->second == 0)
    from_host_.erase(found);
  store(cached, std::move(fetched));
  changed_.notify_all();
}

// Whether it became so while we waited.
bool FetchedKeys::wait_until(std::unique_lock<std::mutex>& lock, Time deadline,
                             const std::function<bool()>& is_so) {
  if (waiting_ >= options_.waiting_max) return false;
  ++waiting_;
  const bool became_so = changed_.wait_until(lock, deadline, is_so);
  --waiting_;
  return became_so;
}

Result<jose::JwkSet> FetchedKeys::keys(const Client& client, std::string_view kid) {
  if (client.jwks) return *client.jwks;
  const std::string& url = client.jwks_url;
  const std::string host = host_of(url);
  std::unique_lock lock(mutex_);
  const auto is_decided = [&] {
    const Cached& cached = entry(url);
    return is_fresh(cached, kid) || (!cached.is_fetching && !wants_fetch(cached, kid));
  };
  const auto may_start = [&] {
    const Cached& cached = entry(url);
    return !cached.is_fetching && wants_fetch(cached, kid) && has_room(cached, host);
  };
  if (may_start() && !start_fetch(entry(url), url)) return under_way();
  if (!is_decided()) {
    // First for room, if there is none, then for the fetch.
    const Time deadline = std::chrono::steady_clock::now() + options_.wait_max;
    if (!wait_until(lock, deadline, [&] { return is_decided() || may_start(); }))
      return under_way();
    if (may_start() && !start_fetch(entry(url), url)) return under_way();
    if (!wait_until(lock, deadline, is_decided)) return under_way();
  }
  const Cached& cached = entry(url);
  if (cached.keys) return *cached.keys;
  return Error{ErrorKind::kUnavailable, "the client's keys cannot be fetched",
               cached.error ? cached.error->message : std::string(), options_.age_min};
}

}  // namespace sluice::smart
