#include "store/rocksdb/history_filter.h"

#include "store/rocksdb/record_format.h"

namespace sluice::store {
namespace {

using rocksdb::CompactionFilter;

// Both filters answer kRemove, which leaves a deletion marker unless the compaction reaches the
// bottom: older data of the same RocksDB key further down must not come to light again.
//
// What cannot be understood is kept: a read will report it.

class HistoryFilter final : public CompactionFilter {
 public:
  explicit HistoryFilter(Sequence horizon) : horizon_(horizon) {}
  const char* Name() const override { return "sluice.history"; }

  Decision FilterV2(int, const rocksdb::Slice&, ValueType type, const rocksdb::Slice& value,
                    std::string*, std::string*) const override {
    if (type != ValueType::kValue) return Decision::kKeep;
    const auto superseded = read_superseded(to_view(value));
    return superseded && *superseded <= horizon_ ? Decision::kRemove : Decision::kKeep;
  }

 private:
  const Sequence horizon_;
};

class TombstoneFilter final : public CompactionFilter {
 public:
  explicit TombstoneFilter(Sequence horizon) : horizon_(horizon) {}
  const char* Name() const override { return "sluice.tombstones"; }

  Decision FilterV2(int, const rocksdb::Slice&, ValueType type, const rocksdb::Slice& value,
                    std::string*, std::string*) const override {
    if (type != ValueType::kValue) return Decision::kKeep;
    ParsedRecord record;
    if (!parse_record(to_view(value), record)) return Decision::kKeep;
    return record.header.kind == RecordKind::kTombstone && record.header.sequence <= horizon_.value
               ? Decision::kRemove
               : Decision::kKeep;
  }

 private:
  const Sequence horizon_;
};

template <class Filter>
class Factory final : public rocksdb::CompactionFilterFactory {
 public:
  Factory(std::shared_ptr<Horizon> horizon, const char* name)
      : horizon_(std::move(horizon)), name_(name) {}
  const char* Name() const override { return name_; }

  std::unique_ptr<CompactionFilter> CreateCompactionFilter(
      const CompactionFilter::Context&) override {
    const Sequence horizon{horizon_->load()};
    if (horizon.value == 0) return nullptr;
    return std::make_unique<Filter>(horizon);
  }

 private:
  const std::shared_ptr<Horizon> horizon_;
  const char* const name_;
};

}  // namespace

std::shared_ptr<rocksdb::CompactionFilterFactory> history_filter(std::shared_ptr<Horizon> horizon) {
  return std::make_shared<Factory<HistoryFilter>>(std::move(horizon), "sluice.history");
}

std::shared_ptr<rocksdb::CompactionFilterFactory> tombstone_filter(
    std::shared_ptr<Horizon> horizon) {
  return std::make_shared<Factory<TombstoneFilter>>(std::move(horizon), "sluice.tombstones");
}

}  // namespace sluice::store
