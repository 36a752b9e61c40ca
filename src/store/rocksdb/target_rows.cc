#include "store/rocksdb/target_rows.h"

#include <algorithm>
#include <string>

#include "fhir/reference_walk.h"
#include "json/json_check.h"
#include "json/json_tokens.h"
#include "store/rocksdb/packed_json.h"
#include "store/rocksdb/record_format.h"
#include "store/rocksdb/upgrade_walk.h"

namespace sluice::store {
namespace {

// What the store holds went through the reader, so this is no limit but a promise.
constexpr std::size_t kDepthMax = 1000;

void put_row(const Database& database, const fhir::ResourceId& target, std::string_view id,
             Sequence superseded, rocksdb::WriteBatch& batch) {
  std::string key;
  append_target_key(key, target.type, target.id, id);
  std::string value;
  append_superseded(value, superseded);
  // Into a batch without limits everything goes; its Status says nothing.
  batch.Put(database.targets, key, value).PermitUncheckedError();
}

class RowFinder final : public ProvenanceFinder {
 public:
  RowFinder(const Database& database, Sequence as_of)
      : as_of_(as_of),
        iterator_(database.db().NewIterator(rocksdb::ReadOptions(), database.targets)) {}

  Result<void> find(fhir::ResourceType type, std::string_view id,
                    std::vector<std::string>& found) override {
    prefix_.clear();
    append_target_key(prefix_, type, id, {});
    if (is_in_gap()) return {};
    gap_from_ = prefix_;
    for (iterator_->Seek(prefix_); iterator_->Valid(); iterator_->Next()) {
      const std::string_view key = to_view(iterator_->key());
      if (!key.starts_with(prefix_)) break;
      const auto superseded = read_superseded(to_view(iterator_->value()));
      if (!superseded) return corrupt_value("target");
      if (*superseded > as_of_) found.emplace_back(key.substr(prefix_.size()));
      gap_from_.assign(key);
    }
    has_gap_ = iterator_->status().ok();
    if (!has_gap_) return read_error(iterator_->status());
    return {};
  }

 private:
  // Nothing stands between `gap_from_` and the row at hand. Mostly Provenances name few types, and
  // the resources of the others need no seek each.
  bool is_in_gap() const {
    if (!has_gap_ || prefix_ < gap_from_) return false;
    if (!iterator_->Valid()) return true;
    const std::string_view key = to_view(iterator_->key());
    return prefix_ < key && !key.starts_with(prefix_);
  }

  const Sequence as_of_;
  const std::unique_ptr<rocksdb::Iterator> iterator_;
  std::string prefix_;
  std::string gap_from_;
  bool has_gap_ = false;
};

/// Writes the rows of a store that has none.
class Upgrade {
 public:
  explicit Upgrade(const Database& database) : database_(database) {}

  Result<void> run() {
    const KeyRange provenances = whole_type(fhir::types::kProvenance);
    SLUICE_RETURN_IF_ERROR(
        each_row(database_, database_.history, provenances,
                 [&](std::string_view key, std::string_view value) -> Result<void> {
                   const auto superseded = read_superseded(value);
                   if (!superseded || key.size() < kSupersededSize + 1)
                     return corrupt_value("history");
                   return add(key.substr(0, key.size() - kSupersededSize - 1),
                              value.substr(kSupersededSize), *superseded);
                 }));
    return each_row(database_, database_.current, provenances,
                    [&](std::string_view key, std::string_view value) {
                      return add(key, value, kNeverSuperseded);
                    });
  }

 private:
  // Versions come in any order: of a row's the one counts that was there longest.
  Result<void> add(std::string_view record_key, std::string_view value, Sequence superseded) {
    RecordKey key;
    ParsedRecord record;
    if (!parse_record_key(record_key, key) || !parse_record(value, record))
      return corrupt_value("record");
    if (record.header.kind != RecordKind::kResource) return {};
    std::string unpacked;
    SLUICE_ASSIGN_OR_RETURN(const auto line, unpacked_line(record, unpacked));
    SLUICE_ASSIGN_OR_RETURN(const auto targets, targets_of(line));
    rocksdb::WriteBatch batch;
    for (const auto& target : targets) {
      SLUICE_ASSIGN_OR_RETURN(const Sequence written, written_for(target, key.id));
      if (written < superseded) put_row(database_, target, key.id, superseded, batch);
    }
    const auto status = database_.db().Write(rocksdb::WriteOptions(), &batch);
    if (!status.ok()) return write_error(status);
    return {};
  }

  Result<Sequence> written_for(const fhir::ResourceId& target, std::string_view id) {
    std::string key;
    append_target_key(key, target.type, target.id, id);
    std::string value;
    const auto status = database_.db().Get(rocksdb::ReadOptions(), database_.targets, key, &value);
    if (status.IsNotFound()) return Sequence();
    if (!status.ok()) return read_error(status);
    const auto superseded = read_superseded(value);
    if (!superseded) return corrupt_value("target");
    return *superseded;
  }

  const Database& database_;
};

}  // namespace

Result<std::vector<fhir::ResourceId>> targets_of(std::string_view json) {
  fhir::JsonTokens tokens;
  SLUICE_RETURN_IF_ERROR(tokens.read(json));
  SLUICE_RETURN_IF_ERROR(fhir::check_json_object(tokens, kDepthMax));
  return fhir::possible_targets(tokens);
}

void update_targets(const Database& database, const Commit& commit, std::string_view id,
                    const std::vector<fhir::ResourceId>& old_targets,
                    const std::vector<fhir::ResourceId>& targets, rocksdb::WriteBatch& batch) {
  for (const auto& old : old_targets)
    if (!std::binary_search(targets.begin(), targets.end(), old))
      put_row(database, old, id, commit.sequence, batch);
  for (const auto& target : targets)
    if (!std::binary_search(old_targets.begin(), old_targets.end(), target))
      put_row(database, target, id, kNeverSuperseded, batch);
}

std::unique_ptr<ProvenanceFinder> make_provenance_finder(const Database& database, Sequence as_of) {
  return std::make_unique<RowFinder>(database, as_of);
}

Result<void> remember_targets_of_all_provenances(const Database& database) {
  return Upgrade(database).run();
}

}  // namespace sluice::store
