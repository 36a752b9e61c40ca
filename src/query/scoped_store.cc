#include "query/scoped_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

namespace sluice::query {
namespace {

constexpr std::size_t kVersionsPage = 16;
constexpr std::uint32_t kComparisonsWithoutLook = 64;
constexpr int kAttempts = 5;  // of a write that others overtake

using search::ResourceFilter;
constexpr std::uint32_t kNewest = std::numeric_limits<std::uint32_t>::max();

Error missing(const fhir::ResourceId& key) {
  return not_found(fmt::format("there is no {}/{}", fhir::type_name(key.type), key.id));
}

Error not_covered(fhir::ResourceType type) {
  return {ErrorKind::kForbidden,
          fmt::format("the access token's scopes do not cover such a {}", fhir::type_name(type))};
}

bool is_free(const std::optional<ResourceFilter>& right) {
  return right && !right->limits();
}

class ScopedScan final : public store::Scan {
 public:
  /// Whether the newest may be seen as well; empty when the scan shows the newest.
  using SeesNewest = std::function<Result<bool>(const fhir::ResourceId&)>;
  ScopedScan(const store::Store& store, std::unique_ptr<store::Scan> scan, ResourceFilter filter,
             store::Sequence as_of, SeesNewest sees_newest, const Bounds& bounds)
      : store_(store),
        scan_(std::move(scan)),
        filter_(std::move(filter)),
        as_of_(as_of),
        sees_newest_(std::move(sees_newest)),
        check_(bounds) {}

  Result<bool> next(store::RecordView& record) override {
    while (true) {
      SLUICE_RETURN_IF_ERROR(check_.step());
      SLUICE_ASSIGN_OR_RETURN(const bool more, scan_->next(record));
      if (!more) return false;
      check_.note_size(record.json.size());
      SLUICE_ASSIGN_OR_RETURN(const bool seen, sees(record));
      if (seen) return true;
    }
  }
  void seek_owner(std::string_view owner) override { scan_->seek_owner(owner); }

 private:
  // A link has no text: what it leads to decides.
  Result<bool> sees(const store::RecordView& record) {
    const fhir::ResourceId key{record.type, std::string(record.id)};
    if (!record.is_link) return sees(key, record.json);
    SLUICE_ASSIGN_OR_RETURN(const auto linked, store_.read(key, as_of_));
    if (!linked) return false;
    return sees(key, linked->json);
  }
  Result<bool> sees(const fhir::ResourceId& key, std::string_view json) {
    SLUICE_ASSIGN_OR_RETURN(const bool seen, filter_.passes(matcher_, json));
    if (!seen || !sees_newest_) return seen;
    return sees_newest_(key);
  }

  const store::Store& store_;
  std::unique_ptr<store::Scan> scan_;
  const ResourceFilter filter_;
  const store::Sequence as_of_;
  const SeesNewest sees_newest_;
  BoundsCheck check_;
  search::Matcher matcher_{[this] { return check_.look(); }};
};

class NoScan final : public store::Scan {
 public:
  Result<bool> next(store::RecordView&) override { return false; }
  void seek_owner(std::string_view) override {}
};

class NoMembers final : public store::MemberScan {
 public:
  Result<bool> next(store::Member&) override { return false; }
  void seek(std::string_view) override {}
};

class ScopedChanges final : public store::ChangeScan {
 public:
  using Sees = std::function<Result<bool>(const store::Change&)>;
  ScopedChanges(std::unique_ptr<store::ChangeScan> scan, Sees sees, const Bounds& bounds)
      : scan_(std::move(scan)), sees_(std::move(sees)), check_(bounds) {}

  Result<bool> next(store::Change& change) override {
    while (true) {
      SLUICE_RETURN_IF_ERROR(check_.step());
      SLUICE_ASSIGN_OR_RETURN(const bool more, scan_->next(change));
      if (!more) return false;
      SLUICE_ASSIGN_OR_RETURN(const bool seen, sees_(change));
      if (seen) return true;
    }
  }

