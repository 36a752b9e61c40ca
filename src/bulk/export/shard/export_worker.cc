#include "bulk/export/shard/export_worker.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "bulk/export/plan/change_window.h"
#include "bulk/export/request/export_phases.h"
#include "bulk/export/shard/deletions.h"
#include "bulk/export/shard/ndjson_files.h"
#include "bulk/export/shard/owner_merge.h"
#include "bulk/export/shard/provenance.h"
#include "bulk/export/shard/record_sinks.h"
#include "bulk/export/shard/record_transform.h"
#include "bulk/export/shard/record_view.h"
#include "bulk/export/shard/reference_set.h"
#include "bulk/export/shard/shard_files.h"
#include "bulk/export/shard/shard_progress.h"
#include "bulk/export/shard/sorted_block_sink.h"
#include "bulk/export/shard/supporting_references.h"
#include "fhir/operation_outcome.h"

namespace sluice::bulk {
namespace {

class ShardRun {
 public:
  ShardRun(const WorkerEnvironment& environment, const PreparedExport& prepared,
           const job::Job& job, const job::Shard& shard, const job::ShardContext& context)
      : environment_(environment),
        prepared_(prepared),
        request_(prepared.request),
        job_(job),
        stem_(fmt::format("{}-{:05}", shard.phase, shard.number)),
        collects_references_(shard.phase < kSupportingPhase && takes_supporting(prepared.request)),
        scope_(prepared),
        files_(environment.files, job.id, stem_),
        size_max_(file_size_max(prepared.request, environment.file_size_max)),
        sink_(make_sink({files_, prepared.request, shard.phase, size_max_})),
        messages_(files_, size_max_),
        transforms_(
            prepared,
            [this](std::string_view id) { return environment_.binary_url(job_, request_, id); }),
        progress_(context) {}

  Result<void> run(const Segment& segment, const ShardInputs& inputs) {
    only_new_members_ = segment.mode == ReadMode::kNewMembers;
    switch (segment.mode) {
      case ReadMode::kScan:
        return scan(segment.range);
      case ReadMode::kSeek:
      case ReadMode::kNewMembers:
        if (segment.finds_provenances) {
          if (!provenances_) provenances_.emplace(environment_.store, prepared_.snapshot.sequence);
          provenances_->begin(segment.range.type);
        }
        return seek(segment.range, *prepared_.roster, segment.finds_provenances);
      case ReadMode::kFilteredIds:
        return filtered_ids(segment.range.type);
      case ReadMode::kFilteredPatients:
        return filtered_patients(segment.range);
      case ReadMode::kGroups:
        return groups();
      case ReadMode::kChanges:
        return changes(segment);
      case ReadMode::kSupporting:
        return supporting(inputs);
      case ReadMode::kOutcome:
        return outcome();
      case ReadMode::kDeleted:
        return deletions().write_part(segment.part, segment.parts);
      case ReadMode::kProvenance:
      case ReadMode::kProvenanceChanges:
      case ReadMode::kProvenanceOfScope:
        return provenance(segment, inputs);
      case ReadMode::kLatest:
        return latest(inputs.runs);
      case ReadMode::kChosen:
        return chosen(inputs.runs);
      case ReadMode::kBlocks:
        return blocks(inputs.runs);
      case ReadMode::kByOwner:
        break;
    }
    return corrupt("a stored part of an export cannot be read", "read mode");
  }

  // P-09: the segments merged in the order of owners. Each patient's block has all that refers to
  // them, so what refers to several stands in several.
  Result<void> by_owner(const std::vector<Segment>& segments) {
    std::vector<store::KeyRange> ranges;
    ranges.reserve(segments.size());
    for (const auto& segment : segments) ranges.push_back(segment.range);
    SLUICE_TRY(auto merge, OwnerMerge::open(environment_.store, std::move(ranges),
                                            prepared_.snapshot.sequence, prepared_.roster.get()));
    std::string owner;
    while (true) {
      SLUICE_TRY(const store::RecordView* const record, merge.next());
      if (record == nullptr) return {};
      SLUICE_CHECK(step(record->json.size()));
      if (record->owner != owner) {
        owner = record->owner;
        SLUICE_CHECK(sink_->begin_block(fhir::types::kPatient, owner));
      }
      SLUICE_CHECK(take_or_follow(*record));
    }
  }

