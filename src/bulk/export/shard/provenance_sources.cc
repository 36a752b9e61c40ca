#include "bulk/export/shard/provenance_sources.h"

#include <set>
#include <string>

#include "bulk/export/plan/change_window.h"
#include "bulk/export/shard/merged_lines.h"
#include "bulk/export/shard/provenance.h"
#include "store/record_view.h"

namespace sluice::bulk {
namespace {

// The Provenance of an id, if there is one.
Result<void> give(const SourceContext& context, const std::string& id, AgeRule age,
                  RecordVisitor& visitor) {
  SLUICE_ASSIGN_OR_RETURN(const auto record, context.read({fhir::types::kProvenance, id}));
  if (!record) return {};
  SLUICE_RETURN_IF_ERROR(context.step(record->json.size()));
  return visitor.visit(view_of(*record), age);
}

class ProvenanceScanSource final : public RecordSource {
 public:
  ProvenanceScanSource(const SourceContext& context, const store::KeyRange& range)
      : context_(context), range_(range) {}

  Result<void> read(RecordVisitor& visitor) override {
    SLUICE_ASSIGN_OR_RETURN(const auto scan, context_.scan(range_));
    store::RecordView record;
    while (true) {
      SLUICE_ASSIGN_OR_RETURN(const bool more, scan->next(record));
      if (!more) return {};
      SLUICE_RETURN_IF_ERROR(context_.step(record.json.size()));
      if (!record.is_link) SLUICE_RETURN_IF_ERROR(visitor.visit(record, AgeRule::kOwn));
    }
  }

 private:
  const SourceContext& context_;
  const store::KeyRange range_;
};

class ProvenanceChangeSource final : public RecordSource {
 public:
  explicit ProvenanceChangeSource(const SourceContext& context) : context_(context) {}

  Result<void> read(RecordVisitor& visitor) override {
    std::set<std::string> ids;
    SLUICE_RETURN_IF_ERROR(each_put_since(
        context_.store, context_.prepared.request, context_.prepared.snapshot,
        [this](std::uint64_t bytes) { return context_.step(bytes); },
        [&](const store::Change& change) {
          if (change.type == fhir::types::kProvenance) ids.emplace(change.id);
        }));
    for (const auto& id : ids) SLUICE_RETURN_IF_ERROR(give(context_, id, AgeRule::kOwn, visitor));
    return {};
  }

 private:
  const SourceContext& context_;
};

class ProvenanceScopeSource final : public RecordSource {
 public:
  explicit ProvenanceScopeSource(const SourceContext& context) : context_(context) {}

  Result<void> read(RecordVisitor& visitor) override {
    SLUICE_ASSIGN_OR_RETURN(
        const auto ids,
        provenances_in_scope(context_.store, context_.files, context_.job_id, context_.prepared,
                             *context_.inputs.referred, context_.inputs.provenances,
                             [this](std::uint64_t bytes) { return context_.step(bytes); }));
    for (const auto& id : ids) SLUICE_RETURN_IF_ERROR(give(context_, id, AgeRule::kOwn, visitor));
    return {};
  }

 private:
  const SourceContext& context_;
};

class ChosenProvenanceSource final : public RecordSource {
 public:
  explicit ChosenProvenanceSource(const SourceContext& context) : context_(context) {}

  Result<void> read(RecordVisitor& visitor) override {
    std::string last;
    return each_merged_line(context_, [&](std::string_view line) -> Result<void> {
      const auto chosen = parse_chosen(line);
      if (!chosen) return corrupt("an internal file of an export cannot be read");
      if (chosen->id == last) return {};
      last = chosen->id;
      return give(context_, last, chosen->rule, visitor);
    });
  }

 private:
  const SourceContext& context_;
};

}  // namespace

std::unique_ptr<RecordSource> make_provenance_scan_source(const SourceContext& context,
                                                          std::span<const Segment> segments) {
  return std::make_unique<ProvenanceScanSource>(context, segments.front().range);
}

std::unique_ptr<RecordSource> make_provenance_change_source(const SourceContext& context,
                                                            std::span<const Segment>) {
  return std::make_unique<ProvenanceChangeSource>(context);
}

std::unique_ptr<RecordSource> make_provenance_scope_source(const SourceContext& context,
                                                           std::span<const Segment>) {
  return std::make_unique<ProvenanceScopeSource>(context);
}

std::unique_ptr<RecordSource> make_chosen_provenance_source(const SourceContext& context,
                                                            std::span<const Segment>) {
  return std::make_unique<ChosenProvenanceSource>(context);
}

}  // namespace sluice::bulk
