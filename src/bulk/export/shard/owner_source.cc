#include "bulk/export/shard/owner_source.h"

#include <string>
#include <vector>

#include "bulk/export/shard/owned_records.h"
#include "bulk/export/shard/owner_merge.h"

namespace sluice::bulk {
namespace {

class OwnerSource final : public RecordSource {
 public:
  OwnerSource(const SourceContext& context, std::span<const Segment> segments) : context_(context) {
    for (const auto& segment : segments) ranges_.push_back(segment.range);
  }

  Result<void> read(RecordVisitor& visitor) override {
    const PreparedExport& prepared = context_.prepared;
    SLUICE_ASSIGN_OR_RETURN(auto merge,
                            OwnerMerge::open(context_.store, ranges_, prepared.snapshot.sequence,
                                             prepared.patient_set.get()));
    std::string owner;
    while (true) {
      SLUICE_ASSIGN_OR_RETURN(const store::RecordView* const record, merge.next());
      if (record == nullptr) return {};
      SLUICE_RETURN_IF_ERROR(context_.step(record->json.size()));
      if (record->owner != owner) {
        owner = record->owner;
        SLUICE_RETURN_IF_ERROR(visitor.begin_patient(owner));
      }
      SLUICE_RETURN_IF_ERROR(give_or_follow(context_, *record, visitor));
    }
  }

 private:
  const SourceContext& context_;
  std::vector<store::KeyRange> ranges_;
};

}  // namespace

std::unique_ptr<RecordSource> make_owner_source(const SourceContext& context,
                                                std::span<const Segment> segments) {
  return std::make_unique<OwnerSource>(context, segments);
}

}  // namespace sluice::bulk
