// Visitors between the sources of Provenances and the pipeline: pass on Provenances whose targets
// belong to the export, or record their targets, so that the newest of each is found later
// (P-08).
#pragma once

#include "bulk/export/request/export_scope.h"
#include "bulk/export/shard/provenance.h"
#include "bulk/export/shard/record_source.h"
#include "bulk/export/shard/record_sources.h"
#include "bulk/export/shard/sorted_runs.h"
#include "search/matcher.h"

namespace sluice::bulk {

/// Passes on those that belong to the export, by their targets.
class ProvenanceFilter final : public RecordVisitor {
 public:
  ProvenanceFilter(const SourceContext& context, RecordVisitor& behind)
      : filters_(context.prepared.filters),
        selector_(context.store, context.prepared, context.inputs.referred.get(),
                  context.progress.bounds()),
        behind_(behind),
        matcher_([&progress = context.progress] { return progress.look(); }) {}

  Result<void> visit(const store::RecordView& record, AgeRule age) override;

 private:
  const ExportFilters& filters_;
  ProvenanceSelector selector_;
  RecordVisitor& behind_;
  search::Matcher matcher_;
};

/// Adds them to the runs of candidates.
class ProvenanceCandidates final : public RecordVisitor {
 public:
  ProvenanceCandidates(const SourceContext& context, RunWriter& runs)
      : filters_(context.prepared.filters),
        selector_(context.store, context.prepared, context.inputs.referred.get(),
                  context.progress.bounds()),
        runs_(runs),
        matcher_([&progress = context.progress] { return progress.look(); }) {}

  Result<void> visit(const store::RecordView& record, AgeRule age) override;

 private:
  const ExportFilters& filters_;
  ProvenanceSelector selector_;
  RunWriter& runs_;
  search::Matcher matcher_;
};

/// Merges runs of candidates and adds the newest of each target to the runs of those chosen.
Result<void> choose_latest(const SourceContext& context, RunWriter& runs);

}  // namespace sluice::bulk