  Result<ShardResult> finish() {
    SLUICE_CHECK(sink_->finish());
    SLUICE_CHECK(messages_.finish());
    SLUICE_CHECK(files_.finish());
    ShardResult result;
    result.files = files_.take();
    result.runs = sink_->take_runs();
    if (runs_) {
      SLUICE_CHECK(runs_->finish());
      for (auto& run : runs_->take_files()) result.runs.push_back(std::move(run));
    }
    SLUICE_TRY(result.references, keep_references(environment_.files, job_.id, stem_, references_));
    if (provenances_) {
      SLUICE_TRY(result.provenances, provenances_->keep(environment_.files, job_.id, stem_));
      result.provenances_of = provenances_->types();
    }
    if (!result.files.empty() || !result.runs.empty() || !result.references.file.empty() ||
        !result.provenances.file.empty())
      SLUICE_CHECK(environment_.files.sync_folder(job_.id));
    return result;
  }

 private:
  Result<std::unique_ptr<store::Scan>> open(const store::KeyRange& range) const {
    return environment_.store.scan(range, prepared_.snapshot.sequence);
  }

  Result<std::optional<store::Record>> read(const fhir::ResourceId& key) const {
    return environment_.store.read(key, prepared_.snapshot.sequence);
  }

  Result<void> scan(const store::KeyRange& range) {
    SLUICE_TRY(const auto scan, open(range));
    const Roster* roster = prepared_.roster.get();
    store::RecordView record;
    std::string owner;          // of the last record
    bool owner_wanted = false;  // whether the roster has it
    while (true) {
      SLUICE_TRY(const bool more, scan->next(record));
      if (!more) return {};
      SLUICE_CHECK(step(record.json.size()));
      if (roster != nullptr && (owner.empty() || record.owner != owner)) {
        owner = record.owner;
        owner_wanted = roster->contains(owner);
      }
      if (roster != nullptr && !owner_wanted) continue;
      SLUICE_CHECK(take(record));
    }
  }

  // What a filter names by id or by patient is found without reading the rest of the type.
  Result<void> filtered_ids(fhir::ResourceType type) {
    const auto ids = prepared_.filters.ids_of(type);
    if (!ids) return corrupt("a stored part of an export cannot be read", "filter without ids");
    for (const auto& id : *ids) {
      SLUICE_TRY(const auto record, read({type, id}));
      if (!record) continue;
      SLUICE_CHECK(step(record->json.size()));
      SLUICE_TRY(const bool covered, scope_.covers(*record));
      if (covered) SLUICE_CHECK(take(*record));
    }
    return {};
  }

  Result<void> filtered_patients(const store::KeyRange& range) {
    const auto ids = prepared_.filters.patients_of(range.type);
    if (!ids) return corrupt("a stored part of an export cannot be read", "filter without ids");
    const Roster patients(*ids);
    sought_ = &patients;
    auto sought = seek(range, patients, false);
    sought_ = nullptr;
    return sought;
  }

  Result<void> seek(const store::KeyRange& range, const Roster& roster, bool finds_provenances) {
    SLUICE_TRY(const auto scan, open(range));
    store::RecordView record;
    for (std::size_t i = 0; i < roster.size();) {
      if (only_new_members_ && !roster.is_new(i)) {
        ++i;
        continue;
      }
      scan->seek_owner(roster[i]);
      SLUICE_CHECK(step(ShardProgress::kStep / 64));
      while (true) {
        SLUICE_TRY(const bool more, scan->next(record));
        if (!more) return {};
        if (record.owner != roster[i]) break;
        SLUICE_CHECK(step(record.json.size()));
        if (finds_provenances) SLUICE_CHECK(provenances_->look_at(record.id));
        SLUICE_CHECK(take(record));
      }
      // The record that ended this patient tells how far there is nothing.
      const std::size_t next = roster.lower_bound(record.owner);
      i = std::max(i + 1, next);
    }
    return {};
  }

