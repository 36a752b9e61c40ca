#include "store/rocksdb/rocksdb_scan.h"

#include <algorithm>

#include "base/bytes.h"
#include "store/rocksdb/packed_json.h"
#include "store/rocksdb/record_format.h"

namespace sluice::store {
namespace {

constexpr std::size_t kScanReadahead = 2u << 20;

class RangeScan final : public Scan {
 public:
  RangeScan(const Database& database, const KeyRange& range, Sequence as_of)
      : database_(database),
        type_(range.type),
        begin_(range_key(range.type, range.from)),
        end_(range_end_key(range)),
        end_slice_(end_),
        as_of_(as_of),
        history_(database) {}

  Result<bool> next(RecordView& record) override {
    if (!iterator_) {
      open(kScanReadahead);
      iterator_->Seek(begin_);
    } else if (on_record_ && iterator_->Valid()) {
      iterator_->Next();
    }
    on_record_ = true;
    for (; iterator_->Valid(); iterator_->Next()) {
      const std::string_view key = to_view(iterator_->key());
      ParsedRecord parsed;
      if (!parse_record(to_view(iterator_->value()), parsed)) return corrupt_value("record");
      if (parsed.header.sequence > as_of_.value) [[unlikely]] {
        SLUICE_ASSIGN_OR_RETURN(const auto older, history_.find(key, as_of_));
        if (!older) continue;
        if (!parse_record(*older, parsed)) return corrupt_value("history record");
      }
      if (parsed.header.kind == RecordKind::kTombstone) [[unlikely]]
        continue;
      RecordKey parts;
      if (!parse_record_key(key, parts)) return corrupt_value("record key");
      fill(record, parts, parsed);
      if (parsed.header.packing != Packing::kNone) [[unlikely]] {
        SLUICE_ASSIGN_OR_RETURN(record.json, unpacked_line(parsed, unpacked_));
      }
      if (parsed.header.owners_elided != 0) [[unlikely]]
        SLUICE_RETURN_IF_ERROR(find_owners(record));
      return true;
    }
    if (!iterator_->status().ok()) return read_error(iterator_->status());
    return false;
  }

  void seek_owner(std::string_view owner) override {
    // Reading ahead would fetch far more than one patient's records.
    if (!iterator_) open(0);
    target_.clear();
    append_record_key(target_, type_, owner, "");
    iterator_->Seek(std::max<std::string_view>(target_, begin_));
    on_record_ = false;
  }

 private:
  void open(std::size_t readahead) {
    rocksdb::ReadOptions options;
    options.iterate_upper_bound = &end_slice_;
    options.readahead_size = readahead;
    // A scan reads each block once and would push everything else out of the cache.
    options.fill_cache = false;
    iterator_.reset(database_.db().NewIterator(options, database_.current));
  }

  static void fill(RecordView& record, const RecordKey& key, const ParsedRecord& parsed) {
    record.type = key.type;
    record.owner = key.owner;
    record.id = key.id;
    record.sequence.value = parsed.header.sequence;
    record.last_updated.milliseconds = parsed.header.instant;
    record.version = parsed.header.version;
    record.is_link = parsed.header.kind == RecordKind::kLink;
    record.owners = parsed.owners;
    record.supporting = parsed.supporting;
    record.json = parsed.stored;
    record.may_name_binary = parsed.header.binary_hint != BinaryHint::kNone;
  }

  // The link knows only the storing owner; the others stand in the resource's own record.
  Result<void> find_owners(RecordView& record) {
    target_.clear();
    append_record_key(target_, record.type, first_owner(record.owners), record.id);
    SLUICE_ASSIGN_OR_RETURN(const auto value, PointReader(database_).record_at(target_, as_of_));
    ParsedRecord parsed;
    if (!value || !parse_record(*value, parsed)) return corrupt_value("a link without its record");
    owners_ = parsed.owners;
    record.owners = owners_;
    return {};
  }

