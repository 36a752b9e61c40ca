// The store as seen by a client whose rights depend on the content of a resource: resources
// that it may not see do not exist, and resources that it may not write cannot be written. Code
// with such a store shows and changes no more than that, whatever it does, so no other place needs
// to enforce these limits.
//
// Thread-safe. Passes through documents, sizes and settings, which concern more than one resource;
// computes counts.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "base/result.h"
#include "fhir/resource_type.h"
#include "query/bounds.h"
#include "search/matcher.h"
#include "search/resource_filter.h"
#include "store/store.h"

namespace sluice::query {

/// What a client may do with resources of one type; nullopt: nothing of that kind.
struct Rights {
  std::optional<search::ResourceFilter> read = std::nullopt;
  std::optional<search::ResourceFilter> create = std::nullopt;
  std::optional<search::ResourceFilter> update = std::nullopt;
  std::optional<search::ResourceFilter> remove = std::nullopt;
};
/// The rights on a type; asked once a type.
using RightsOf = std::function<Result<Rights>(fhir::ResourceType)>;

class ScopedStore final : public store::Store {
 public:
  /// The references must outlive it.
  /// `bounds` end a scan that skips much and returns nothing.
  ScopedStore(store::Store& store, const Clock& clock, RightsOf rights, Bounds bounds = {})
      : store_(store),
        writes_(&store),
        clock_(&clock),
        rights_of_(std::move(rights)),
        bounds_(std::move(bounds)) {}
  /// To read one state of the store whose results are stored: shows a resource that was visible
  /// then, whatever happened to it since. Writes are kInternal.
  ScopedStore(const store::Store& store, RightsOf rights)
      : store_(store), rights_of_(std::move(rights)) {}

  /// kNotFound when an existing resource may not be changed, or when an update would create one:
  /// the error does not reveal which. kForbidden when the client may see the resource nevertheless,
  /// and when it may not write the new content. A removal of a resource that may be neither seen
  /// nor removed does nothing, as if it did not exist. With limits an update creates nothing,
  /// because a refusal would reveal which ids are taken; a put with the precondition that none
  /// exists does.
  Result<store::WriteOutcome> write(const store::Transaction& transaction) override;

  store::Commit last_commit() const override { return store_.last_commit(); }
  Result<store::Commit> commit_at(Instant instant) const override {
    return store_.commit_at(instant);
  }
  Result<std::optional<store::Commit>> commit_of(store::Sequence sequence) const override {
    return store_.commit_of(sequence);
  }
  /// As in scans, a state before the newest shows only what may also be seen now.
  Result<std::optional<store::Record>> read(const fhir::ResourceId& key,
                                            store::Sequence as_of) const override;
  /// None unless the newest version that is not a deletion is visible; else the visible versions.
  Result<std::vector<store::Version>> versions(const fhir::ResourceId& key, std::uint32_t before,
                                               std::size_t limit) const override;
  Result<std::optional<std::string>> owners(const fhir::ResourceId& key,
                                            store::Sequence as_of) const override;
  Result<std::vector<bool>> exist(fhir::ResourceType type, const std::vector<std::string>& ids,
                                  store::Sequence as_of) const override;
  /// Those that may be seen.
  std::unique_ptr<store::ProvenanceFinder> provenance_finder(store::Sequence as_of) const override;
  Result<std::unique_ptr<store::Scan>> scan(const store::KeyRange& range,
                                            store::Sequence as_of) const override;
  /// Changes of resources that may be seen now, and deletions of what could be seen.
  Result<std::unique_ptr<store::ChangeScan>> changes(store::Sequence after,
                                                     store::Sequence up_to) const override;
  Result<std::unique_ptr<store::ChangeScan>> changes_with_hidden(
      store::Sequence after, store::Sequence up_to) const override {
    return store_.changes_with_hidden(after, up_to);
  }
  Result<std::unique_ptr<store::ChangeScan>> changes_newest_first(
      store::ChangeCursor before, store::Sequence after) const override;
  /// nullopt also for a version that may not be seen.
  Result<std::optional<store::Version>> version_of(const store::Change& change) const override;
  Result<std::uint64_t> change_count(store::Sequence after, store::Sequence up_to) const override;
  Result<std::unique_ptr<store::MemberScan>> members(std::string_view group_id,
                                                     fhir::ResourceType type,
                                                     store::Sequence as_of) const override;
  /// Those that may be seen.
  Result<std::vector<fhir::ResourceId>> attached_to(std::string_view binary_id,
                                                    std::size_t limit) const override;
  Result<std::uint64_t> approximate_size(const store::KeyRange& range) const override {
    return store_.approximate_size(range);
  }
  Result<std::vector<store::KeyRange>> split(const store::KeyRange& range,
                                             std::uint64_t part_size) const override {
    return store_.split(range, part_size);
  }
  Result<std::vector<store::TypeStatistics>> statistics() const override;

  Result<std::optional<std::string>> document(std::string_view key) const override {
    return store_.document(key);
  }
  Result<std::vector<store::Document>> documents(std::string_view prefix, std::string_view after,
                                                 std::size_t limit) const override {
    return store_.documents(prefix, after, limit);
  }
  void set_history_horizon(store::Sequence oldest) override {
    if (writes_ != nullptr) writes_->set_history_horizon(oldest);
  }
  store::Sequence history_horizon() const override { return store_.history_horizon(); }
  Result<void> compact() override {
    return writes_ == nullptr ? Result<void>() : writes_->compact();
  }
  Result<std::uint64_t> size_on_disk() const override { return store_.size_on_disk(); }

  /// Whether a resource of the type may be read. For the scans.
  Result<bool> may_see(fhir::ResourceType type, std::string_view json) const;

 private:
  std::unique_ptr<store::ChangeScan> seen_of(std::unique_ptr<store::ChangeScan> scan) const;
  Result<const Rights*> rights(fhir::ResourceType type) const;
  Result<bool> sees_all(fhir::ResourceType type) const;
  /// Whether the newest version that is not a deletion is visible.
  Result<bool> sees_newest(const fhir::ResourceId& key) const;
  /// Whether a resource may be seen that was `json` as of a sequence.
  Result<bool> sees_as_of(const fhir::ResourceId& key, std::string_view json,
                          store::Sequence as_of) const;
  template <class Resource>
  Result<bool> passes(const std::optional<search::ResourceFilter>& right,
                      const Resource& resource) const;
  class Guarded;
  Result<void> check_put(const fhir::IncomingResource& resource, Guarded& guarded) const;
  Result<void> check_removal(const fhir::ResourceId& key, Guarded& guarded) const;

  const store::Store& store_;
  store::Store* const writes_ = nullptr;
  const Clock* const clock_ = nullptr;
  const RightsOf rights_of_;
  const Bounds bounds_ = {};
  mutable std::atomic<std::uint32_t> compared_ = 0;  // by passes()
  mutable std::mutex mutex_;
  mutable std::map<fhir::ResourceType, std::unique_ptr<const Rights>> rights_;  // guarded by mutex_
};

}  // namespace sluice::query