 private:
  std::unique_ptr<store::ChangeScan> scan_;
  const Sees sees_;
  BoundsCheck check_;
};

// The newest version that is no deletion.
Result<std::optional<store::Version>> newest_living(const store::Store& store,
                                                    const fhir::ResourceId& key) {
  std::uint32_t before = kNewest;
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(auto versions, store.versions(key, before, kVersionsPage));
    for (auto& version : versions)
      if (!version.deleted) return std::optional(std::move(version));
    if (versions.size() < kVersionsPage) return std::optional<store::Version>();
    before = versions.back().version;
  }
}

}  // namespace

Result<const Rights*> ScopedStore::rights(fhir::ResourceType type) const {
  const std::lock_guard lock(mutex_);
  auto& known = rights_[type];
  if (known == nullptr) {
    SLUICE_ASSIGN_OR_RETURN(auto rights, rights_of_(type));
    known = std::make_unique<const Rights>(std::move(rights));
  }
  return known.get();
}

// `resource`: its text, or its tokens.
template <class Resource>
Result<bool> ScopedStore::passes(const std::optional<ResourceFilter>& right,
                                 const Resource& resource) const {
  if (!right) return false;
  if (!right->limits()) return true;
  const BoundsCheck check(bounds_);
  // Many short comparisons take as long as a large one.
  if (++compared_ % kComparisonsWithoutLook == 0) SLUICE_RETURN_IF_ERROR(check.look());
  search::Matcher matcher([&] { return check.look(); });
  return right->passes(matcher, resource);
}

Result<bool> ScopedStore::sees_all(fhir::ResourceType type) const {
  SLUICE_ASSIGN_OR_RETURN(const Rights* const of_type, rights(type));
  return is_free(of_type->read);
}

Result<bool> ScopedStore::may_see(fhir::ResourceType type, std::string_view json) const {
  SLUICE_ASSIGN_OR_RETURN(const Rights* const of_type, rights(type));
  return passes(of_type->read, json);
}

Result<bool> ScopedStore::sees_newest(const fhir::ResourceId& key) const {
  SLUICE_ASSIGN_OR_RETURN(const bool all, sees_all(key.type));
  if (all) return true;
  SLUICE_ASSIGN_OR_RETURN(const auto newest, newest_living(store_, key));
  if (!newest) return false;
  return may_see(key.type, newest->json);
}

// An older state shows no more than versions() does: nothing of what has left the limits since.
Result<bool> ScopedStore::sees_as_of(const fhir::ResourceId& key, std::string_view json,
                                     store::Sequence as_of) const {
  SLUICE_ASSIGN_OR_RETURN(const bool seen, may_see(key.type, json));
  if (!seen || writes_ == nullptr || as_of >= store_.last_commit().sequence) return seen;
  return sees_newest(key);
}

// ---- writing ----

/// A transaction with the conditions that what was looked at is what is there.
class ScopedStore::Guarded {
 public:
  explicit Guarded(const store::Transaction& asked) : transaction(asked) {
    transaction.removals.clear();
    for (const auto& condition : asked.preconditions)
      known_.emplace(condition.key, condition.version);
  }

  /// Whether the client's own condition is that nothing is there.
  bool creates(const fhir::ResourceId& key) const { return known_.contains({key, 0}); }
  void guard(const fhir::ResourceId& key, std::uint32_t version) {
    if (known_.emplace(key, version).second) transaction.preconditions.push_back({key, version});
  }
  /// That nothing is there holds by itself.
  void waive(const fhir::ResourceId& key) { waived_.insert(key); }
  void drop_waived() {
    if (waived_.empty()) return;
    std::erase_if(transaction.preconditions, [&](const auto& condition) {
      return condition.version == 0 && waived_.contains(condition.key);
    });
  }

  store::Transaction transaction;

 private:
  std::set<std::pair<fhir::ResourceId, std::uint32_t>> known_;
  std::set<fhir::ResourceId> waived_;
};

