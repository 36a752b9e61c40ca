#include "store/rocksdb/transaction_batch.h"
#include "store/rocksdb/packed_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "fhir/attachment_urls.h"
#include "store/rocksdb/attachment_rows.h"
#include "store/rocksdb/member_rows.h"
#include "store/rocksdb/rocksdb_scan.h"
#include "store/rocksdb/target_rows.h"

namespace sluice::store {
namespace {

// The change log packs changes of one transaction into entries of about this size.
constexpr std::size_t kChangeEntrySize = 16u << 10;

rocksdb::Slice slice(std::string_view bytes) {
  return {bytes.data(), bytes.size()};
}

// Into a batch without limits everything goes; its Status says nothing.
void put_into(rocksdb::WriteBatch& batch, rocksdb::ColumnFamilyHandle* family, std::string_view key,
              std::string_view value) {
  batch.Put(family, slice(key), slice(value)).PermitUncheckedError();
}

// A resource without owners is stored under the empty owner.
template <class Function>
Result<void> for_each_place(std::string_view owners, Function function) {
  if (owners.empty()) return function(std::string_view());
  OwnerList list(owners);
  while (const auto owner = list.next()) SLUICE_RETURN_IF_ERROR(function(*owner));
  return {};
}

bool has_place(std::string_view owners, std::string_view place) {
  if (owners.empty()) return place.empty();
  OwnerList list(owners);
  while (const auto owner = list.next())
    if (*owner == place) return true;
  return false;
}

std::size_t size_of(const Transaction& transaction) {
  std::size_t size = 4096;
  for (const auto* put : transaction.puts) size += put->content.size() + 512;
  return size;
}

}  // namespace

TransactionBatch::TransactionBatch(const Database& database, const Commit& commit,
                                   const Transaction& transaction)
    : database_(database),
      commit_(commit),
      transaction_(transaction),
      batch_(size_of(transaction)) {}

Result<WriteOutcome> TransactionBatch::build() {
  SLUICE_RETURN_IF_ERROR(check_preconditions());
  SLUICE_RETURN_IF_ERROR(check_unchanged());
  SLUICE_RETURN_IF_ERROR(collect());
  std::vector<std::size_t> counting;
  std::vector<rocksdb::Slice> keys;
  for (std::size_t i = 0; i < operations_.size(); ++i) {
    if (operations_[i].last != i) continue;
    counting.push_back(i);
    keys.push_back(operations_[i].locator_key);
  }
  std::vector<rocksdb::PinnableSlice> values(keys.size());
  std::vector<rocksdb::Status> statuses(keys.size());
  if (!keys.empty())
    database_.db().MultiGet(rocksdb::ReadOptions(), database_.locator, keys.size(), keys.data(),
                            values.data(), statuses.data());
  std::vector<PutOutcome> outcomes(operations_.size());
  for (std::size_t k = 0; k < counting.size(); ++k) {
    if (!statuses[k].ok() && !statuses[k].IsNotFound()) return read_error(statuses[k]);
    const std::size_t i = counting[k];
    SLUICE_RETURN_IF_ERROR(
        apply(operations_[i], statuses[k].ok() ? &values[k] : nullptr, outcomes[i]));
  }
  flush_changes();
  write_documents(transaction_.documents);
  for (std::size_t i = 0; i < operations_.size(); ++i) outcomes[i] = outcomes[operations_[i].last];
  const auto removals = outcomes.begin() + static_cast<std::ptrdiff_t>(transaction_.puts.size());
  WriteOutcome outcome{commit_, {outcomes.begin(), removals}, {removals, outcomes.end()}};
  if (transaction_.documents_of) write_documents(transaction_.documents_of(outcome));
  return outcome;
}

void TransactionBatch::write_documents(const std::vector<DocumentWrite>& documents) {
  for (const auto& document : documents) {
    if (document.value)
      put_into(batch_, database_.documents, document.key, *document.value);
    else
      batch_.Delete(database_.documents, document.key).PermitUncheckedError();
  }
}

Result<void> TransactionBatch::check_preconditions() const {
  std::string key;
  for (const auto& precondition : transaction_.preconditions) {
    key.clear();
    append_locator_key(key, precondition.key.type, precondition.key.id);
    rocksdb::PinnableSlice value;
    const auto status = database_.db().Get(rocksdb::ReadOptions(), database_.locator, key, &value);
    if (!status.ok() && !status.IsNotFound()) return read_error(status);
    std::uint32_t version = 0;
    if (status.ok()) {
      Locator locator;
      if (!parse_locator(to_view(value), locator)) return corrupt_value("locator");
      if (!locator.deleted) version = locator.version;
    }
    if (version != precondition.version)
      return Error{ErrorKind::kConflict,
                   fmt::format("{}/{} was changed by another request meanwhile",
                               fhir::type_name(precondition.key.type), precondition.key.id)};
  }
  return {};
}

Result<void> TransactionBatch::check_unchanged() const {
  for (const auto& unchanged : transaction_.unchanged) {
    const auto scan = make_change_scan(database_, unchanged.since, {commit_.sequence.value - 1});
    Change change;
    while (true) {
      SLUICE_ASSIGN_OR_RETURN(const bool more, scan->next(change));
      if (!more) break;
      SLUICE_ASSIGN_OR_RETURN(const bool is_broken, breaks(unchanged, change));
      if (is_broken)
        return Error{ErrorKind::kConflict,
                     fmt::format("{} resources were changed by another request meanwhile",
                                 fhir::type_name(change.type))};
    }
  }
  return {};
}

Result<bool> TransactionBatch::breaks(const Unchanged& unchanged, const Change& change) const {
  const auto& types = unchanged.types;
  const bool is_of_type = (types.empty() && unchanged.owner) ||
                          std::find(types.begin(), types.end(), change.type) != types.end();
  if (!is_of_type || !unchanged.owner) return is_of_type;
  if (change.owner == *unchanged.owner) return true;
  if (change.kind == ChangeKind::kRemove) return has_place(change.owners, *unchanged.owner);
  // The log names the storing owner only; what was removed since has an entry of its own.
  return is_owned_now({change.type, std::string(change.id)}, *unchanged.owner);
}

Result<bool> TransactionBatch::is_owned_now(const fhir::ResourceId& key,
                                            std::string_view owner) const {
  std::string locator_key;
  append_locator_key(locator_key, key.type, key.id);
  rocksdb::PinnableSlice value;
  const auto status =
      database_.db().Get(rocksdb::ReadOptions(), database_.locator, locator_key, &value);
  if (!status.ok()) return read_error(status);
  Locator locator;
  if (!parse_locator(to_view(value), locator)) return corrupt_value("locator");
  return has_place(locator.owners, owner);
}

Result<void> TransactionBatch::collect() {
  operations_.reserve(transaction_.puts.size() + transaction_.removals.size());
  const auto add = [&](const fhir::IncomingResource* put, fhir::ResourceType type,
                       std::string_view id) {
    auto& operation = operations_.emplace_back();
    operation.put = put;
    operation.type = type;
    operation.id = id;
    operation.last = operations_.size() - 1;
    append_locator_key(operation.locator_key, type, id);
    return fhir::is_valid_id(id);
  };
  // Keys are built of ids without escaping: what is no id must not get in.
  for (const auto* put : transaction_.puts) {
    if (!add(put, put->type, put->id) ||
        !std::all_of(put->owners.begin(), put->owners.end(), fhir::is_valid_id))
      return invalid("a resource or its patient has an id that is not valid");
    if (std::any_of(put->supporting.begin(), put->supporting.end(),
                    [](const auto& reference) { return !fhir::is_valid_id(reference.id); }))
      return invalid("a resource refers to an id that is not valid");
  }
  for (const auto& removal : transaction_.removals)
    if (!add(nullptr, removal.type, removal.id)) return invalid("an id to remove is not valid");

  std::unordered_map<std::string_view, std::size_t> last;
  last.reserve(operations_.size());
  for (std::size_t i = operations_.size(); i-- > 0;)
    operations_[i].last = last.try_emplace(operations_[i].locator_key, i).first->second;
  return {};
}

Result<void> TransactionBatch::apply(const Operation& operation,
                                     const rocksdb::PinnableSlice* located, PutOutcome& outcome) {
  Locator old;
  if (located != nullptr && !parse_locator(to_view(*located), old)) return corrupt_value("locator");
  if (operation.put != nullptr) return put(operation, located != nullptr ? &old : nullptr, outcome);
  if (located == nullptr || old.deleted) {
    outcome = {PutStatus::kAbsent, 0};
    return {};
  }
  return remove(operation, old, outcome);
}

Result<void> TransactionBatch::put(const Operation& operation, const Locator* old,
                                   PutOutcome& outcome) {
  const auto& resource = *operation.put;
  const bool exists = old != nullptr && !old->deleted;
  owners_.clear();
  append_owners(owners_, resource.owners);
  const bool has_moved = exists && old->owners != owners_;
  // The same content has other owners when it is understood otherwise than it was then.
  const bool is_same = exists && old->digest == resource.digest;
  if (is_same && (!has_moved || transaction_.on_different == OnDifferent::kLeave)) {
    outcome = {PutStatus::kUnchanged, old->version};
    return {};
  }
  if (exists && transaction_.on_different == OnDifferent::kLeave) {
    outcome = {PutStatus::kDiffers, old->version};
    return {};
  }
  const std::uint32_t version = old == nullptr ? 1 : old->version + 1;
  old_targets_.clear();
  old_binaries_.clear();
  if (exists) {
    SLUICE_RETURN_IF_ERROR(supersede(operation, old->owners));
    if (has_moved) {
      // There may be hundreds of thousands.
      std::unordered_set<std::string_view> places;
      SLUICE_RETURN_IF_ERROR(for_each_place(owners_, [&](std::string_view owner) -> Result<void> {
        places.insert(owner);
        return {};
      }));
      SLUICE_RETURN_IF_ERROR(
          for_each_place(old->owners, [&](std::string_view owner) -> Result<void> {
            if (!places.contains(owner)) write_tombstone(operation, owner, version);
            return {};
          }));
    }
  }
  if (old != nullptr && first_owner(old->owners) != first_owner(owners_))
    note_place(operation, first_owner(old->owners));
  write_records(operation, version);
  write_locator(operation, {commit_.sequence, version, false, resource.digest, owners_});
  log_change(operation, ChangeKind::kPut, first_owner(owners_),
             has_moved ? old->owners : std::string_view());
  if (operation.type == fhir::types::kGroup)
    SLUICE_RETURN_IF_ERROR(
        update_members(database_, commit_, operation.id, resource.members, batch_));
  if (operation.type == fhir::types::kProvenance)
    update_targets(database_, commit_, operation.id, old_targets_, resource.targets, batch_);
  if (!old_binaries_.empty() || !resource.binaries.empty())
    update_attachments(database_, {operation.type, std::string(operation.id)}, old_binaries_,
                       resource.binaries, batch_);
  outcome = {exists ? PutStatus::kUpdated : PutStatus::kCreated, version};
  return {};
}

Result<void> TransactionBatch::remove(const Operation& operation, const Locator& old,
                                      PutOutcome& outcome) {
  const std::uint32_t version = old.version + 1;
  old_targets_.clear();
  old_binaries_.clear();
  SLUICE_RETURN_IF_ERROR(supersede(operation, old.owners));
  SLUICE_RETURN_IF_ERROR(for_each_place(old.owners, [&](std::string_view owner) -> Result<void> {
    write_tombstone(operation, owner, version);
    return {};
  }));
  write_locator(operation, {commit_.sequence, version, true, old.digest, old.owners});
  log_change(operation, ChangeKind::kRemove, first_owner(old.owners), old.owners);
  if (operation.type == fhir::types::kGroup)
    SLUICE_RETURN_IF_ERROR(update_members(database_, commit_, operation.id, {}, batch_));
  if (operation.type == fhir::types::kProvenance)
    update_targets(database_, commit_, operation.id, old_targets_, {}, batch_);
  if (!old_binaries_.empty())
    update_attachments(database_, {operation.type, std::string(operation.id)}, old_binaries_, {},
                       batch_);
  outcome = {PutStatus::kDeleted, version};
  return {};
}

Result<void> TransactionBatch::supersede(const Operation& operation, std::string_view owners) {
  return for_each_place(owners, [&](std::string_view owner) -> Result<void> {
    key_.clear();
    append_record_key(key_, operation.type, owner, operation.id);
    rocksdb::PinnableSlice old;
    const auto status = database_.db().Get(rocksdb::ReadOptions(), database_.current, key_, &old);
    if (status.IsNotFound()) return corrupt_value("a locator without its record");
    if (!status.ok()) return read_error(status);
    ParsedRecord record;
    if (!parse_record(to_view(old), record) || record.header.kind == RecordKind::kTombstone)
      return corrupt_value("record");
    if (record.header.kind == RecordKind::kResource) {
      counters_.remove(operation.type, line_size(record));
      const bool is_provenance = operation.type == fhir::types::kProvenance;
      if (is_provenance || record.header.binary_hint != BinaryHint::kNone) {
        std::string unpacked;
        SLUICE_ASSIGN_OR_RETURN(const auto line, unpacked_line(record, unpacked));
        if (is_provenance) {
          SLUICE_ASSIGN_OR_RETURN(old_targets_, targets_of(line));
        }
        SLUICE_ASSIGN_OR_RETURN(old_binaries_, fhir::possible_binaries(line, operation.type));
      }
    }
    std::string history_key;
    append_history_key(history_key, key_, {record.header.sequence});
    std::string superseded;
    append_superseded(superseded, commit_.sequence);
    const rocksdb::Slice key_part = history_key;
    const std::array<rocksdb::Slice, 2> value_parts{rocksdb::Slice(superseded), old};
    batch_
        .Put(database_.history, rocksdb::SliceParts(&key_part, 1),
             rocksdb::SliceParts(value_parts.data(), static_cast<int>(value_parts.size())))
        .PermitUncheckedError();
    return {};
  });
}

void TransactionBatch::write_records(const Operation& operation, std::uint32_t version) {
  const auto& resource = *operation.put;
  std::string supporting;
  append_supporting(supporting, resource.supporting);
  RecordHeader header;
  header.sequence = commit_.sequence.value;
  header.instant = commit_.instant.milliseconds;
  header.version = version;
  header.kind = RecordKind::kResource;
  header.binary_hint =
      resource.content.find("Binary") == std::string::npos ? BinaryHint::kNone : BinaryHint::kSome;
  header.owners_size = static_cast<std::uint32_t>(owners_.size());
  header.supporting_size = static_cast<std::uint32_t>(supporting.size());
  value_.clear();
  append_header(value_, header);
  value_.append(owners_).append(supporting);
  const std::size_t before = value_.size();
  fhir::append_with_meta(value_, resource, version, commit_.instant);
  counters_.add(operation.type, value_.size() - before);
  const std::string_view storing = first_owner(owners_);
  key_.clear();
  append_record_key(key_, operation.type, storing, operation.id);
  put_record(header, before);
  if (resource.owners.size() < 2) return;

  const bool elided = resource.owners.size() > kLinkOwnersMax;
  std::string link_owners = owners_;
  if (elided) {
    link_owners.clear();
    append_owners(link_owners, {resource.owners.front()});
  }
  header.kind = RecordKind::kLink;
  header.binary_hint = BinaryHint::kUnknown;
  header.owners_elided = elided ? 1 : 0;
  header.owners_size = static_cast<std::uint32_t>(link_owners.size());
  header.supporting_size = 0;
  value_.clear();
  append_header(value_, header);
  value_.append(link_owners);
  for (const auto& owner : resource.owners) {
    if (owner == storing) continue;
    key_.clear();
    append_record_key(key_, operation.type, owner, operation.id);
    put_into(batch_, database_.current, key_, value_);
  }
}

// Puts `value_`, whose line begins at `line`.
void TransactionBatch::put_record(RecordHeader header, std::size_t line) {
  if (value_.size() - line < kPackedFrom) return put_into(batch_, database_.current, key_, value_);
  std::string packed;
  header.packing = Packing::kGzip;
  append_header(packed, header);
  packed.append(value_, packed.size(), line - packed.size());
  const bool is_packed = append_packed(packed, std::string_view(value_).substr(line));
  put_into(batch_, database_.current, key_, is_packed ? packed : value_);
  value_ = std::string();  // the memory of a long line is wanted elsewhere
}

void TransactionBatch::write_tombstone(const Operation& operation, std::string_view owner,
                                       std::uint32_t version) {
  RecordHeader header;
  header.sequence = commit_.sequence.value;
  header.instant = commit_.instant.milliseconds;
  header.version = version;
  header.kind = RecordKind::kTombstone;
  value_.clear();
  append_header(value_, header);
  key_.clear();
  append_record_key(key_, operation.type, owner, operation.id);
  put_into(batch_, database_.current, key_, value_);
}

void TransactionBatch::write_locator(const Operation& operation, const Locator& locator) {
  value_.clear();
  append_locator(value_, locator);
  put_into(batch_, database_.locator, operation.locator_key, value_);
}

void TransactionBatch::note_place(const Operation& operation, std::string_view old_owner) {
  key_.clear();
  append_place_key(key_, operation.locator_key, commit_.sequence);
  value_.clear();
  append_superseded(value_, commit_.sequence);
  value_.append(old_owner);
  put_into(batch_, database_.history, key_, value_);
}

void TransactionBatch::log_change(const Operation& operation, ChangeKind kind,
                                  std::string_view owner, std::string_view owners) {
  append_change(changes_, {commit_.sequence, operation.type, kind, owner, operation.id, owners});
  ++change_count_;
  if (changes_.size() >= kChangeEntrySize) flush_changes();
}

void TransactionBatch::flush_changes() {
  if (changes_.empty()) return;
  key_.clear();
  append_change_key(key_, commit_.sequence, changes_flushed_);
  put_into(batch_, database_.changes, key_, changes_);
  changes_flushed_ = change_count_;
  changes_.clear();
}

}  // namespace sluice::store
