#include "bulk/export/shard/id_sources.h"

#include "store/record_view.h"

namespace sluice::bulk {
namespace {

class FilteredIdsSource final : public RecordSource {
 public:
  FilteredIdsSource(const SourceContext& context, fhir::ResourceType type)
      : context_(context), type_(type) {}

  Result<void> read(RecordVisitor& visitor) override {
    const auto ids = context_.prepared.filters.ids_of(type_);
    if (!ids) return corrupt("a stored part of an export cannot be read", "filter without ids");
    for (const auto& id : *ids) {
      SLUICE_ASSIGN_OR_RETURN(const auto record, context_.read({type_, id}));
      if (!record) continue;
      SLUICE_RETURN_IF_ERROR(context_.step(record->json.size()));
      SLUICE_ASSIGN_OR_RETURN(const bool covered, context_.scope.covers(*record));
      if (!covered) continue;
      SLUICE_RETURN_IF_ERROR(visitor.visit(view_of(*record), context_.age_of(record->owners)));
    }
    return {};
  }

 private:
  const SourceContext& context_;
  const fhir::ResourceType type_;
};

class SupportingSource final : public RecordSource {
 public:
  explicit SupportingSource(const SourceContext& context) : context_(context) {}

  Result<void> read(RecordVisitor& visitor) override {
    const ClosedReferences& references = *context_.supporting;
    for (const auto& [type, ids] : references.all) {
      if (!context_.prepared.request.wants(type)) continue;
      const auto of_new_members = references.of_new_members.find(type);
      for (const auto& id : ids) {
        SLUICE_ASSIGN_OR_RETURN(
            const auto record,
            context_.store.read_of({}, {type, id}, context_.prepared.snapshot.sequence));
        if (!record) continue;
        SLUICE_RETURN_IF_ERROR(context_.step(record->json.size()));
        const bool of_new_member = of_new_members != references.of_new_members.end() &&
                                   of_new_members->second.contains(id);
        SLUICE_RETURN_IF_ERROR(visitor.visit(view_of(*record), age_rule(of_new_member)));
      }
    }
    return {};
  }

 private:
  const SourceContext& context_;
};

}  // namespace

std::unique_ptr<RecordSource> make_filtered_ids_source(const SourceContext& context,
                                                       std::span<const Segment> segments) {
  return std::make_unique<FilteredIdsSource>(context, segments.front().range.type);
}

std::unique_ptr<RecordSource> make_supporting_source(const SourceContext& context,
                                                     std::span<const Segment>) {
  return std::make_unique<SupportingSource>(context);
}

}  // namespace sluice::bulk
