#include "bulk/export/shard/scan_source.h"

#include "bulk/export/shard/owned_records.h"

namespace sluice::bulk {
namespace {

class ScanSource final : public RecordSource {
 public:
  ScanSource(const SourceContext& context, const store::KeyRange& range)
      : context_(context), range_(range), records_(context, false) {}

  Result<void> read(RecordVisitor& visitor) override {
    SLUICE_ASSIGN_OR_RETURN(const auto scan, context_.scan(range_));
    const PatientSet* const patient_set = context_.prepared.patient_set.get();
    store::RecordView record;
    std::string owner;          // of the last record
    bool owner_wanted = false;  // whether the patient set has it
    while (true) {
      SLUICE_ASSIGN_OR_RETURN(const bool more, scan->next(record));
      if (!more) return {};
      SLUICE_RETURN_IF_ERROR(context_.step(record.json.size()));
      if (patient_set != nullptr && (owner.empty() || record.owner != owner)) {
        owner = record.owner;
        owner_wanted = patient_set->contains(owner);
      }
      if (patient_set != nullptr && !owner_wanted) continue;
      SLUICE_RETURN_IF_ERROR(records_.give(record, visitor));
    }
  }

 private:
  const SourceContext& context_;
  const store::KeyRange range_;
  const OwnedRecords records_;
};

}  // namespace

std::unique_ptr<RecordSource> make_scan_source(const SourceContext& context,
                                               std::span<const Segment> segments) {
  return std::make_unique<ScanSource>(context, segments.front().range);
}

}  // namespace sluice::bulk
