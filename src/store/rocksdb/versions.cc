#include "store/rocksdb/versions.h"

#include <rocksdb/snapshot.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "store/rocksdb/packed_json.h"
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

Result<Instant> instant_of(const Database& database, Sequence sequence) {
  rocksdb::PinnableSlice value;
  const auto status = database.db().Get(rocksdb::ReadOptions(), database.transactions,
                                        transaction_key(sequence), &value);
  TransactionEntry entry;
  if (!status.ok() && !status.IsNotFound()) return read_error(status);
  if (!status.ok() || !parse_transaction(to_view(value), entry))
    return corrupt_value("transaction");
  return entry.instant;
}

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
    SLUICE_RETURN_IF_ERROR(add_former_owners(owners));
    for (const auto& owner : owners) SLUICE_RETURN_IF_ERROR(collect(owner));
    forget_below_horizon();
    add_deletions(locator);
    std::sort(places_.begin(), places_.end(),
              [](const Place& a, const Place& b) { return a.version.version > b.version.version; });
    note_creations();
    std::vector<Version> versions;
    for (auto& place : places_) {
      if (versions.size() == limit) break;
      if (place.version.version >= before) continue;
      SLUICE_ASSIGN_OR_RETURN(const bool is_kept, fill(place));
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
        SLUICE_RETURN_IF_ERROR(visit(to_view(it->key()), to_view(it->value())));
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
    if (status.ok()) SLUICE_RETURN_IF_ERROR(add(to_view(value), key, true, {}));
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
        {{{parsed.header.sequence}, {parsed.header.instant}, parsed.header.version, false},
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
        places_.push_back({{sequence, {}, version, true}, {}, false, {}});
  }

  void note_creations() {
    for (std::size_t i = 0; i < places_.size(); ++i) {
      auto& version = places_[i].version;
      version.superseded = places_[i].superseded;
      const bool follows_deletion = i + 1 < places_.size() && places_[i + 1].version.deleted &&
                                    places_[i + 1].version.version + 1 == version.version;
      version.created = !version.deleted && (version.version == 1 || follows_deletion);
    }
  }

  /// False for a version that is not kept any more.
  Result<bool> fill(Place& place) {
    rocksdb::PinnableSlice value;
    if (place.version.deleted) {
      SLUICE_ASSIGN_OR_RETURN(place.version.instant, instant_of(database_, place.version.sequence));
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
    std::string& json = place.version.json;
    SLUICE_ASSIGN_OR_RETURN(const auto line, unpacked_line(parsed, json));
    if (line.data() != json.data()) json = line;
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

/// One version by the change that made it: found without looking at the others.
class ChangedVersion {
 public:
  ChangedVersion(const Database& database, const Change& change)
      : database_(database), change_(change), key_{change.type, std::string(change.id)} {
    append_record_key(record_key_, change.type, change.owner, change.id);
  }

  Result<std::optional<Version>> read() {
    std::string locator_key;
    append_locator_key(locator_key, change_.type, change_.id);
    std::string value;
    const auto status =
        database_.db().Get(rocksdb::ReadOptions(), database_.locator, locator_key, &value);
    if (!status.ok() && !status.IsNotFound()) return read_error(status);
    Locator locator;
    if (!status.ok() || !parse_locator(value, locator)) return corrupt_value("locator");
    const bool is_newest = locator.sequence == change_.sequence;
    if (change_.kind == ChangeKind::kRemove)
      return is_newest ? deletion(locator.version) : deletion_before();
    if (is_newest) {
      SLUICE_ASSIGN_OR_RETURN(auto current, current_version());
      // Else it was superseded in this very moment.
      if (current) return current;
    }
    return superseded_version();
  }

 private:
  Result<std::optional<Version>> deletion(std::uint32_t version) const {
    Version found{change_.sequence, {}, version, true};
    SLUICE_ASSIGN_OR_RETURN(found.instant, instant_of(database_, change_.sequence));
    return found;
  }

  /// A deletion that is not the newest: what it superseded tells of it.
  Result<std::optional<Version>> deletion_before() const {
    if (change_.sequence.value <= database_.horizon()) return std::nullopt;
    SLUICE_ASSIGN_OR_RETURN(const auto version, version_before());
    if (!version) return std::nullopt;
    return deletion(*version + 1);
  }

  /// The version that this change superseded, when it stood under the same owner and is kept.
  Result<std::optional<std::uint32_t>> version_before() const {
    std::string key;
    append_history_key(key, record_key_, {change_.sequence.value - 1});
    const std::unique_ptr<rocksdb::Iterator> it(
        database_.db().NewIterator(rocksdb::ReadOptions(), database_.history));
    it->Seek(key);
    if (!it->Valid()) {
      if (!it->status().ok()) return read_error(it->status());
      return std::nullopt;
    }
    const std::size_t prefix = key.size() - sizeof(std::uint64_t);
    if (it->key().size() != key.size() ||
        to_view(it->key()).substr(0, prefix) != std::string_view(key).substr(0, prefix))
      return std::nullopt;
    const std::string_view value = to_view(it->value());
    const auto superseded = read_superseded(value);
    ParsedRecord record;
    if (!superseded || !parse_record(value.substr(kSupersededSize), record))
      return corrupt_value("history");
    if (*superseded != change_.sequence) return std::nullopt;
    return record.header.version;
  }

  Result<std::optional<Version>> current_version() const {
    rocksdb::PinnableSlice value;
    const auto status =
        database_.db().Get(rocksdb::ReadOptions(), database_.current, record_key_, &value);
    if (!status.ok() && !status.IsNotFound()) return read_error(status);
    if (!status.ok()) return std::nullopt;
    return version_in(to_view(value), {});
  }

  Result<std::optional<Version>> superseded_version() const {
    std::string key;
    append_history_key(key, record_key_, change_.sequence);
    rocksdb::PinnableSlice value;
    const auto status = database_.db().Get(rocksdb::ReadOptions(), database_.history, key, &value);
    if (!status.ok() && !status.IsNotFound()) return read_error(status);
    if (!status.ok()) return std::nullopt;
    const auto superseded = read_superseded(to_view(value));
    if (!superseded) return corrupt_value("history");
    if (superseded->value <= database_.horizon()) return std::nullopt;
    return version_in(to_view(value).substr(kSupersededSize), *superseded);
  }

  Result<std::optional<Version>> version_in(std::string_view value, Sequence superseded) const {
    ParsedRecord record;
    if (!parse_record(value, record)) return corrupt_value("record");
    if (record.header.sequence != change_.sequence.value ||
        record.header.kind != RecordKind::kResource)
      return std::nullopt;
    Version found{change_.sequence, {record.header.instant}, record.header.version, false};
    SLUICE_ASSIGN_OR_RETURN(const auto line, unpacked_line(record, found.json));
    if (line.data() != found.json.data()) found.json = line;
    found.superseded = superseded;
    SLUICE_ASSIGN_OR_RETURN(found.created, is_creation(found.version));
    return found;
  }

  Result<bool> is_creation(std::uint32_t version) const {
    if (version == 1) return true;
    SLUICE_ASSIGN_OR_RETURN(const auto before, version_before());
    if (before) return false;
    // Deleted before, or under another owner, or not kept: all versions are looked at.
    SLUICE_ASSIGN_OR_RETURN(const auto versions, VersionReader(database_, key_).read(version, 1));
    return !versions.empty() && versions.front().version + 1 == version && versions.front().deleted;
  }

  const Database& database_;
  const Change& change_;
  const fhir::ResourceId key_;
  std::string record_key_;
};

}  // namespace

Result<std::vector<Version>> read_versions(const Database& database, const fhir::ResourceId& key,
                                           std::uint32_t before, std::size_t limit) {
  return VersionReader(database, key).read(before, limit);
}

Result<std::optional<Version>> read_version_of(const Database& database, const Change& change) {
  return ChangedVersion(database, change).read();
}

}  // namespace sluice::store