Result<void> ScopedStore::check_put(const fhir::IncomingResource& resource,
                                    Guarded& guarded) const {
  const fhir::ResourceId key{resource.type, resource.id};
  SLUICE_ASSIGN_OR_RETURN(const Rights* const of_type, rights(key.type));
  if (is_free(of_type->update)) return {};
  SLUICE_ASSIGN_OR_RETURN(const auto before, store_.read(key, store_.last_commit().sequence));
  const bool creates = guarded.creates(key);
  if (before) {
    SLUICE_ASSIGN_OR_RETURN(const bool seen, passes(of_type->update, before->json));
    // A create that meets a resource fails by its own condition.
    if (!seen && !(creates && of_type->create)) {
      SLUICE_ASSIGN_OR_RETURN(const bool shown, passes(of_type->read, before->json));
      return shown ? not_covered(key.type) : missing(key);
    }
  } else if (!creates || !of_type->create) {
    return missing(key);
  }
  const auto after = fhir::with_meta(resource, before ? before->version + 1 : 1, clock_->now());
  SLUICE_ASSIGN_OR_RETURN(const bool fits,
                          passes(before ? of_type->update : of_type->create, after.tokens()));
  if (!fits) return not_covered(key.type);
  if (!creates) guarded.guard(key, before->version);
  return {};
}

Result<void> ScopedStore::check_removal(const fhir::ResourceId& key, Guarded& guarded) const {
  SLUICE_ASSIGN_OR_RETURN(const Rights* const of_type, rights(key.type));
  if (!is_free(of_type->remove)) {
    SLUICE_ASSIGN_OR_RETURN(const auto newest, newest_living(store_, key));
    bool seen = false;
    if (newest) {
      SLUICE_ASSIGN_OR_RETURN(seen, passes(of_type->remove, newest->json));
    }
    if (!seen) {
      // To who sees nothing there, the condition that nothing is there holds.
      SLUICE_ASSIGN_OR_RETURN(const auto shown, read(key, store_.last_commit().sequence));
      if (shown) return not_covered(key.type);
      guarded.waive(key);
      return {};
    }
    SLUICE_ASSIGN_OR_RETURN(const auto record, store_.read(key, store_.last_commit().sequence));
    guarded.guard(key, record ? record->version : 0);
  }
  guarded.transaction.removals.push_back(key);
  return {};
}

Result<store::WriteOutcome> ScopedStore::write(const store::Transaction& transaction) {
  if (writes_ == nullptr)
    return Error{ErrorKind::kInternal, "a write to a store that is there to be read"};
  for (int attempt = 1;; ++attempt) {
    Guarded limited(transaction);
    store::Transaction& guarded = limited.transaction;
    for (const auto* resource : transaction.puts)
      SLUICE_RETURN_IF_ERROR(check_put(*resource, limited));
    std::vector<bool> kept;
    for (const auto& key : transaction.removals) {
      const std::size_t before = guarded.removals.size();
      SLUICE_RETURN_IF_ERROR(check_removal(key, limited));
      kept.push_back(guarded.removals.size() > before);
    }
    limited.drop_waived();
    // To who may not see it, a resource that is not removed is one that was not there.
    const auto restored = [&](store::WriteOutcome outcome) {
      std::vector<store::PutOutcome> removals;
      removals.reserve(kept.size());
      std::size_t next = 0;
      for (const bool was_kept : kept)
        removals.push_back(was_kept ? outcome.removals[next++]
                                    : store::PutOutcome{store::PutStatus::kAbsent, 0});
      outcome.removals = std::move(removals);
      return outcome;
    };
    if (transaction.documents_of)
      guarded.documents_of = [&](const store::WriteOutcome& outcome) {
        return transaction.documents_of(restored(outcome));
      };
    const bool guards = guarded.preconditions.size() > transaction.preconditions.size();
    auto outcome = writes_->write(guarded);
    if (outcome) return restored(std::move(*outcome));
    // Somebody was quicker than our own look at the resource: look again.
    const bool again = outcome.error().kind == ErrorKind::kConflict && guards &&
                       transaction.preconditions.empty() && transaction.unchanged.empty() &&
                       attempt < kAttempts;
    if (!again) return outcome;
  }
}

// ---- reading ----