  Result<void> groups() {
    if (request_.level == ExportLevel::kGroup) {
      SLUICE_TRY(const auto record, read({fhir::types::kGroup, request_.group_id}));
      if (!record) return {};
      return take(*record);
    }
    SLUICE_TRY(const auto scan, open(store::whole_type(fhir::types::kGroup)));
    store::RecordView record;
    while (true) {
      SLUICE_TRY(const bool more, scan->next(record));
      if (!more) return {};
      SLUICE_CHECK(step(record.json.size()));
      SLUICE_TRY(const bool covered, scope_.covers_group(record.json));
      if (covered) SLUICE_CHECK(take(record));
    }
  }

  Result<void> puts_since(const std::function<void(const store::Change&)>& visit) {
    return each_put_since(
        environment_.store, request_, prepared_.snapshot,
        [this](std::uint64_t bytes) { return step(bytes); }, visit);
  }

  Result<void> changes(const Segment& segment) {
    using OwnersById = std::map<std::string, std::string, std::less<>>;
    std::map<fhir::ResourceType, OwnersById> changed;
    SLUICE_CHECK(puts_since([&](const store::Change& change) {
      if (!request_.wants(change.type) || part_of(change, segment.parts) != segment.part) return;
      if (change.type == fhir::types::kProvenance && chooses_provenance(request_)) return;
      changed[change.type].insert_or_assign(std::string(change.id), change.owner);
    }));
    for (const auto& [type, owners] : changed) {
      for (const auto& [id, owner] : owners) {
        SLUICE_TRY(const auto record,
                   environment_.store.read_of(owner, {type, id}, prepared_.snapshot.sequence));
        if (!record) continue;
        SLUICE_CHECK(step(record->json.size()));
        // Shards of their own read all that new members have.
        if (scope_.is_of_new_member(record->owners)) continue;
        SLUICE_TRY(const bool covered, scope_.covers(*record));
        if (covered) SLUICE_CHECK(take(*record));
      }
    }
    return {};
  }

  Result<void> supporting(const ShardInputs& inputs) {
    SLUICE_TRY(const auto found,
               close_references(environment_.files, environment_.store, job_.id, inputs.references,
                                prepared_.snapshot.sequence, request_, inputs.referred.get()));
    for (const auto& [type, ids] : found.all) {
      if (!request_.wants(type)) continue;
      const auto of_new_members = found.of_new_members.find(type);
      for (const auto& id : ids) {
        SLUICE_TRY(const auto record,
                   environment_.store.read_of({}, {type, id}, prepared_.snapshot.sequence));
        if (!record) continue;
        SLUICE_CHECK(step(record->json.size()));
        const bool whatever_age =
            of_new_members != found.of_new_members.end() && of_new_members->second.contains(id);
        SLUICE_CHECK(put(record->key.type, *record, whatever_age));
      }
    }
    if (request_.since) return deletions().write_supporting(found);
    return {};
  }

  Result<void> provenance(const Segment& segment, const ShardInputs& inputs) {
    ProvenanceSelector selector(environment_.store, prepared_, inputs.referred.get());
    if (request_.associated_provenance == AssociatedProvenance::kLatest)
      runs_.emplace(environment_.files, job_.id, std::string(kCandidateRuns), stem_);
    if (segment.mode == ReadMode::kProvenanceChanges) {
      std::set<std::string> ids;
      SLUICE_CHECK(puts_since([&](const store::Change& change) {
        if (change.type == fhir::types::kProvenance) ids.emplace(change.id);
      }));
      return each_provenance(selector, ids);
    }
    if (segment.mode == ReadMode::kProvenanceOfScope) {
      SLUICE_TRY(const auto ids,
                 provenances_in_scope(environment_.store, environment_.files, job_.id, prepared_,
                                      *inputs.referred, inputs.provenances,
                                      [this](std::uint64_t bytes) { return step(bytes); }));
      return each_provenance(selector, ids);
    }
    SLUICE_TRY(const auto scan, open(segment.range));
    store::RecordView record;
    while (true) {
      SLUICE_TRY(const bool more, scan->next(record));
      if (!more) return {};
      SLUICE_CHECK(step(record.json.size()));
      if (!record.is_link) SLUICE_CHECK(choose_provenance(selector, record.type, record));
    }
  }

