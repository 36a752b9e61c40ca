#include "bulk/export/shard/group_source.h"

#include "bulk/export/shard/owned_records.h"
#include "store/record_view.h"

namespace sluice::bulk {
namespace {

class GroupSource final : public RecordSource {
 public:
  explicit GroupSource(const SourceContext& context) : context_(context) {}

  Result<void> read(RecordVisitor& visitor) override {
    const ExportRequest& request = context_.prepared.request;
    if (request.level == ExportLevel::kGroup) {
      SLUICE_RETURN_IF_ERROR(read_one(request.group_id, visitor));
      for (const auto& id : request.other_groups) SLUICE_RETURN_IF_ERROR(read_one(id, visitor));
      return {};
    }
    SLUICE_ASSIGN_OR_RETURN(const auto scan, context_.scan(store::whole_type(fhir::types::kGroup)));
    store::RecordView record;
    while (true) {
      SLUICE_ASSIGN_OR_RETURN(const bool more, scan->next(record));
      if (!more) return {};
      SLUICE_RETURN_IF_ERROR(context_.step(record.json.size()));
      SLUICE_ASSIGN_OR_RETURN(const bool covered, context_.scope.covers_group(record.json));
      if (covered) SLUICE_RETURN_IF_ERROR(records_.give(record, visitor));
    }
  }

 private:
  Result<void> read_one(const std::string& id, RecordVisitor& visitor) {
    SLUICE_ASSIGN_OR_RETURN(const auto record, context_.read({fhir::types::kGroup, id}));
    if (!record) return {};
    return visitor.visit(view_of(*record), context_.age_of(record->owners));
  }

  const SourceContext& context_;
  const OwnedRecords records_{context_, false};
};

}  // namespace

std::unique_ptr<RecordSource> make_group_source(const SourceContext& context,
                                                std::span<const Segment>) {
  return std::make_unique<GroupSource>(context);
}

}  // namespace sluice::bulk
