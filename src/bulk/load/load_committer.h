// The writing half of a load: writes resources in input order in transactions of a few megabytes,
// of duplicates the last, and counts the results.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "bulk/load/load_pending.h"
#include "fhir/resource_reader.h"
#include "store/store.h"

namespace sluice::bulk {

struct LoadCounts {
  std::uint64_t created = 0;
  std::uint64_t updated = 0;
  std::uint64_t unchanged = 0;
  std::uint64_t deleted = 0;  ///< by a history
};

/// What was taken from the input and its results, as of a transaction.
struct LoadTally {
  std::map<std::string, LoadCounts> types;  ///< by type name
  std::uint64_t resources = 0;              ///< committed, or held back as updates
  std::uint64_t superseded = 0;             ///< of them earlier duplicates within the input
  std::uint64_t bytes = 0;                  ///< of their JSON
  std::uint64_t position = 0;               ///< resources read so far, also those not counted here
};

struct CommitterOptions {
  std::size_t batch_size = 4u << 20;  ///< bytes of resources in one transaction
  /// Updates are held back up to this many bytes, so that of duplicates within the input only the
  /// last makes a version (docs/decisions/0005).
  std::size_t pending_size_max = 64u << 20;
  /// This many resources at the beginning were committed and counted by an earlier run that was
  /// interrupted: they are written again, which changes nothing, and not counted again.
  std::uint64_t counted = 0;
  /// Documents of each transaction that writes resources, made from the tally that includes it:
  /// both are committed together. Called while the store's other writers wait: must be quick.
  std::function<std::vector<store::DocumentWrite>(const LoadTally&)> documents = {};
};

/// Not thread-safe. Unusable after an error.
class LoadCommitter {
 public:
  LoadCommitter(store::Store& store, CommitterOptions options);

  Result<void> take(fhir::IncomingResource resource);
  /// Deletes a resource, whether taken or stored.
  Result<void> remove(const fhir::ResourceId& key);
  /// Counts a resource that exists already, whatever its content; writes nothing.
  void count_found(fhir::ResourceType type);
  /// Commits everything taken but what is held back.
  Result<void> settle();
  /// The text of an update that is held back, or nullptr.
  const std::string* held_back(const fhir::ResourceId& key) const {
    const auto* resource = pending_.find(key);
    return resource == nullptr ? nullptr : &resource->content;
  }
  /// Commits everything taken, also what was held back. It is durable with the store's next durable
  /// transaction.
  Result<void> flush();
  const LoadTally& tally() const { return tally_; }

 private:
  Result<void> commit_batch();
  Result<void> commit_pending();
  Result<void> commit_removals();
  Result<store::WriteOutcome> write(const std::vector<const fhir::IncomingResource*>& puts,
                                    std::uint64_t size, store::OnDifferent on_different,
                                    const std::function<void(const store::WriteOutcome&)>& count);
  void count(const fhir::IncomingResource& resource, store::PutStatus status);
  void count_batch(const std::vector<fhir::IncomingResource>& batch,
                   const std::vector<const fhir::IncomingResource*>& puts,
                   const store::WriteOutcome& outcome);

  store::Store& store_;
  const CommitterOptions options_;
  LoadTally tally_;
  std::vector<fhir::IncomingResource> batch_;
  std::uint64_t batch_size_ = 0;
  std::uint64_t unsynced_ = 0;
  PendingUpdates pending_;
  std::vector<fhir::ResourceId> removals_;  // later than all of batch_
};

}  // namespace sluice::bulk