  template <class Ids>
  Result<void> each_provenance(ProvenanceSelector& selector, const Ids& ids) {
    for (const auto& id : ids) {
      SLUICE_TRY(const auto record, read({fhir::types::kProvenance, id}));
      if (!record) continue;
      SLUICE_CHECK(step(record->json.size()));
      SLUICE_CHECK(choose_provenance(selector, record->key.type, *record));
    }
    return {};
  }

  template <class AnyRecord>
  Result<void> choose_provenance(ProvenanceSelector& selector, fhir::ResourceType type,
                                 const AnyRecord& record) {
    // The latest is that of those which may be seen.
    SLUICE_TRY(const bool seen, prepared_.filters.sees(matcher_, type, record.json));
    if (!seen) return {};
    if (runs_)
      return selector.add_candidates(record.last_updated, view_of(record).id, record.json, *runs_);
    SLUICE_TRY(const auto choice, selector.choose(record.owners, record.json));
    if (!choice) return {};
    return put_provenance(type, record, *choice);
  }

  // Calls `visit` with each line of the merged runs.
  template <class Visit>
  Result<void> each_merged(const std::vector<std::string>& runs, Visit visit) {
    SLUICE_TRY(auto merge, RunMerge::open(environment_.files, job_.id, runs, stem_,
                                          [this](std::uint64_t bytes) { return step(bytes); }));
    while (true) {
      SLUICE_TRY(const auto line, merge.next());
      if (!line) return merge.remove_merged();
      SLUICE_CHECK(visit(*line));
    }
  }

  Result<void> latest(const std::vector<std::string>& runs) {
    runs_.emplace(environment_.files, job_.id, std::string(kChosenRuns), stem_);
    std::string target;
    return each_merged(runs, [&](std::string_view line) -> Result<void> {
      const auto candidate = parse_candidate(line);
      if (!candidate) return corrupt("an internal file of an export cannot be read");
      if (candidate->target == target) return {};
      target = candidate->target;
      return runs_->add(run_part(candidate->id), chosen_line(*candidate));
    });
  }

  Result<void> chosen(const std::vector<std::string>& runs) {
    std::string last;
    return each_merged(runs, [&](std::string_view line) -> Result<void> {
      const auto chosen = parse_chosen(line);
      if (!chosen) return corrupt("an internal file of an export cannot be read");
      if (chosen->id == last) return {};
      last = chosen->id;
      SLUICE_TRY(const auto record, read({fhir::types::kProvenance, last}));
      if (!record) return {};
      SLUICE_CHECK(step(record->json.size()));
      return put_provenance(record->key.type, *record, chosen->rule);
    });
  }

  // P-09, for organisers that are referred to from anywhere.
  Result<void> blocks(const std::vector<std::string>& runs) {
    std::string instance;
    return each_merged(runs, [&](std::string_view line) -> Result<void> {
      const auto parts = parse_block_line(line);
      if (!parts) return corrupt("an internal file of an export cannot be read");
      if (parts->instance != instance) {
        instance = parts->instance;
        SLUICE_CHECK(sink_->begin_block(*request_.organize_by, instance));
      }
      return sink_->append({parts->type, parts->id, parts->resource, parts->resource});
    });
  }

  Deletions deletions() {
    return Deletions(environment_.store, prepared_, messages_,
                     [this](std::uint64_t bytes) { return step(bytes); });
  }

  Result<void> outcome() {
    for (const auto& skipped : request_.skipped)
      SLUICE_CHECK(messages_.append(FileKind::kOutcome,
                                    fhir::operation_outcome("warning", "not-supported", skipped)));
    return {};
  }