  const Database& database_;
  const fhir::ResourceType type_;
  const std::string begin_;
  const std::string end_;
  const rocksdb::Slice end_slice_;  // the iterator keeps a pointer to it
  const Sequence as_of_;
  HistoryReader history_;
  std::unique_ptr<rocksdb::Iterator> iterator_;
  bool on_record_ = false;  // the iterator stands on what next() returned last
  std::string target_;
  std::string owners_;
  std::string unpacked_;
};

/// Where the first change of a pack is, whose key this is.
ChangeCursor place_of(std::string_view key) {
  return {{read_be64(key.data())}, read_be32(key.data() + sizeof(std::uint64_t))};
}

class ChangeLogScan final : public ChangeScan {
 public:
  ChangeLogScan(const Database& database, Sequence after, Sequence up_to) {
    append_change_key(begin_, {after.value + 1}, 0);
    append_change_key(end_, {up_to.value + 1}, 0);
    end_slice_ = end_;
    if (after >= up_to) return;
    rocksdb::ReadOptions options;
    options.iterate_upper_bound = &end_slice_;
    options.fill_cache = false;
    iterator_.reset(database.db().NewIterator(options, database.changes));
    iterator_->Seek(begin_);
  }

  Result<bool> next(Change& change) override {
    if (!iterator_) return false;
    while (rest_.empty()) {
      if (started_ && iterator_->Valid()) iterator_->Next();
      started_ = true;
      if (!iterator_->Valid()) {
        if (!iterator_->status().ok()) return read_error(iterator_->status());
        return false;
      }
      const std::string_view key = to_view(iterator_->key());
      if (key.size() != begin_.size()) return corrupt_value("change key");
      place_ = place_of(key);
      rest_ = to_view(iterator_->value());
    }
    if (!take_change(rest_, change)) return corrupt_value("change");
    change.sequence = place_.sequence;
    change.number = place_.number++;
    return true;
  }

 private:
  std::string begin_;
  std::string end_;
  rocksdb::Slice end_slice_;
  std::unique_ptr<rocksdb::Iterator> iterator_;
  bool started_ = false;
  ChangeCursor place_;  // of the next change in `rest_`
  std::string_view rest_;
};

/// Entries are packed: a pack is taken apart at once and given out from its end.
class BackwardChangeScan final : public ChangeScan {
 public:
  BackwardChangeScan(const Database& database, ChangeCursor before, Sequence after)
      : before_(before) {
    append_change_key(begin_, {after.value + 1}, 0);
    append_change_key(end_, before.sequence, before.number);
    begin_slice_ = begin_;
    end_slice_ = end_;
    rocksdb::ReadOptions options;
    options.iterate_lower_bound = &begin_slice_;
    options.iterate_upper_bound = &end_slice_;
    options.fill_cache = false;
    iterator_.reset(database.db().NewIterator(options, database.changes));
  }

  Result<bool> next(Change& change) override {
    while (pack_.empty()) {
      if (has_ended_) return false;
      if (started_)
        iterator_->Prev();
      else
        iterator_->SeekToLast();
      started_ = true;
      if (!iterator_->Valid()) {
        if (!iterator_->status().ok()) return read_error(iterator_->status());
        has_ended_ = true;
        return false;
      }
      SLUICE_RETURN_IF_ERROR(unpack());
    }
    change = pack_.back();
    pack_.pop_back();
    return true;
  }

 private:
  Result<void> unpack() {
    const std::string_view key = to_view(iterator_->key());
    if (key.size() != begin_.size()) return corrupt_value("change key");
    ChangeCursor place = place_of(key);
    for (std::string_view rest = to_view(iterator_->value()); !rest.empty(); ++place.number) {
      Change change;
      if (!take_change(rest, change)) return corrupt_value("change");
      if (place >= before_) break;
      change.sequence = place.sequence;
      change.number = place.number;
      pack_.push_back(change);
    }
    return {};
  }

  const ChangeCursor before_;
  std::string begin_;
  std::string end_;
  rocksdb::Slice begin_slice_;  // the iterator keeps pointers to them
  rocksdb::Slice end_slice_;
  std::unique_ptr<rocksdb::Iterator> iterator_;
  bool started_ = false;
  bool has_ended_ = false;
  std::vector<Change> pack_;
};

}  // namespace

std::unique_ptr<Scan> make_range_scan(const Database& database, const KeyRange& range,
                                      Sequence as_of) {
  return std::make_unique<RangeScan>(database, range, as_of);
}

std::unique_ptr<ChangeScan> make_change_scan(const Database& database, Sequence after,
                                             Sequence up_to) {
  return std::make_unique<ChangeLogScan>(database, after, up_to);
}

std::unique_ptr<ChangeScan> make_backward_change_scan(const Database& database, ChangeCursor before,
                                                      Sequence after) {
  return std::make_unique<BackwardChangeScan>(database, before, after);
}

}  // namespace sluice::store
