// Resources of several compartments: stored in the range of their first owner, and as links in
// those of the others.
#pragma once

#include "bulk/export/shard/record_sources.h"
#include "bulk/group/patient_set.h"

namespace sluice::bulk {

/// Passes the resource that a link leads to.
Result<void> follow(const SourceContext& context, const store::RecordView& link,
                    RecordVisitor& visitor);

/// Passes a record, or the resource that a link leads to.
inline Result<void> give_or_follow(const SourceContext& context, const store::RecordView& record,
                                   RecordVisitor& visitor) {
  if (record.is_link) return follow(context, record, visitor);
  return visitor.visit(record, context.age_of(record.owners));
}

/// Passes each resource once, however many of the visited patients have it.
class OwnedRecords {
 public:
  /// For the export's patients; `only_new`: for those who joined the group later. At system level
  /// every record is read, so links are skipped.
  OwnedRecords(const SourceContext& context, bool only_new)
      : context_(context), only_new_(only_new) {}
  /// For these patients, who need not be in the export.
  OwnedRecords(const SourceContext& context, const PatientSet& sought)
      : context_(context), sought_(&sought) {}

  /// A record or link as a scan finds it.
  Result<void> give(const store::RecordView& record, RecordVisitor& visitor) const;

 private:
  bool is_first_found(const store::RecordView& record) const;

  const SourceContext& context_;
  const PatientSet* sought_ = nullptr;
  bool only_new_ = false;
};

}  // namespace sluice::bulk
