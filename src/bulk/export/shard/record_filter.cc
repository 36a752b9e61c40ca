#include "bulk/export/shard/record_filter.h"

namespace sluice::bulk {

Result<bool> RecordFilter::passes(const store::RecordView& record, AgeRule age) {
  const bool is_in_time = scope_.in_time(record.last_updated, age != AgeRule::kOwn);
  if (!is_in_time && !collects_references_) return false;
  SLUICE_TRY(const bool passes, filters_.pass(matcher_, record.type, record.json));
  if (!passes) return false;
  if (collects_references_)
    (age == AgeRule::kOfNewMember ? references_.of_new_members : references_.ordinary)
        .add_all(record.supporting);
  return is_in_time && (!blocks_ || blocks_->may_belong(record.type, record.json));
}

}  // namespace sluice::bulk
