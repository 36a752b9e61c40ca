#include "store/rocksdb/attachment_rows.h"

#include <algorithm>

#include "base/bytes.h"
#include "fhir/attachment_urls.h"
#include "store/rocksdb/packed_json.h"
#include "store/rocksdb/record_format.h"
#include "store/rocksdb/upgrade_walk.h"

namespace sluice::store {
namespace {

constexpr std::size_t kUpgradeBatchSize = 1u << 20;

Result<void> write(const Database& database, rocksdb::WriteBatch& batch) {
  const auto status = database.db().Write(rocksdb::WriteOptions(), &batch);
  if (!status.ok()) return write_error(status);
  batch.Clear();
  return {};
}

// Most lines say by their hint that there is nothing to look for.
Result<void> remember(const Database& database, std::string_view key, std::string_view value,
                      rocksdb::WriteBatch& batch) {
  RecordKey place;
  ParsedRecord record;
  if (!parse_record_key(key, place) || !parse_record(value, record)) return corrupt_value("record");
  if (record.header.kind != RecordKind::kResource || record.header.binary_hint == BinaryHint::kNone)
    return {};
  std::string unpacked;
  SLUICE_ASSIGN_OR_RETURN(const auto line, unpacked_line(record, unpacked));
  SLUICE_ASSIGN_OR_RETURN(const auto binaries, fhir::possible_binaries(line, place.type));
  update_attachments(database, {place.type, std::string(place.id)}, {}, binaries, batch);
  return {};
}

}  // namespace

void update_attachments(const Database& database, const fhir::ResourceId& key,
                        const std::vector<std::string>& old_binaries,
                        const std::vector<std::string>& binaries, rocksdb::WriteBatch& batch) {
  std::string row;
  // Into a batch without limits everything goes; its Status says nothing.
  for (const auto& old : old_binaries) {
    if (std::binary_search(binaries.begin(), binaries.end(), old)) continue;
    row.clear();
    append_attachment_key(row, old, key.type, key.id);
    batch.Delete(database.attachments, row).PermitUncheckedError();
  }
  // Also those of before: an earlier version of the program knew fewer places of Attachments.
  for (const auto& binary : binaries) {
    row.clear();
    append_attachment_key(row, binary, key.type, key.id);
    batch.Put(database.attachments, row, rocksdb::Slice()).PermitUncheckedError();
  }
}

Result<std::vector<fhir::ResourceId>> read_attached_to(const Database& database,
                                                       std::string_view binary_id,
                                                       std::size_t limit) {
  std::vector<fhir::ResourceId> found;
  const std::string prefix = attachments_of_binary(binary_id);
  const std::unique_ptr<rocksdb::Iterator> it(
      database.db().NewIterator(rocksdb::ReadOptions(), database.attachments));
  for (it->Seek(prefix); found.size() < limit && it->Valid(); it->Next()) {
    std::string_view key = to_view(it->key());
    if (!key.starts_with(prefix)) break;
    key.remove_prefix(prefix.size());
    if (key.size() < 3) return corrupt_value("attachment");
    found.push_back({{read_be16(key.data())}, std::string(key.substr(2))});
  }
  if (!it->status().ok()) return read_error(it->status());
  return found;
}

Result<void> remember_all_attachments(const Database& database) {
  rocksdb::WriteBatch batch;
  const auto remember_row = [&](std::string_view key, std::string_view value) -> Result<void> {
    SLUICE_RETURN_IF_ERROR(remember(database, key, value, batch));
    return batch.GetDataSize() >= kUpgradeBatchSize ? write(database, batch) : Result<void>();
  };
  SLUICE_RETURN_IF_ERROR(each_row(database, database.current, remember_row));
  return write(database, batch);
}

}  // namespace sluice::store
