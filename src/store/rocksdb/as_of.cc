#include "store/rocksdb/as_of.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "store/rocksdb/packed_json.h"

namespace sluice::store {

namespace {

Result<void> fill(Record& record, const ParsedRecord& parsed) {
  record.sequence.value = parsed.header.sequence;
  record.last_updated.milliseconds = parsed.header.instant;
  record.version = parsed.header.version;
  record.owners = parsed.owners;
  record.supporting = parsed.supporting;
  record.may_name_binary = parsed.header.binary_hint != BinaryHint::kNone;
  // Unpacked into its place; a view of anything else is copied there.
  SLUICE_ASSIGN_OR_RETURN(const auto line, unpacked_line(parsed, record.json));
  if (line.data() != record.json.data()) record.json = line;
  return {};
}

}  // namespace

Result<std::optional<std::string_view>> HistoryReader::first_of_key() {
  using Found = std::optional<std::string_view>;
  if (!iterator_)
    iterator_.reset(database_.db().NewIterator(rocksdb::ReadOptions(), database_.history));
  iterator_->Seek(rocksdb::Slice(key_.data(), key_.size()));
  if (!iterator_->Valid()) {
    if (!iterator_->status().ok()) return read_error(iterator_->status());
    return Found();
  }
  const std::string_view found = to_view(iterator_->key());
  const std::size_t same = key_.size() - sizeof(std::uint64_t);
  if (found.size() != key_.size() ||
      found.substr(0, same) != std::string_view(key_).substr(0, same))
    return Found();
  return Found(to_view(iterator_->value()));
}

Result<std::optional<std::string_view>> HistoryReader::find(std::string_view record_key,
                                                            Sequence as_of) {
  using Found = std::optional<std::string_view>;
  key_.clear();
  append_history_key(key_, record_key, as_of);
  SLUICE_ASSIGN_OR_RETURN(const auto value, first_of_key());
  if (!value) return Found();
  const auto superseded = read_superseded(*value);
  if (!superseded) return corrupt_value("history");
  // Superseded by a deletion or a move that left nothing here.
  if (*superseded <= as_of) return Found();
  return Found(value->substr(kSupersededSize));
}

Result<std::optional<std::string>> HistoryReader::former_place(std::string_view locator_key,
                                                               Sequence as_of) {
  using Found = std::optional<std::string>;
  key_.clear();
  append_place_key(key_, locator_key, {as_of.value + 1});
  SLUICE_ASSIGN_OR_RETURN(const auto value, first_of_key());
  if (!value) return Found();
  return Found(value->substr(kSupersededSize));
}

Result<std::optional<std::string>> PointReader::record_at(std::string_view record_key,
                                                          Sequence as_of) const {
  using Found = std::optional<std::string>;
  rocksdb::PinnableSlice pinned;
  const auto status =
      database_.db().Get(rocksdb::ReadOptions(), database_.current,
                         rocksdb::Slice(record_key.data(), record_key.size()), &pinned);
  // A tombstone that was dropped is older than every read that may be asked for.
  if (status.IsNotFound()) return Found();
  if (!status.ok()) return read_error(status);
  ParsedRecord record;
  if (!parse_record(to_view(pinned), record)) return corrupt_value("record");
  if (record.header.sequence <= as_of.value) {
    if (record.header.kind == RecordKind::kTombstone) return Found();
    return Found(pinned.ToString());
  }
  HistoryReader history(database_);
  SLUICE_ASSIGN_OR_RETURN(const auto older, history.find(record_key, as_of));
  if (!older) return Found();
  return Found(*older);
}

Result<std::optional<std::string>> PointReader::value_of(fhir::ResourceType type,
                                                         std::string_view id,
                                                         const Locator& locator, Sequence as_of,
                                                         std::string& owner) const {
  owner = first_owner(locator.owners);
  if (locator.sequence > as_of) {
    HistoryReader history(database_);
    std::string key;
    append_locator_key(key, type, id);
    SLUICE_ASSIGN_OR_RETURN(auto former, history.former_place(key, as_of));
    if (former) owner = std::move(*former);
  }
  std::string key;
  append_record_key(key, type, owner, id);
  return record_at(key, as_of);
}

Result<std::optional<Locator>> PointReader::find_locator(const fhir::ResourceId& key,
                                                         rocksdb::PinnableSlice& pinned) const {
  using Found = std::optional<Locator>;
  std::string locator_key;
  append_locator_key(locator_key, key.type, key.id);
  const auto status =
      database_.db().Get(rocksdb::ReadOptions(), database_.locator, locator_key, &pinned);
  if (status.IsNotFound()) return Found();
  if (!status.ok()) return read_error(status);
  Locator locator;
  if (!parse_locator(to_view(pinned), locator)) return corrupt_value("locator");
  return Found(locator);
}

Result<std::optional<Record>> PointReader::read(const fhir::ResourceId& key, Sequence as_of) const {
  using Found = std::optional<Record>;
  rocksdb::PinnableSlice pinned;
  SLUICE_ASSIGN_OR_RETURN(const auto found, find_locator(key, pinned));
  if (!found) return Found();
  const Locator& locator = *found;
  if (locator.deleted && locator.sequence <= as_of) return Found();

  Record record;
  SLUICE_ASSIGN_OR_RETURN(const auto value,
                          value_of(key.type, key.id, locator, as_of, record.owner));
  if (!value) return Found();
  ParsedRecord parsed;
  if (!parse_record(*value, parsed) || parsed.header.kind != RecordKind::kResource)
    return corrupt_value("record");
  record.key = key;
  SLUICE_RETURN_IF_ERROR(fill(record, parsed));
  return Found(std::move(record));
}

Result<std::optional<Record>> PointReader::read_of(std::string_view owner,
                                                   const fhir::ResourceId& key,
                                                   Sequence as_of) const {
  std::string record_key;
  append_record_key(record_key, key.type, owner, key.id);
  rocksdb::PinnableSlice pinned;
  const auto status =
      database_.db().Get(rocksdb::ReadOptions(), database_.current, record_key, &pinned);
  if (!status.ok() && !status.IsNotFound()) return read_error(status);
  ParsedRecord parsed;
  if (status.ok() && !parse_record(to_view(pinned), parsed)) return corrupt_value("record");
  // Where else it may be, only the locator knows.
  if (status.IsNotFound() || parsed.header.kind != RecordKind::kResource ||
      parsed.header.sequence > as_of.value)
    return read(key, as_of);
  Record record;
  record.key = key;
  record.owner = owner;
  SLUICE_RETURN_IF_ERROR(fill(record, parsed));
  return std::optional(std::move(record));
}

Result<std::optional<std::string>> PointReader::owners(const fhir::ResourceId& key,
                                                       Sequence as_of) const {
  using Found = std::optional<std::string>;
  rocksdb::PinnableSlice pinned;
  SLUICE_ASSIGN_OR_RETURN(const auto found, find_locator(key, pinned));
  if (!found) return Found();
  const Locator& locator = *found;
  if (locator.sequence <= as_of)
    return locator.deleted ? Found() : Found(std::string(locator.owners));
  SLUICE_ASSIGN_OR_RETURN(auto record, read(key, as_of));
  return record ? Found(std::move(record->owners)) : Found();
}

Result<std::vector<bool>> PointReader::exist(fhir::ResourceType type,
                                             const std::vector<std::string>& ids,
                                             Sequence as_of) const {
  constexpr std::size_t kAtOnce = 512;
  std::vector<bool> exist(ids.size(), false);
  std::vector<std::string> keys;
  for (std::size_t from = 0; from < ids.size(); from += kAtOnce) {
    const std::size_t count = std::min(kAtOnce, ids.size() - from);
    keys.assign(count, {});
    std::vector<rocksdb::Slice> slices(count);
    std::vector<rocksdb::PinnableSlice> values(count);
    std::vector<rocksdb::Status> statuses(count);
    for (std::size_t i = 0; i < count; ++i) {
      append_locator_key(keys[i], type, ids[from + i]);
      slices[i] = keys[i];
    }
    database_.db().MultiGet(rocksdb::ReadOptions(), database_.locator, count, slices.data(),
                            values.data(), statuses.data());
    for (std::size_t i = 0; i < count; ++i) {
      if (statuses[i].IsNotFound()) continue;
      if (!statuses[i].ok()) return read_error(statuses[i]);
      Locator locator;
      if (!parse_locator(to_view(values[i]), locator)) return corrupt_value("locator");
      if (locator.sequence <= as_of) {
        exist[from + i] = !locator.deleted;
      } else if (locator.version > 1) {
        std::string owner;
        SLUICE_ASSIGN_OR_RETURN(const auto value,
                                value_of(type, ids[from + i], locator, as_of, owner));
        exist[from + i] = value.has_value();
      }
    }
  }
  return exist;
}

}  // namespace sluice::store
