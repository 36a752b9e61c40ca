#include "bulk/export/shard/change_source.h"

#include <map>
#include <string>

#include "bulk/export/plan/change_window.h"
#include "bulk/export/request/export_phases.h"
#include "store/record_view.h"

namespace sluice::bulk {
namespace {

class ChangeSource final : public RecordSource {
 public:
  ChangeSource(const SourceContext& context, const Segment& segment)
      : context_(context), part_(segment.part), parts_(segment.parts) {}

  Result<void> read(RecordVisitor& visitor) override {
    using OwnersById = std::map<std::string, std::string, std::less<>>;
    const PreparedExport& prepared = context_.prepared;
    const bool chooses = chooses_provenance(prepared.request);
    std::map<fhir::ResourceType, OwnersById> changed;
    SLUICE_RETURN_IF_ERROR(each_put_since(
        context_.store, prepared.request, prepared.snapshot,
        [this](std::uint64_t bytes) { return context_.step(bytes); },
        [&](const store::Change& change) {
          if (!prepared.request.wants(change.type) || part_of(change, parts_) != part_) return;
          if (chooses && change.type == fhir::types::kProvenance) return;
          changed[change.type].insert_or_assign(std::string(change.id), change.owner);
        }));
    for (const auto& [type, owners] : changed) {
      for (const auto& [id, owner] : owners) {
        SLUICE_ASSIGN_OR_RETURN(
            const auto record,
            context_.store.read_of(owner, {type, id}, prepared.snapshot.sequence));
        if (!record) continue;
        SLUICE_RETURN_IF_ERROR(context_.step(record->json.size()));
        if (context_.scope.is_of_new_member(record->owners)) continue;
        SLUICE_ASSIGN_OR_RETURN(const bool covered, context_.scope.covers(*record));
        if (covered) SLUICE_RETURN_IF_ERROR(visitor.visit(view_of(*record), AgeRule::kOwn));
      }
    }
    return {};
  }

 private:
  const SourceContext& context_;
  const unsigned part_;
  const unsigned parts_;
};

}  // namespace

std::unique_ptr<RecordSource> make_change_source(const SourceContext& context,
                                                 std::span<const Segment> segments) {
  return std::make_unique<ChangeSource>(context, segments.front());
}

}  // namespace sluice::bulk
