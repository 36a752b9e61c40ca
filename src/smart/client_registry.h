// The clients of this server, kept in the store and held in memory: the registry is the only one in
// the process that writes them, so a change is seen by the next read.
//
// Thread-safe.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "base/result.h"
#include "smart/client.h"
#include "store/store.h"

namespace sluice::smart {

/// All clients are in memory, and who may register them can register many.
struct ClientRegistryLimits {
  std::size_t clients_max = 100'000;
  std::size_t keys_size_max = std::size_t{512} << 20;  ///< of the keys that they bring, in memory
};

class ClientRegistry {
 public:
  /// Shared because a reader keeps the client it saw while the registry moves on.
  using ClientPtr = std::shared_ptr<const Client>;

  /// Reads all clients. A client whose document cannot be read does not exist until it is added
  /// again or removed. Both must outlive the registry.
  static Result<std::unique_ptr<ClientRegistry>> open(store::Store& store, const Clock& clock,
                                                      const ClientRegistryLimits& limits = {});

  /// Adds a client; sets its instants, generation and registration. kConflict when the id is taken,
  /// kInvalid as check_client, kTooLarge above the limits. Durable when it returns, as all changes
  /// here.
  Result<ClientPtr> add(Client client);
  /// Changes a client: `change` gets a copy, and must leave its id alone. kNotFound, kInvalid.
  Result<ClientPtr> update(std::string_view id, const std::function<Result<void>(Client&)>& change);
  /// Disables or enables. A disabled client gets no tokens and those it has are void.
  Result<ClientPtr> set_state(std::string_view id, ClientState state);
  /// Voids every token and every signed URL that the client has.
  Result<ClientPtr> revoke_tokens(std::string_view id);
  Result<void> remove(std::string_view id);

  /// nullptr when there is none.
  ClientPtr find(std::string_view id) const;
  /// As find; kNotFound when there is none.
  Result<ClientPtr> get(std::string_view id) const;
  /// Whether a client with this id and registration exists, or an unreadable one that may be
  /// it.
  bool may_have(std::string_view id, std::string_view registration) const;
  /// Ordered by id.
  std::vector<ClientPtr> list() const;

 private:
  ClientRegistry(store::Store& store, const Clock& clock, const ClientRegistryLimits& limits)
      : store_(store), clock_(clock), limits_(limits) {}
  Result<void> check_room(const Client& client) const;
  Result<ClientPtr> keep(Client client);

  store::Store& store_;
  const Clock& clock_;
  const ClientRegistryLimits limits_;
  mutable std::mutex writing_;                             // one change at a time
  mutable std::shared_mutex mutex_;                        //
  std::map<std::string, ClientPtr, std::less<>> clients_;  // guarded by mutex_
  std::size_t keys_size_ = 0;                              // guarded by writing_
  std::set<std::string, std::less<>> unreadable_;          // guarded by writing_: ids
};

}  // namespace sluice::smart
