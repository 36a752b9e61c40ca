#include "bulk/export/shard/seek_sources.h"

#include <algorithm>

#include "bulk/export/shard/owned_records.h"

namespace sluice::bulk {
namespace {

struct Seek {
  const store::KeyRange& range;
  const PatientSet& patients;
  bool only_new = false;
  ProvenanceCollector* provenances = nullptr;  // of what is read
};

Result<void> seek_each(const SourceContext& context, const Seek& seek, const OwnedRecords& records,
                       RecordVisitor& visitor) {
  SLUICE_ASSIGN_OR_RETURN(const auto scan, context.scan(seek.range));
  const PatientSet& patients = seek.patients;
  store::RecordView record;
  for (std::size_t i = 0; i < patients.size();) {
    if (seek.only_new && !patients.is_new(i)) {
      ++i;
      continue;
    }
    scan->seek_owner(patients[i]);
    SLUICE_RETURN_IF_ERROR(context.step(ShardProgress::kStep / 64));
    while (true) {
      SLUICE_ASSIGN_OR_RETURN(const bool more, scan->next(record));
      if (!more) return {};
      if (record.owner != patients[i]) break;
      SLUICE_RETURN_IF_ERROR(context.step(record.json.size()));
      if (seek.provenances != nullptr) SLUICE_RETURN_IF_ERROR(seek.provenances->look_at(record.id));
      SLUICE_RETURN_IF_ERROR(records.give(record, visitor));
    }
    // The record that ended this patient tells how far there is nothing.
    i = std::max(i + 1, patients.lower_bound(record.owner));
  }
  return {};
}

class SeekSource final : public RecordSource {
 public:
  SeekSource(const SourceContext& context, const Segment& segment)
      : context_(context), segment_(segment) {}

  Result<void> read(RecordVisitor& visitor) override {
    const bool only_new = segment_.mode == ReadMode::kNewMembers;
    ProvenanceCollector* const provenances =
        segment_.finds_provenances ? context_.provenances : nullptr;
    if (provenances != nullptr) provenances->begin(segment_.range.type);
    return seek_each(context_,
                     {segment_.range, *context_.prepared.patient_set, only_new, provenances},
                     OwnedRecords(context_, only_new), visitor);
  }

 private:
  const SourceContext& context_;
  const Segment segment_;
};

class FilteredPatientsSource final : public RecordSource {
 public:
  FilteredPatientsSource(const SourceContext& context, const store::KeyRange& range)
      : context_(context), range_(range) {}

  Result<void> read(RecordVisitor& visitor) override {
    const auto ids = context_.prepared.filters.patients_of(range_.type);
    if (!ids) return corrupt("a stored part of an export cannot be read", "filter without ids");
    const PatientSet patients(*ids);
    return seek_each(context_, {range_, patients}, OwnedRecords(context_, patients), visitor);
  }

 private:
  const SourceContext& context_;
  const store::KeyRange range_;
};

}  // namespace

std::unique_ptr<RecordSource> make_seek_source(const SourceContext& context,
                                               std::span<const Segment> segments) {
  return std::make_unique<SeekSource>(context, segments.front());
}

std::unique_ptr<RecordSource> make_filtered_patients_source(const SourceContext& context,
                                                            std::span<const Segment> segments) {
  return std::make_unique<FilteredPatientsSource>(context, segments.front().range);
}

}  // namespace sluice::bulk
