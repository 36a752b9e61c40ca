#include "store/rocksdb/versions.h"

#include <rocksdb/snapshot.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "store/rocksdb/record_format.h"

namespace sluice::store {
namespace {

/// Where a version's record is; its text is read only when it is asked for.
struct Place {
  Version version;
  std::string key;  // empty for a deletion
  bool is_current = false;
  Sequence superseded = {};  // 0 for the current one
};

class VersionReader {
 public:
  VersionReader(const Database& database, const fhir::ResourceId& key)
      : database_(database), key_(key), snapshot_(&database.db()) {
    options_.snapshot = snapshot_.snapshot();
  }

  Result<std::vector<Version>> read(std::uint32_t before, std::size_t limit) {
    append_locator_key(locator_key_, key_.type, key_.id);
    std::string value;
    const auto status = database_.db().Get(options_, database_.locator, locator_key_, &value);
    if (status.IsNotFound()) return std::vector<Version>();
    if (!status.ok()) return read_error(status);
    Locator locator;
    if (!parse_locator(value, locator)) return corrupt_value("locator");
    std::set<std::string> owners{std::string(first_owner(locator.owners))};
    SLUICE_CHECK(add_former_owners(owners));
    for (const auto& owner : owners) SLUICE_CHECK(collect(owner));
    forget_below_horizon();
    add_deletions(locator);
    std::sort(places_.begin(), places_.end(),
              [](const Place& a, const Place& b) { return a.version.version > b.version.version; });
    std::vector<Version> versions;
    for (auto& place : places_) {
      if (versions.size() == limit) break;
      if (place.version.version >= before) continue;
      SLUICE_TRY(const bool is_kept, fill(place));
      if (is_kept) versions.push_back(std::move(place.version));
    }
    return versions;
  }

 private:
  std::unique_ptr<rocksdb::Iterator> iterator(rocksdb::ColumnFamilyHandle* family) const {
    return std::unique_ptr<rocksdb::Iterator>(database_.db().NewIterator(options_, family));
  }

  // Both kinds of key in `history` end with a zero and eight bytes; ids and owners hold no zero.
  template <class Visit>
  Result<void> each_below(const std::string& prefix, Visit visit) {
    const auto it = iterator(database_.history);
    for (it->Seek(prefix); it->Valid() && it->key().starts_with(prefix); it->Next())
      if (it->key().size() == prefix.size() + sizeof(std::uint64_t))
        SLUICE_CHECK(visit(to_view(it->key()), to_view(it->value())));
    if (!it->status().ok()) return read_error(it->status());
    return {};
  }

  Result<void> add_former_owners(std::set<std::string>& owners) {
    std::string prefix;
    append_place_key(prefix, locator_key_, {0});
    prefix.resize(prefix.size() - sizeof(std::uint64_t));
    return each_below(prefix, [&](std::string_view, std::string_view value) -> Result<void> {
      if (value.size() < kSupersededSize) return corrupt_value("place");
      owners.insert(std::string(value.substr(kSupersededSize)));
      return {};
    });
  }

  Result<void> collect(const std::string& owner) {
    std::string key;
    append_record_key(key, key_.type, owner, key_.id);
    rocksdb::PinnableSlice value;
    const auto status = database_.db().Get(options_, database_.current, key, &value);
    if (!status.ok() && !status.IsNotFound()) return read_error(status);
    if (status.ok()) SLUICE_CHECK(add(to_view(value), key, true, {}));
    std::string prefix;
    append_history_key(prefix, key, {0});
    prefix.resize(prefix.size() - sizeof(std::uint64_t));
    return each_below(prefix, [&](std::string_view found, std::string_view old) -> Result<void> {
      const auto superseded = read_superseded(old);
      if (!superseded) return corrupt_value("history");
      return add(old.substr(kSupersededSize), std::string(found), false, *superseded);
    });
  }

  Result<void> add(std::string_view record, std::string key, bool is_current, Sequence superseded) {
    ParsedRecord parsed;
    if (!parse_record(record, parsed)) return corrupt_value("record");
    if (parsed.header.kind != RecordKind::kResource) return {};
    places_.push_back(
        {{{parsed.header.sequence}, {parsed.header.instant}, parsed.header.version, false, {}},
         std::move(key),
         is_current,
         {}});
    if (!is_current) superseded_.push_back({parsed.header.version + 1, superseded});
    places_.back().superseded = superseded;
    return {};
  }

  // Compactions drop in any order: what stands between two versions is known only for those that
  // none of them may touch. The horizon is asked after everything was found.
  void forget_below_horizon() {
    const Sequence horizon{database_.horizon()};
    std::erase_if(places_, [&](const Place& place) {
      return !place.is_current && place.superseded <= horizon;
    });
    std::erase_if(superseded_, [&](const auto& entry) { return entry.second <= horizon; });
  }

  // A deletion has no record of its own for ever, but what it superseded names it, and the locator
  // knows the newest.
  void add_deletions(const Locator& locator) {
    std::set<std::uint32_t> known;
    for (const auto& place : places_) known.insert(place.version.version);
    if (locator.deleted) superseded_.push_back({locator.version, locator.sequence});
    for (const auto& [version, sequence] : superseded_)
      if (known.insert(version).second)
        places_.push_back({{sequence, {}, version, true, {}}, {}, false, {}});
  }

  /// False for a version that is not kept any more.
  Result<bool> fill(Place& place) {
    rocksdb::PinnableSlice value;
    if (place.version.deleted) {
      const auto status = database_.db().Get(options_, database_.transactions,
                                             transaction_key(place.version.sequence), &value);
      TransactionEntry entry;
      if (!status.ok() && !status.IsNotFound()) return read_error(status);
      if (!status.ok() || !parse_transaction(to_view(value), entry))
        return corrupt_value("transaction");
      place.version.instant = entry.instant;
      return true;
    }
    const auto status = database_.db().Get(
        options_, place.is_current ? database_.current : database_.history, place.key, &value);
    // A compaction may drop what the horizon has passed, whatever snapshot is held.
    if (status.IsNotFound() && !place.is_current) return false;
    if (!status.ok()) return read_error(status);
    std::string_view record = to_view(value);
    if (!place.is_current) record.remove_prefix(kSupersededSize);
    ParsedRecord parsed;
    if (!parse_record(record, parsed)) return corrupt_value("record");
    place.version.json = parsed.json;
    return true;
  }

  const Database& database_;
  const fhir::ResourceId& key_;
  rocksdb::ManagedSnapshot snapshot_;
  rocksdb::ReadOptions options_;
  std::string locator_key_;
  std::vector<Place> places_;
  std::vector<std::pair<std::uint32_t, Sequence>> superseded_;  // by which version, when
};

}  // namespace

Result<std::vector<Version>> read_versions(const Database& database, const fhir::ResourceId& key,
                                           std::uint32_t before, std::size_t limit) {
  return VersionReader(database, key).read(before, limit);
}

}  // namespace sluice::store
