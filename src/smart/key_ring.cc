#include "smart/key_ring.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "base/json_text.h"
#include "base/log.h"

namespace sluice::smart {
namespace {

namespace json = boost::json;

constexpr std::size_t kKeysMax = 1000;

std::string serialize(const RingKey& key) {
  json::object object;
  object["id"] = key.id;
  object["created"] = key.created.milliseconds;
  object["secret"] = key.secret;
  return json_text(object);
}

Result<RingKey> parse_key(const store::Document& document) {
  // What goes wrong is told without the text: it holds a secret.
  const auto bad = [&] {
    return corrupt("a stored key cannot be read", "document " + document.key);
  };
  boost::system::error_code failed;
  const json::value value = json::parse(document.value, failed);
  if (failed || !value.is_object()) return bad();
  try {
    const json::object& object = value.get_object();
    RingKey key;
    key.id = json::value_to<std::string>(object.at("id"));
    key.created = stored_instant(object.at("created"));
    key.secret = json::value_to<std::string>(object.at("secret"));
    return key;
  } catch (const std::exception&) {
    return bad();
  }
}

}  // namespace

Result<std::unique_ptr<KeyRing>> KeyRing::open(store::Store& store, const Clock& clock,
                                               Options options) {
  std::unique_ptr<KeyRing> ring(new KeyRing(store, clock, std::move(options)));
  SLUICE_RETURN_IF_ERROR(ring->load());
  if (ring->keys_.empty()) {
    SLUICE_RETURN_IF_ERROR(ring->rotate());
  }
  SLUICE_RETURN_IF_ERROR(ring->purge());
  ring->current();
  return ring;
}

Result<void> KeyRing::load() {
  const std::string prefix = fmt::format("smart-key/{}/", options_.purpose);
  SLUICE_ASSIGN_OR_RETURN(const auto documents, store_.documents(prefix, "", kKeysMax));
  for (const store::Document& document : documents) {
    auto key = parse_key(document);
    const bool is_ours = key && document.key == document_key(*key) &&
                         (!options_.is_secret || options_.is_secret(key->secret));
    if (is_ours)
      keys_.push_back(std::make_shared<const RingKey>(std::move(*key)));
    else
      spdlog::error("a key cannot be read and is left out document={}", document.key);
  }
  std::reverse(keys_.begin(), keys_.end());  // documents come oldest first
  return {};
}

std::string KeyRing::document_key(const RingKey& key) const {
  return fmt::format("smart-key/{}/{:013}-{}", options_.purpose, key.created.milliseconds, key.id);
}

// A key that was replaced lives until keep_for after its successor came.
bool KeyRing::is_alive(std::size_t index, Instant now) const {
  return index == 0 || keys_[index - 1]->created + options_.keep_for > now;
}

std::shared_ptr<const RingKey> KeyRing::current_at(Instant instant) const {
  const std::shared_lock lock(mutex_);
  const auto found = std::find_if(keys_.begin(), keys_.end(),
                                  [&](const auto& key) { return key->created <= instant; });
  return found == keys_.end() ? keys_.back() : *found;
}

std::shared_ptr<const RingKey> KeyRing::current() {
  const Instant now = clock_.now();
  const auto newest = [&] {
    const std::shared_lock lock(mutex_);
    return keys_.front();
  };
  auto key = newest();
  if (key->created + options_.rotate_every > now) return key;
  // One thread makes the new key; the others go on with the old one meanwhile.
  if (std::unique_lock one(rotating_, std::try_to_lock); one.owns_lock()) {
    if (newest()->created + options_.rotate_every > now) return newest();
    if (const auto rotated = rotate_locked(); !rotated)
      spdlog::error("smart key rotation failed purpose={} error=\"{}\"", options_.purpose,
                    rotated.error().message);
    return newest();
  }
  return key;
}

std::shared_ptr<const RingKey> KeyRing::find(std::string_view id) const {
  const Instant now = clock_.now();
  const std::shared_lock lock(mutex_);
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    if (keys_[i]->id == id) return is_alive(i, now) ? keys_[i] : nullptr;
  }
  return nullptr;
}

std::vector<std::shared_ptr<const RingKey>> KeyRing::all() const {
  const Instant now = clock_.now();
  std::vector<std::shared_ptr<const RingKey>> keys;
  const std::shared_lock lock(mutex_);
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    if (is_alive(i, now)) keys.push_back(keys_[i]);
  }
  return keys;
}

Result<void> KeyRing::rotate() {
  const std::lock_guard one(rotating_);
  return rotate_locked();
}

Result<void> KeyRing::rotate_locked() {
  SLUICE_ASSIGN_OR_RETURN(RingKey key, options_.make());
  key.created = clock_.now();
  {
    // The order of the documents is the order of the keys, also when the clock was set back.
    const std::shared_lock lock(mutex_);
    if (!keys_.empty()) key.created = std::max(key.created, keys_.front()->created + kTick);
  }
  store::Transaction transaction;
  transaction.documents.push_back({document_key(key), serialize(key)});
  SLUICE_RETURN_IF_ERROR(store_.write(transaction));
  auto kept = std::make_shared<const RingKey>(std::move(key));
  const std::unique_lock lock(mutex_);
  keys_.insert(keys_.begin(), std::move(kept));
  return {};
}

Result<void> KeyRing::purge() {
  const std::lock_guard one(rotating_);
  const Instant now = clock_.now();
  store::Transaction transaction;
  std::size_t alive = 0;
  {
    const std::shared_lock lock(mutex_);
    while (alive < keys_.size() && is_alive(alive, now)) ++alive;
    for (std::size_t i = alive; i < keys_.size(); ++i)
      transaction.documents.push_back({document_key(*keys_[i]), std::nullopt});
  }
  if (transaction.documents.empty()) return {};
  SLUICE_RETURN_IF_ERROR(store_.write(transaction));
  const std::unique_lock lock(mutex_);
  keys_.resize(alive);
  return {};
}

}  // namespace sluice::smart