  Result<void> take(const store::RecordView& record) {
    // Sought by patient, a resource of several is found with each of them.
    const bool by_owner = request_.level != ExportLevel::kSystem || sought_ != nullptr;
    if (by_owner && !record.owner.empty()) {
      store::OwnerList owners(record.owners);
      const auto first = owners.next();
      const bool several = owners.next().has_value();
      if ((several || !first) && !is_first_found(record)) return {};
    }
    if (record.is_link && !by_owner) return {};
    // A filter's patients need not be the export's: another owner may be.
    if (sought_ != nullptr && request_.level != ExportLevel::kSystem &&
        !scope_.covers_owner(record.owners))
      return {};
    return take_or_follow(record);
  }

  bool is_first_found(const store::RecordView& record) const {
    if (sought_ == nullptr)
      return scope_.is_first_covered(record.owners, record.owner, only_new_members_);
    store::OwnerList owners(record.owners);
    while (const auto owner = owners.next())
      if (sought_->contains(*owner)) return *owner == record.owner;
    return false;
  }

  // A link leads to the resource, which stands with its first owner.
  Result<void> take_or_follow(const store::RecordView& record) {
    if (record.is_link) {
      SLUICE_TRY(const auto linked, read({record.type, std::string(record.id)}));
      if (!linked) return {};
      return take(*linked);
    }
    return put(record.type, record, scope_.is_of_new_member(record.owners));
  }

  Result<void> take(const store::Record& record) {
    return put(record.key.type, record, scope_.is_of_new_member(record.owners));
  }

  template <class AnyRecord>
  Result<void> put_provenance(fhir::ResourceType type, const AnyRecord& record, AgeRule rule) {
    return put(type, record, rule != AgeRule::kOwn, rule == AgeRule::kOfNewMember);
  }

  template <class AnyRecord>
  Result<void> put(fhir::ResourceType type, const AnyRecord& record, bool whatever_age) {
    return put(type, record, whatever_age, whatever_age);
  }

  template <class AnyRecord>
  Result<void> put(fhir::ResourceType type, const AnyRecord& record, bool whatever_age,
                   bool of_new_member) {
    // A supporting resource that changed is wanted although what refers to it did not.
    const bool is_in_time = scope_.in_time(record.last_updated, whatever_age);
    if (!is_in_time && !collects_references_) return {};
    SLUICE_TRY(const bool passes, prepared_.filters.pass(matcher_, type, record.json));
    if (!passes) return {};
    if (collects_references_)
      (of_new_member ? references_.of_new_members : references_.ordinary)
          .add_all(record.supporting);
    if (!is_in_time) return {};
    SLUICE_TRY(const std::string_view line, transforms_.apply(view_of(record)));
    return sink_->append({type, view_of(record).id, record.json, line});
  }

  Result<void> step(std::uint64_t bytes) { return progress_.step(bytes); }

  const WorkerEnvironment& environment_;
  const PreparedExport& prepared_;
  const ExportRequest& request_;
  const job::Job& job_;
  const std::string stem_;
  const bool collects_references_;
  const ExportScope scope_;
  ShardFiles files_;
  const std::uint64_t size_max_;
  const std::unique_ptr<RecordSink> sink_;
  MessageFiles messages_;
  TransformChain transforms_;
  FoundReferences references_;
  std::optional<ProvenanceCollector> provenances_;
  std::optional<RunWriter> runs_;
  const Roster* sought_ = nullptr;  // the patients of a segment that is kFilteredPatients
  bool only_new_members_ = false;   // this segment is kNewMembers
  search::Matcher matcher_;
  ShardProgress progress_;
};

}  // namespace

Result<std::string> run_export_shard(const WorkerEnvironment& environment,
                                     const PreparedExport& prepared, const job::Job& job,
                                     const job::Shard& shard, const ShardInputs& inputs,
                                     const job::ShardContext& context) {
  SLUICE_TRY(const auto spec, parse_shard_spec(shard.spec));
  ShardRun run(environment, prepared, job, shard, context);
  if (!spec.segments.empty() && spec.segments.front().mode == ReadMode::kByOwner) {
    SLUICE_CHECK(run.by_owner(spec.segments));
  } else {
    for (const auto& segment : spec.segments) SLUICE_CHECK(run.run(segment, inputs));
  }
  SLUICE_TRY(const auto result, run.finish());
  return serialize(result);
}

}  // namespace sluice::bulk
