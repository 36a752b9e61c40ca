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

/// Of the Provenances that it is given, those that may be seen.
class SeenProvenances : public RecordVisitor {
 public:
  explicit SeenProvenances(const SourceContext& context)
      : selector_(context.store, context.prepared, context.inputs.referred.get(),
                  context.progress.bounds()),
        filters_(context.prepared.filters),
        matcher_([&progress = context.progress] { return progress.look(); }) {}

  Result<void> visit(const store::RecordView& record, AgeRule age) final;

 protected:
  virtual Result<void> take(const store::RecordView& provenance) = 0;

  ProvenanceSelector selector_;

 private:
  const ExportFilters& filters_;
  search::Matcher matcher_;
};

/// Passes on those that belong to the export, by their targets.
class ProvenanceFilter final : public SeenProvenances {
 public:
  ProvenanceFilter(const SourceContext& context, RecordVisitor& behind)
      : SeenProvenances(context), behind_(behind) {}

 private:
  Result<void> take(const store::RecordView& provenance) override;

  RecordVisitor& behind_;
};

/// Adds them to the runs of candidates: the latest is that of those which may be seen.
class ProvenanceCandidates final : public SeenProvenances {
 public:
  ProvenanceCandidates(const SourceContext& context, RunWriter& runs)
      : SeenProvenances(context), runs_(runs) {}

 private:
  Result<void> take(const store::RecordView& provenance) override;

  RunWriter& runs_;
};

/// Merges runs of candidates and adds the newest of each target to the runs of those chosen.
Result<void> choose_latest(const SourceContext& context, RunWriter& runs);

}  // namespace sluice::bulk