Result<std::optional<store::Record>> ScopedStore::read(const fhir::ResourceId& key,
                                                       store::Sequence as_of) const {
  SLUICE_ASSIGN_OR_RETURN(auto record, store_.read(key, as_of));
  if (!record) return record;
  SLUICE_ASSIGN_OR_RETURN(const bool seen, sees_as_of(key, record->json, as_of));
  if (!seen) record.reset();
  return record;
}

Result<std::vector<store::Version>> ScopedStore::versions(const fhir::ResourceId& key,
                                                          std::uint32_t before,
                                                          std::size_t limit) const {
  SLUICE_ASSIGN_OR_RETURN(const bool all, sees_all(key.type));
  if (all) return store_.versions(key, before, limit);
  std::vector<store::Version> seen;
  SLUICE_ASSIGN_OR_RETURN(const bool any, sees_newest(key));
  while (any && seen.size() < limit) {
    SLUICE_ASSIGN_OR_RETURN(auto versions, store_.versions(key, before, kVersionsPage));
    for (auto& version : versions) {
      bool is_seen = version.deleted;
      if (!is_seen) {
        SLUICE_ASSIGN_OR_RETURN(is_seen, may_see(key.type, version.json));
      }
      if (is_seen && seen.size() < limit) seen.push_back(std::move(version));
    }
    if (versions.size() < kVersionsPage) break;
    before = versions.back().version;
  }
  return seen;
}

Result<std::optional<std::string>> ScopedStore::owners(const fhir::ResourceId& key,
                                                       store::Sequence as_of) const {
  SLUICE_ASSIGN_OR_RETURN(const auto record, read(key, as_of));
  if (!record) return std::optional<std::string>();
  return store_.owners(key, as_of);
}

std::unique_ptr<store::ProvenanceFinder> ScopedStore::provenance_finder(
    store::Sequence as_of) const {
  class Limited final : public store::ProvenanceFinder {
   public:
    Limited(const ScopedStore& limited, std::unique_ptr<store::ProvenanceFinder> all,
            store::Sequence sequence)
        : limited_(limited), all_(std::move(all)), sequence_(sequence) {}
    Result<void> find(fhir::ResourceType type, std::string_view id,
                      std::vector<std::string>& found) override {
      std::vector<std::string> ids;
      SLUICE_RETURN_IF_ERROR(all_->find(type, id, ids));
      SLUICE_ASSIGN_OR_RETURN(const auto seen,
                              limited_.exist(fhir::types::kProvenance, ids, sequence_));
      for (std::size_t i = 0; i < ids.size(); ++i)
        if (seen[i]) found.push_back(std::move(ids[i]));
      return {};
    }

   private:
    const ScopedStore& limited_;
    const std::unique_ptr<store::ProvenanceFinder> all_;
    const store::Sequence sequence_;
  };
  return std::make_unique<Limited>(*this, store_.provenance_finder(as_of), as_of);
}

Result<std::vector<fhir::ResourceId>> ScopedStore::attached_to(std::string_view binary_id,
                                                               std::size_t limit) const {
  SLUICE_ASSIGN_OR_RETURN(auto found, store_.attached_to(binary_id, limit));
  std::vector<fhir::ResourceId> seen;
  for (auto& key : found) {
    SLUICE_ASSIGN_OR_RETURN(const auto record, read(key, store_.last_commit().sequence));
    if (record) seen.push_back(std::move(key));
  }
  return seen;
}

Result<std::vector<bool>> ScopedStore::exist(fhir::ResourceType type,
                                             const std::vector<std::string>& ids,
                                             store::Sequence as_of) const {
  SLUICE_ASSIGN_OR_RETURN(auto exist, store_.exist(type, ids, as_of));
  SLUICE_ASSIGN_OR_RETURN(const bool all, sees_all(type));
  for (std::size_t i = 0; !all && i < ids.size(); ++i) {
    if (!exist[i]) continue;
    SLUICE_ASSIGN_OR_RETURN(const auto record, read({type, ids[i]}, as_of));
    exist[i] = record.has_value();
  }
  return exist;
}

