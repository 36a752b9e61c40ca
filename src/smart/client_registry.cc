#include "smart/client_registry.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/log.h"

namespace sluice::smart {
namespace {

constexpr std::size_t kPage = 500;
constexpr std::size_t kGenerationBytes = 8;

// Whether tokens given to `before` could do more than `after` may.
bool may_do_less(const Client& before, const Client& after) {
  if (before.is_active() && !after.is_active()) return true;
  // Compared by what they allow: another spelling of the same does not void tokens.
  if (!after.scopes.allows_all_of(before.scopes)) return true;
  if (!after.groups) return false;
  if (!before.groups) return true;
  return std::any_of(before.groups->begin(), before.groups->end(),
                     [&](const std::string& group) { return !after.may_see_group(group); });
}

// What the keys of a client take in memory, about: more than their text, which may be short.
std::size_t keys_size(const Client& client) {
  constexpr std::size_t kParsedKey = 4u << 10;
  if (!client.jwks) return 0;
  return client.jwks->to_json().size() + kParsedKey * client.jwks->keys().size();
}

Error no_such_client(std::string_view id) {
  return not_found(fmt::format("there is no client '{}'", is_valid_client_id(id) ? id : "?"));
}

}  // namespace

Result<std::unique_ptr<ClientRegistry>> ClientRegistry::open(store::Store& store,
                                                             const Clock& clock,
                                                             const ClientRegistryLimits& limits) {
  std::unique_ptr<ClientRegistry> registry(new ClientRegistry(store, clock, limits));
  const std::string prefix = client_key("");
  std::string after;
  for (;;) {
    SLUICE_ASSIGN_OR_RETURN(const auto page, store.documents(prefix, after, kPage));
    if (page.empty()) return registry;
    for (const store::Document& document : page) {
      const std::string id = document.key.substr(prefix.size());
      auto client = parse_client(id, document.value);
      if (client) {
        registry->keys_size_ += keys_size(*client);
        registry->clients_[id] = std::make_shared<const Client>(std::move(*client));
        continue;
      }
      spdlog::error("a client cannot be read and is left out document={} detail=\"{}\"",
                    document.key, client.error().detail);
      registry->unreadable_.insert(id);
    }
    after = page.back().key;
  }
}

Result<ClientRegistry::ClientPtr> ClientRegistry::keep(Client client) {
  SLUICE_RETURN_IF_ERROR(check_client(client));
  store::Transaction transaction;
  transaction.documents.push_back({client_key(client.id), serialize(client)});
  SLUICE_RETURN_IF_ERROR(store_.write(transaction));
  unreadable_.erase(client.id);
  const std::string id = client.id;
  ClientPtr kept = std::make_shared<const Client>(std::move(client));
  const std::unique_lock lock(mutex_);
  ClientPtr& place = clients_[id];
  if (place != nullptr) keys_size_ -= keys_size(*place);
  keys_size_ += keys_size(*kept);
  place = kept;
  return kept;
}

Result<void> ClientRegistry::check_room(const Client& client) const {
  const std::shared_lock lock(mutex_);
  if (clients_.size() >= limits_.clients_max)
    return Error{ErrorKind::kTooLarge,
                 fmt::format("there are {} clients already", limits_.clients_max)};
  if (keys_size_ + keys_size(client) > limits_.keys_size_max)
    return Error{ErrorKind::kTooLarge,
                 "the clients' keys take too much memory: remove clients, or "
                 "register them with jwks_url"};
  return {};
}

Result<ClientRegistry::ClientPtr> ClientRegistry::add(Client client) {
  const std::lock_guard one_at_a_time(writing_);
  if (find(client.id) != nullptr)
    return Error{ErrorKind::kConflict, fmt::format("there is a client '{}' already", client.id)};
  SLUICE_RETURN_IF_ERROR(check_room(client));
  client.created = clock_.now();
  client.updated = client.created;
  client.generation = random_hex(kGenerationBytes);
  client.registration = random_hex(kGenerationBytes);
  return keep(std::move(client));
}

Result<ClientRegistry::ClientPtr> ClientRegistry::update(
    std::string_view id, const std::function<Result<void>(Client&)>& change) {
  const std::lock_guard one_at_a_time(writing_);
  SLUICE_ASSIGN_OR_RETURN(const ClientPtr before, get(id));
  Client after = *before;
  SLUICE_RETURN_IF_ERROR(change(after));
  if (after.id != before->id) return invalid("a client's id never changes");
  after.created = before->created;
  after.registration = before->registration;
  after.updated = clock_.now();
  if (may_do_less(*before, after)) after.generation = random_hex(kGenerationBytes);
  return keep(std::move(after));
}

Result<ClientRegistry::ClientPtr> ClientRegistry::set_state(std::string_view id,
                                                            ClientState state) {
  return update(id, [state](Client& client) -> Result<void> {
    client.state = state;
    return {};
  });
}

Result<ClientRegistry::ClientPtr> ClientRegistry::revoke_tokens(std::string_view id) {
  return update(id, [](Client& client) -> Result<void> {
    client.generation = random_hex(kGenerationBytes);
    return {};
  });
}

Result<void> ClientRegistry::remove(std::string_view id) {
  const std::lock_guard one_at_a_time(writing_);
  if (!unreadable_.contains(id)) SLUICE_RETURN_IF_ERROR(get(id));
  const std::string name(id);
  store::Transaction transaction;
  transaction.documents.push_back({client_key(name), std::nullopt});
  SLUICE_RETURN_IF_ERROR(store_.write(transaction));
  unreadable_.erase(name);
  const std::unique_lock lock(mutex_);
  const auto found = clients_.find(name);
  if (found == clients_.end()) return {};
  keys_size_ -= keys_size(*found->second);
  clients_.erase(found);
  return {};
}

ClientRegistry::ClientPtr ClientRegistry::find(std::string_view id) const {
  const std::shared_lock lock(mutex_);
  const auto found = clients_.find(id);
  return found == clients_.end() ? nullptr : found->second;
}

bool ClientRegistry::may_have(std::string_view id, std::string_view registration) const {
  if (const ClientPtr client = find(id)) return client->registration == registration;
  const std::lock_guard no_change(writing_);
  return unreadable_.contains(id);
}

Result<ClientRegistry::ClientPtr> ClientRegistry::get(std::string_view id) const {
  ClientPtr client = find(id);
  if (client == nullptr) return no_such_client(id);
  return client;
}

std::vector<ClientRegistry::ClientPtr> ClientRegistry::list() const {
  std::vector<ClientPtr> clients;
  const std::shared_lock lock(mutex_);
  clients.reserve(clients_.size());
  for (const auto& [id, client] : clients_) clients.push_back(client);
  return clients;
}

}  // namespace sluice::smart
