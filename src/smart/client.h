// A registered client: its identity, keys and permissions. Stored as document
// "client/<id>".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "base/result.h"
#include "jose/json_web_key.h"
#include "smart/scope.h"

namespace sluice::smart {

enum class ClientState : std::uint8_t { kActive, kDisabled };
std::string_view to_string(ClientState state);

/// How a client fetches its files.
enum class FileAccess : std::uint8_t {
  kToken,       ///< with an access token
  kCapability,  ///< with a signed URL (requiresAccessToken: false)
};
/// "token", "capability".
std::string_view to_string(FileAccess access);
std::optional<FileAccess> find_file_access(std::string_view name);

/// 0 means the server's default.
struct ClientLimits {
  unsigned running_jobs = 0;
  unsigned requests_per_minute = 0;
  friend bool operator==(const ClientLimits&, const ClientLimits&) = default;
};

struct Client {
  std::string id;    ///< 1 to 128 of A-Z a-z 0-9 . _ -
  std::string name;  ///< for people: up to 256 bytes
  /// Exactly one of the two is set.
  std::optional<jose::JwkSet> jwks;
  std::string jwks_url;  ///< https; http to loopback, which is fetched only where it is allowed
  ScopeSet scopes;
  /// The Groups it may export and see; nullopt: all, and system and patient level too.
  std::optional<std::vector<std::string>> groups;
  ClientLimits limits;
  FileAccess file_access = FileAccess::kToken;
  ClientState state = ClientState::kActive;
  Instant created;  ///< set by the registry
  Instant updated;  ///< set by the registry
  /// Access tokens and signed URLs carry it; when it changes, all that were made before are void.
  /// Set by the registry, which changes it when the client is disabled or may do less than before.
  std::string generation;
  /// Stored in jobs: a client that is removed and added again is another client, even with the same
  /// id. The registry sets it once. Empty: registered by an earlier version.
  std::string registration;

  bool is_active() const { return state == ClientState::kActive; }
  bool may_see_group(std::string_view group_id) const;
};

bool is_valid_client_id(std::string_view id);
/// kInvalid, naming the member, for an invalid client: bad id, no or two sources of
/// keys, no key that could check a signature, a key without kid, a URL that is not https, no
/// scopes, bad group ids.
Result<void> check_client(const Client& client);

/// The key of a client's document.
std::string client_key(std::string_view id);
std::string serialize(const Client& client);
/// kCorrupt when the text is not what serialize made.
Result<Client> parse_client(std::string_view id, std::string_view text);

}  // namespace sluice::smart