Result<std::unique_ptr<store::Scan>> ScopedStore::scan(const store::KeyRange& range,
                                                       store::Sequence as_of) const {
  SLUICE_ASSIGN_OR_RETURN(const Rights* const of_type, rights(range.type));
  if (!of_type->read) return std::make_unique<NoScan>();
  SLUICE_ASSIGN_OR_RETURN(auto scan, store_.scan(range, as_of));
  if (!of_type->read->limits()) return scan;
  ScopedScan::SeesNewest sees_newest;
  if (writes_ != nullptr && as_of < store_.last_commit().sequence)
    sees_newest = [this](const fhir::ResourceId& key) { return this->sees_newest(key); };
  return std::make_unique<ScopedScan>(store_, std::move(scan), *of_type->read, as_of,
                                      std::move(sees_newest), bounds_);
}

std::unique_ptr<store::ChangeScan> ScopedStore::seen_of(
    std::unique_ptr<store::ChangeScan> scan) const {
  return std::make_unique<ScopedChanges>(
      std::move(scan),
      [this](const store::Change& change) {
        return sees_newest({change.type, std::string(change.id)});
      },
      bounds_);
}

Result<std::unique_ptr<store::ChangeScan>> ScopedStore::changes(store::Sequence after,
                                                                store::Sequence up_to) const {
  SLUICE_ASSIGN_OR_RETURN(auto scan, store_.changes(after, up_to));
  return seen_of(std::move(scan));
}

Result<std::unique_ptr<store::ChangeScan>> ScopedStore::changes_newest_first(
    store::ChangeCursor before, store::Sequence after) const {
  SLUICE_ASSIGN_OR_RETURN(auto scan, store_.changes_newest_first(before, after));
  return seen_of(std::move(scan));
}

Result<std::optional<store::Version>> ScopedStore::version_of(const store::Change& change) const {
  using Found = std::optional<store::Version>;
  SLUICE_ASSIGN_OR_RETURN(const bool any, sees_newest({change.type, std::string(change.id)}));
  if (!any) return Found();
  SLUICE_ASSIGN_OR_RETURN(auto version, store_.version_of(change));
  if (!version || version->deleted) return version;
  SLUICE_ASSIGN_OR_RETURN(const bool seen, may_see(change.type, version->json));
  if (!seen) return Found();
  return version;
}

Result<std::uint64_t> ScopedStore::change_count(store::Sequence after,
                                                store::Sequence up_to) const {
  SLUICE_ASSIGN_OR_RETURN(const auto scan, changes(after, up_to));
  store::Change change;
  for (std::uint64_t count = 0;; ++count) {
    SLUICE_ASSIGN_OR_RETURN(const bool more, scan->next(change));
    if (!more) return count;
  }
}

Result<std::unique_ptr<store::MemberScan>> ScopedStore::members(std::string_view group_id,
                                                                fhir::ResourceType type,
                                                                store::Sequence as_of) const {
  SLUICE_ASSIGN_OR_RETURN(const auto group,
                          read({fhir::types::kGroup, std::string(group_id)}, as_of));
  if (!group) return std::make_unique<NoMembers>();
  return store_.members(group_id, type, as_of);
}

Result<std::vector<store::TypeStatistics>> ScopedStore::statistics() const {
  SLUICE_ASSIGN_OR_RETURN(const auto all, store_.statistics());
  std::vector<store::TypeStatistics> seen;
  for (auto of_type : all) {
    SLUICE_ASSIGN_OR_RETURN(const bool sees_all_of_it, sees_all(of_type.type));
    if (!sees_all_of_it) {
      of_type.resources = of_type.bytes = 0;
      SLUICE_ASSIGN_OR_RETURN(const auto scan, this->scan(store::whole_type(of_type.type),
                                                          store_.last_commit().sequence));
      store::RecordView record;
      while (true) {
        SLUICE_ASSIGN_OR_RETURN(const bool more, scan->next(record));
        if (!more) break;
        if (record.is_link) continue;
        ++of_type.resources;
        of_type.bytes += record.json.size() + 1;
      }
    }
    seen.push_back(of_type);
  }
  return seen;
}

}  // namespace sluice::query
