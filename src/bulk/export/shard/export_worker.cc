#include "bulk/export/shard/export_worker.h"

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "bulk/export/request/export_phases.h"
#include "bulk/export/shard/deletions.h"
#include "bulk/export/shard/ndjson_files.h"
#include "bulk/export/shard/provenance_choice.h"
#include "bulk/export/shard/record_pipeline.h"
#include "bulk/export/shard/record_sinks.h"
#include "bulk/export/shard/record_sources.h"
#include "bulk/export/shard/shard_files.h"
#include "bulk/export/shard/shard_progress.h"
#include "bulk/export/shard/sorted_block_sink.h"
#include "bulk/export/shard/view_sink.h"
#include "fhir/operation_outcome.h"

namespace sluice::bulk {
namespace {

class ShardRun {
 public:
  ShardRun(const WorkerEnvironment& environment, const PreparedExport& prepared,
           const job::Job& job, const job::Shard& shard, const ShardInputs& inputs,
           const job::ShardContext& context)
      : environment_(environment),
        prepared_(prepared),
        request_(prepared.request),
        job_(job),
        stem_(fmt::format("{}-{:05}", shard.phase, shard.number)),
        inputs_(inputs),
        scope_(prepared),
        progress_(context),
        sources_{environment.store, environment.files, job.id, stem_, prepared, scope_, inputs,
                 progress_},
        filter_(prepared, scope_,
                shard.phase < kSupportingPhase && takes_supporting(prepared.request), progress_),
        transforms_(
            prepared,
            [this](std::string_view id) { return environment_.binary_url(job_, request_, id); }),
        files_(environment.files, job.id, stem_),
        size_max_(file_size_max(prepared.request, environment.file_size_max)),
        messages_(files_, size_max_),
        sink_(make_sink({files_, prepared.request, shard.phase, size_max_, prepared.views,
                         &messages_, context.stop})),
        pipeline_(filter_, transforms_, *sink_) {}

  Result<void> run(std::span<const Segment> segments) {
    while (!segments.empty()) {
      const std::size_t count = segments_of_source(segments);
      SLUICE_RETURN_IF_ERROR(run_together(segments.first(count)));
      segments = segments.subspan(count);
    }
    return {};
  }

  Result<ShardResult> finish() {
    SLUICE_RETURN_IF_ERROR(sink_->finish());
    SLUICE_RETURN_IF_ERROR(messages_.finish());
    SLUICE_RETURN_IF_ERROR(files_.finish());
    ShardResult result;
    result.files = files_.take();
    result.runs = sink_->take_runs();
    if (runs_) {
      SLUICE_RETURN_IF_ERROR(runs_->finish());
      for (auto& run : runs_->take_files()) result.runs.push_back(std::move(run));
    }
    SLUICE_ASSIGN_OR_RETURN(result.references, keep_references(environment_.files, job_.id, stem_,
                                                               filter_.references()));
    if (provenances_) {
      SLUICE_ASSIGN_OR_RETURN(result.provenances,
                              provenances_->keep(environment_.files, job_.id, stem_));
      result.provenances_of = provenances_->types();
    }
    if (!result.files.empty() || !result.runs.empty() || !result.references.file.empty() ||
        !result.provenances.file.empty())
      SLUICE_RETURN_IF_ERROR(environment_.files.sync_folder(job_.id));
    return result;
  }

 private:
  // Segments that one source reads, or one that is no reading of records.
  Result<void> run_together(std::span<const Segment> segments) {
    const Segment& segment = segments.front();
    switch (segment.mode) {
      case ReadMode::kOutcome:
        return outcome();
      case ReadMode::kDeleted:
        return deletions().write_part(segment.part, segment.parts);
      case ReadMode::kLatest:
        return choose_latest(sources_, write_runs(kChosenRuns));
      case ReadMode::kEmpty:
        return write_empty_table({files_, request_, 0, size_max_, prepared_.views}, segment.part);
      case ReadMode::kBlocks:
        return merge_blocks(sources_, *sink_);
      case ReadMode::kSupporting:
        return supporting(segments);
      case ReadMode::kProvenance:
      case ReadMode::kProvenanceChanges:
      case ReadMode::kProvenanceOfScope:
        return provenance(segments);
      default:
        if (segment.finds_provenances && !provenances_) {
          provenances_.emplace(environment_.store, prepared_.snapshot.sequence);
          sources_.provenances = &*provenances_;
        }
        return read(segments, pipeline_);
    }
  }

  Result<void> read(std::span<const Segment> segments, RecordVisitor& visitor) {
    SLUICE_ASSIGN_OR_RETURN(const auto source, make_source(sources_, segments));
    return source->read(visitor);
  }

  Result<void> provenance(std::span<const Segment> segments) {
    if (request_.associated_provenance == AssociatedProvenance::kLatest) {
      ProvenanceCandidates candidates(sources_, write_runs(kCandidateRuns));
      return read(segments, candidates);
    }
    ProvenanceFilter filter(sources_, pipeline_);
    return read(segments, filter);
  }

  Result<void> supporting(std::span<const Segment> segments) {
    SLUICE_ASSIGN_OR_RETURN(
        const auto found,
        follow_references(environment_.files, environment_.store, job_.id, inputs_.references,
                          prepared_.snapshot.sequence, request_, inputs_.referred.get()));
    sources_.supporting = &found;
    SLUICE_RETURN_IF_ERROR(read(segments, pipeline_));
    sources_.supporting = nullptr;
    if (request_.since) return deletions().write_supporting(found);
    return {};
  }

  Result<void> outcome() {
    for (const auto& skipped : request_.skipped)
      SLUICE_RETURN_IF_ERROR(messages_.append(
          FileKind::kOutcome, fhir::operation_outcome("warning", "not-supported", skipped)));
    return {};
  }

  RunWriter& write_runs(std::string_view purpose) {
    if (!runs_) runs_.emplace(environment_.files, job_.id, std::string(purpose), stem_);
    return *runs_;
  }

  Deletions deletions() {
    return Deletions(
        environment_.store, prepared_, messages_,
        [this](std::uint64_t bytes) { return progress_.step(bytes); }, progress_.bounds());
  }

  const WorkerEnvironment& environment_;
  const PreparedExport& prepared_;
  const ExportRequest& request_;
  const job::Job& job_;
  const std::string stem_;
  const ShardInputs& inputs_;
  const ExportScope scope_;
  ShardProgress progress_;
  SourceContext sources_;
  RecordFilter filter_;
  TransformChain transforms_;
  ShardFiles files_;
  const std::uint64_t size_max_;
  MessageFiles messages_;
  const std::unique_ptr<RecordSink> sink_;
  RecordPipeline pipeline_;
  // What is left for later phases.
  std::optional<ProvenanceCollector> provenances_;
  std::optional<RunWriter> runs_;
};

}  // namespace

Result<std::string> run_export_shard(const WorkerEnvironment& environment,
                                     const PreparedExport& prepared, const job::Job& job,
                                     const job::Shard& shard, const ShardInputs& inputs,
                                     const job::ShardContext& context) {
  SLUICE_ASSIGN_OR_RETURN(const auto spec, parse_shard_spec(shard.spec));
  ShardRun run(environment, prepared, job, shard, inputs, context);
  SLUICE_RETURN_IF_ERROR(run.run(spec.segments));
  SLUICE_ASSIGN_OR_RETURN(const auto result, run.finish());
  return serialize(result);
}

}  // namespace sluice::bulk
