#include "smart/expiring_ids.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/log.h"

namespace sluice::smart {
namespace {

constexpr std::size_t kPage = 1000;
constexpr std::size_t kPurgedAtOnce = 10'000;
constexpr std::size_t kExpiryDigits = 13;
constexpr std::int64_t kExpiryMax = 9'999'999'999'999;
constexpr std::chrono::minutes kPurgeEvery{1};
// Of an id whose document does not say it, as earlier versions wrote them.
constexpr std::chrono::milliseconds kLifeUnknown = std::chrono::hours(1);
constexpr std::chrono::milliseconds kLifeMax = std::chrono::hours(24 * 366);

// Ids are the peer's own text: of any bytes, and not ours to keep.
std::string identity(std::string_view client, std::string_view id) {
  return fmt::format("{}/{}", client, to_hex(view(sha256(id))));
}

// "<13 digits>/<client>/<hash>" after the prefix; the client's id holds no '/'.
std::optional<Instant> expiry_of(std::string_view rest) {
  Instant expires;
  const char* const end = rest.data() + std::min(rest.size(), kExpiryDigits);
  const auto [stopped, failed] = std::from_chars(rest.data(), end, expires.milliseconds);
  if (failed != std::errc() || stopped != end || rest.size() <= kExpiryDigits + 1 ||
      rest[kExpiryDigits] != '/')
    return std::nullopt;
  return expires;
}

// How long an id lives from the moment when it was taken: the text of its document.
std::chrono::milliseconds life_of(std::string_view value) {
  std::int64_t milliseconds = 0;
  const auto [end, failed] =
      std::from_chars(value.data(), value.data() + value.size(), milliseconds);
  if (failed != std::errc() || end != value.data() + value.size() || milliseconds < 0)
    return kLifeUnknown;
  return std::min(std::chrono::milliseconds(milliseconds), kLifeMax);
}

}  // namespace

Result<std::unique_ptr<ExpiringIds>> ExpiringIds::open(store::Store& store, const Clock& clock,
                                                       Options options) {
  std::unique_ptr<ExpiringIds> ids(new ExpiringIds(store, clock, std::move(options)));
  const std::string& prefix = ids->options_.prefix;
  std::string after;
  for (;;) {
    SLUICE_ASSIGN_OR_RETURN(const auto page, store.documents(prefix, after, kPage));
    if (page.empty()) break;
    for (const store::Document& document : page) {
      const std::string_view rest = std::string_view(document.key).substr(prefix.size());
      const auto expires = expiry_of(rest);
      if (!expires) {
        spdlog::error("a used id cannot be read and is left out document={}", document.key);
        continue;
      }
      ids->keys_.insert(document.key);
      // Keys come by expiry: of two for one id the later counts.
      ids->held_[std::string(rest.substr(kExpiryDigits + 1))] = {
          *expires, ids->options_.monotonic() + life_of(document.value)};
    }
    after = page.back().key;
  }
  ids->purged_ = ids->options_.monotonic();
  return ids;
}

Result<bool> ExpiringIds::insert(std::string_view client, std::string_view id, Instant expires) {
  const Instant now = clock_.now();
  // What could not be purged today can be tomorrow.
  if (wants_purge()) static_cast<void>(purge().has_value());
  std::string name = identity(client, id);
  expires.milliseconds = std::clamp<std::int64_t>(expires.milliseconds, 0, kExpiryMax);
  const std::string key =
      fmt::format("{}{:0{}}/{}", options_.prefix, expires.milliseconds, kExpiryDigits, name);
  const auto life = std::clamp<std::chrono::milliseconds>(expires - now, {}, kLifeMax);
  {
    const std::lock_guard lock(mutex_);
    const auto found = held_.find(name);
    if (found != held_.end() && found->second.expires > now) return false;
    if (held_.size() >= options_.ids_max)
      return Error{ErrorKind::kUnavailable, "too many ids are alive",
                   fmt::format("{} ids below {}", held_.size(), options_.prefix)};
    // From here on the id is taken, whatever becomes of the write: a second thread must not win
    // because the first has not reached the disk yet.
    held_[std::move(name)] = {expires, options_.monotonic() + life};
    keys_.insert(key);
  }
  store::Transaction transaction;
  transaction.documents.push_back({key, fmt::to_string(life.count())});
  SLUICE_RETURN_IF_ERROR(store_.write(transaction));
  return true;
}

bool ExpiringIds::wants_purge() const {
  const std::lock_guard lock(mutex_);
  return options_.monotonic() - purged_ >= kPurgeEvery || held_.size() >= options_.ids_max;
}

bool ExpiringIds::contains(std::string_view client, std::string_view id) const {
  const std::string name = identity(client, id);
  const std::lock_guard lock(mutex_);
  const auto found = held_.find(name);
  return found != held_.end() && found->second.expires > clock_.now();
}

Result<void> ExpiringIds::purge() {
  const Instant now = clock_.now();
  std::vector<std::string> over;
  {
    const std::lock_guard lock(mutex_);
    purged_ = options_.monotonic();
    while (!keys_.empty() && over.size() < kPurgedAtOnce) {
      const std::string& key = *keys_.begin();
      const auto expires = expiry_of(std::string_view(key).substr(options_.prefix.size()));
      if (expires && *expires > now) break;
      const std::string name = key.substr(options_.prefix.size() + kExpiryDigits + 1);
      // The same id may have been taken again since, with a later expiry.
      const auto found = held_.find(name);
      if (found != held_.end() && (!expires || found->second.expires == *expires)) {
        if (found->second.kept_until > purged_) break;
        held_.erase(found);
      }
      over.push_back(key);
      keys_.erase(keys_.begin());
    }
  }
  if (over.empty()) return {};
  store::Transaction transaction;
  transaction.durable = false;  // losing a deletion costs a second one after the next start
  for (std::string& key : over) transaction.documents.push_back({std::move(key), std::nullopt});
  SLUICE_RETURN_IF_ERROR(store_.write(transaction));
  return {};
}

std::size_t ExpiringIds::size() const {
  const std::lock_guard lock(mutex_);
  return held_.size();
}

}  // namespace sluice::smart
